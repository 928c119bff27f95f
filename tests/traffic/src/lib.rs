//! Both ends of the traffic that Ark carries, for the demo, tests, drills and benchmarks.
//!
//! [`providers`] are scripted upstream servers that speak OpenAI's, Anthropic's, Google's, Amazon's and
//! others' APIs as strictly as the real ones; [`load`] is a client that sends many requests and tells how they went.
//! Neither knows anything of the gateway but its public headers.

pub mod load;
pub mod providers;
