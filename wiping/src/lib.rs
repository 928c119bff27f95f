//! An allocator that wipes what is freed: content and secrets are copied by every buffer that grows and
//! every parser, and what they leave behind would lie in memory until something else needs the place.
//!
//! In Wasm that is the whole of a request, as linear memory never shrinks; in the control plane, the
//! heads of requests, and configurations. In Wasm it also keeps small free blocks at hand (`blocks`).

#![expect(unsafe_code, reason = "an allocator is unsafe by nature")]

#[cfg(any(test, target_os = "wasi"))]
mod blocks;
#[cfg(target_os = "wasi")]
mod small;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

static WIPES: AtomicBool = AtomicBool::new(false);

/// The system's allocator, which wipes from [`Wiping::begin`] on.
#[derive(Debug)]
pub struct Wiping;

impl Wiping {
    /// Wipes from here on. What handles no secrets never asks for it, and pays nothing.
    pub fn begin() {
        WIPES.store(true, Ordering::Relaxed);
    }
}

fn wipes() -> bool {
    WIPES.load(Ordering::Relaxed)
}

/// Overwrites with zeros, also where the compiler sees that nobody reads them.
///
/// # Safety
/// As [`std::ptr::write_bytes`].
unsafe fn wipe(start: *mut u8, bytes: usize) {
    // SAFETY: the caller's.
    unsafe { start.write_bytes(0, bytes) };
    black_box(start);
}

// SAFETY: all of it is the system's allocator; what is wiped is about to be freed.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        #[cfg(target_os = "wasi")]
        if let Some(start) = small::alloc(layout) {
            return start;
        }
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        #[cfg(target_os = "wasi")]
        if let Some(start) = small::alloc(layout) {
            if !start.is_null() {
                // SAFETY: a block of at least this size, which is ours.
                unsafe { start.write_bytes(0, layout.size()) };
            }
            return start;
        }
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's: what `small` serves goes by its layout.
        #[cfg(target_os = "wasi")]
        if unsafe { small::free(start, layout) } {
            return;
        }
        // SAFETY: the caller's; the block is ours until it is freed.
        unsafe {
            if wipes() {
                wipe(start, layout.size());
            }
            System.dealloc(start, layout);
        }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        #[cfg(target_os = "wasi")]
        if small::fits(layout, size) {
            return start;
        }
        // SAFETY: the caller's. The system's own would leave what it moves behind.
        unsafe {
            // In Wasm old and new can be of different makers.
            if !cfg!(target_os = "wasi") && !wipes() {
                return System.realloc(start, layout, size);
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(start, layout.size().min(size));
                self.dealloc(start, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Wiping = Wiping;

    #[test]
    fn what_is_freed_is_zero_and_what_moves_is_whole() {
        Wiping::begin();
        let layout = Layout::from_size_align(4096, 8).unwrap();
        // SAFETY: a block of our own; its place is looked at before anything else can get it, past what
        // the system's allocator writes into a free block.
        unsafe {
            let start = ALLOCATOR.alloc(layout);
            start.write_bytes(7, 4096);
            let moved = ALLOCATOR.realloc(start, layout, 8192);
            assert_eq!(std::slice::from_raw_parts(moved, 4096), [7; 4096]);
            assert_eq!(start.add(64).read_volatile(), 0);
            let layout = Layout::from_size_align(8192, 8).unwrap();
            ALLOCATOR.dealloc(moved, layout);
        }
    }
}
