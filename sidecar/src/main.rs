//! The `ark` command.
fn main() {}
