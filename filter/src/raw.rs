//! The one host call that the SDK does not serve well: reading a header map costs it two allocations
//! per header, and ours are read once and mostly skipped.

#![expect(
    unsafe_code,
    reason = "a host call that returns memory is unsafe by nature"
)]

use std::ptr;

use proxy_wasm::types::{MapType, Status};

#[cfg_attr(target_family = "wasm", link(wasm_import_module = "env"))]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: MapType, data: *mut *mut u8, size: *mut usize) -> Status;
}

/// A header map in the ABI's wire form, see [`pairs`]; empty when there is none.
pub(crate) fn header_map(map: MapType) -> Vec<u8> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    // SAFETY: both pointers are valid for writes. The host leaves them alone, or gives away a buffer
    // of exactly `size` bytes that it allocated with this module's allocator.
    unsafe {
        let status = proxy_get_header_map_pairs(map, &raw mut data, &raw mut size);
        if status != Status::Ok || data.is_null() {
            return Vec::new();
        }
        Vec::from_raw_parts(data, size, size)
    }
}

/// The names and values of a map in wire form (proxy-wasm ABI 0.2.1): a count, the sizes of each name
/// and value, then names and values, each followed by a NUL; numbers are 32 bits, little-endian.
/// Ends early where the form is broken.
pub(crate) fn pairs(wire: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let count = number(wire, 0).unwrap_or(0);
    let mut at = count.saturating_mul(8).saturating_add(4);
    (0..count).map_while(move |i| {
        let sizes = i * 8 + 4;
        let (name_size, value_size) = (number(wire, sizes)?, number(wire, sizes + 4)?);
        let name = wire.get(at..at.checked_add(name_size)?)?;
        at += name_size + 1;
        let value = wire.get(at..at.checked_add(value_size)?)?;
        at += value_size + 1;
        Some((name, value))
    })
}

fn number(wire: &[u8], at: usize) -> Option<usize> {
    let bytes = wire.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(count: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
        let mut wire = count.to_le_bytes().to_vec();
        wire.extend(sizes.iter().flat_map(|n| n.to_le_bytes()));
        wire.extend(data);
        wire
    }

    #[test]
    fn a_map_is_read_in_order() {
        let wire = wire(2, &[1, 2, 3, 0], b"a\0bc\0def\0\0");
        let read: Vec<_> = pairs(&wire).collect();
        assert_eq!(read, [(&b"a"[..], &b"bc"[..]), (b"def", b"")]);
    }

    #[test]
    fn a_broken_map_ends_early() {
        for broken in [
            vec![],
            vec![1, 0],
            wire(u32::MAX, &[], b""),
            wire(2, &[1, 1], b"a\0b\0"),
            wire(1, &[1, u32::MAX], b"a\0"),
        ] {
            assert!(pairs(&broken).count() <= 1, "{broken:?}");
        }
    }
}
