//! A compact form of what the filter and the sidecar say to each other, by serde.
//!
//! Numbers are varints (LEB128, signed ones in zigzag), strings and lists begin with their length. A
//! struct is its present fields, each named by 16 bits of a hash of its name ([`id`]), and so is the
//! variant of an enum. So a field that one side has and the other lacks is either defaulted or refused
//! with its name, and never read as another one. It does not describe itself: types that ask what comes
//! (`untagged`, `flatten`, an inner `tag`) cannot travel in it, nor can a field with an alias.
//!
//! It is compiled for size (`Cargo.toml`, profile `wasm`): a decoder of JSON for the same types is three
//! times as large.

mod error;
mod read;
mod write;

pub use error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes `value`.
///
/// # Errors
/// It holds what the form has no place for.
pub fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write_to(&mut out, value)?;
    Ok(out)
}

/// Writes `value` behind what is in `out`.
///
/// # Errors
/// It holds what the form has no place for; `out` then ends with a part of it.
pub fn write_to<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(&mut write::Writer::new(out))
}

/// Reads a value that fills `bytes`.
///
/// # Errors
/// They are not what [`write`] made of this type.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = read::Reader::new(bytes);
    let value = T::deserialize(&mut reader)?;
    match reader.is_done() {
        true => Ok(value),
        false => Err(Error::Excess),
    }
}

/// What stands for the name of a field or variant: FNV-1a of 32 bits, folded to 16.
#[must_use]
pub fn id(name: &str) -> u16 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = hash.to_le_bytes();
    u16::from_le_bytes([a ^ c, b ^ d])
}

#[cfg(test)]
mod tests;
