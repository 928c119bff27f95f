//! Small free blocks, kept by size in front of the system's allocator.
//!
//! A request makes and drops some hundred small things. The system's allocator merges and splits blocks
//! each time; here a block of the same size is at hand. Wasm has one thread: nothing is locked.

use std::alloc::Layout;
use std::ptr;

/// A small block's size is a multiple of this.
const STEP_BYTES: usize = 32;
/// Kinds of small blocks; what is larger is the system's.
const KINDS: usize = 16;
/// The most bytes that are kept of one kind; more go back to the system.
const KEPT_LIMIT_BYTES: usize = 64 * 1024;
/// How blocks are aligned; what needs more is the system's.
const ALIGN_BYTES: usize = 8;

/// What stands in a free block.
struct Free {
    next: *mut Free,
}

/// The free blocks of one kind, the last freed first.
#[derive(Clone, Copy)]
struct Kind {
    first: *mut Free,
    kept_bytes: usize,
}

/// All kept blocks.
pub(crate) struct Blocks {
    kinds: [Kind; KINDS],
}

/// Which kind of block serves this, and how it is asked of the system; `None` where none does.
pub(crate) fn block_of(layout: Layout) -> Option<(usize, Layout)> {
    let kind = layout.size().checked_sub(1)? / STEP_BYTES;
    if kind >= KINDS || layout.align() > ALIGN_BYTES {
        return None;
    }
    let block = Layout::from_size_align((kind + 1) * STEP_BYTES, ALIGN_BYTES);
    Some((kind, block.ok()?))
}

impl Blocks {
    pub(crate) const fn new() -> Self {
        let none = Kind {
            first: ptr::null_mut(),
            kept_bytes: 0,
        };
        Self {
            kinds: [none; KINDS],
        }
    }

    /// Takes a block of this kind; null when none is kept.
    pub(crate) fn take(&mut self, kind: usize) -> *mut u8 {
        let Some(kept) = self.kinds.get_mut(kind) else {
            return ptr::null_mut();
        };
        let block = kept.first;
        if !block.is_null() {
            // SAFETY: what is kept was written by `keep`, and nobody else has it.
            kept.first = unsafe { (*block).next };
            kept.kept_bytes -= (kind + 1) * STEP_BYTES;
        }
        block.cast()
    }

    /// Keeps a free block of this kind; `false` when enough are kept.
    ///
    /// # Safety
    /// `start` is a block of this kind, as [`block_of`] has it, that nobody uses.
    pub(crate) unsafe fn keep(&mut self, kind: usize, start: *mut u8) -> bool {
        let Some(kept) = self.kinds.get_mut(kind) else {
            return false;
        };
        let bytes = (kind + 1) * STEP_BYTES;
        if kept.kept_bytes + bytes > KEPT_LIMIT_BYTES {
            return false;
        }
        let block: *mut Free = start.cast();
        // SAFETY: the caller's; a block has room for a pointer.
        unsafe { block.write(Free { next: kept.first }) };
        kept.first = block;
        kept.kept_bytes += bytes;
        true
    }
}

/// Overwrites a block with zeros, word by word: a call to fill memory costs a small block more. Stays
/// where the compiler sees that nobody reads them.
///
/// # Safety
/// `start` is a block of this layout, as [`block_of`] has it.
pub(crate) unsafe fn wipe(start: *mut u8, block: Layout) {
    let words: *mut u64 = start.cast();
    for word in 0..block.size() / size_of::<u64>() {
        // SAFETY: the caller's; a block is words throughout.
        unsafe { words.add(word).write_volatile(0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::{GlobalAlloc, System};

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn a_block_is_large_enough_and_no_kind_too_many() {
        for size in 1..=600 {
            match block_of(layout(size, 8)) {
                Some((kind, block)) => {
                    assert!(block.size() >= size && block.size() < size + STEP_BYTES);
                    assert!(kind < KINDS && size <= 512);
                }
                None => assert!(size > 512),
            }
        }
        assert_eq!(block_of(layout(64, 16)), None);
        assert_eq!(block_of(layout(0, 1)), None);
    }

    #[test]
    fn blocks_come_back_last_first_and_are_bounded() {
        let mut blocks = Blocks::new();
        let (kind, block) = block_of(layout(500, 8)).unwrap();
        assert!(blocks.take(kind).is_null());
        let most = KEPT_LIMIT_BYTES / block.size();
        // SAFETY: blocks of our own, freed at the end.
        unsafe {
            let all: Vec<_> = (0..=most).map(|_| System.alloc(block)).collect();
            for (i, start) in all.iter().enumerate() {
                assert_eq!(blocks.keep(kind, *start), i < most);
            }
            for start in all.iter().take(most).rev() {
                assert_eq!(blocks.take(kind), *start);
            }
            assert!(blocks.take(kind).is_null() && blocks.take(kind + KINDS).is_null());
            all.iter().for_each(|start| System.dealloc(*start, block));
        }
    }

    #[test]
    fn a_block_is_wiped_to_its_end() {
        let (_, block) = block_of(layout(33, 1)).unwrap();
        // SAFETY: a block of our own.
        unsafe {
            let start = System.alloc(block);
            start.write_bytes(7, block.size());
            wipe(start, block);
            assert_eq!(std::slice::from_raw_parts(start, 64), [0; 64]);
            System.dealloc(start, block);
        }
    }
}
