//! One readable case per feature and direction.

mod asked;
mod errors;
mod streams;
mod told;
mod written;
