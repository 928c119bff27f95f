//! Running providers, seen from a raw socket and from the load client.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod control;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generator;
#[cfg(test)]
mod process;
