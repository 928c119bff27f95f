//! Both ends of the traffic.
fn main() {}
