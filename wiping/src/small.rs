//! The one set of small blocks of this VM.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;

use crate::blocks::{Blocks, block_of, wipe};
use crate::wipes;

struct OneThread(UnsafeCell<Blocks>);

// SAFETY: wasm32-wasip1 has no threads, and no call into `Blocks` calls back.
unsafe impl Sync for OneThread {}

static BLOCKS: OneThread = OneThread(UnsafeCell::new(Blocks::new()));

fn with<R>(f: impl FnOnce(&mut Blocks) -> R) -> R {
    // SAFETY: one thread, and `f` never nests: it only moves pointers.
    unsafe { f(&mut *BLOCKS.0.get()) }
}

/// A block for this; `None` where it is the system's to serve.
pub(crate) fn alloc(layout: Layout) -> Option<*mut u8> {
    let (kind, block) = block_of(layout)?;
    let kept = with(|blocks| blocks.take(kind));
    if !kept.is_null() {
        return Some(kept);
    }
    // SAFETY: a block has a size.
    Some(unsafe { System.alloc(block) })
}

/// Frees and wipes what [`alloc`] served; `false` where it is the system's.
///
/// # Safety
/// As [`GlobalAlloc::dealloc`].
pub(crate) unsafe fn free(start: *mut u8, layout: Layout) -> bool {
    let Some((kind, block)) = block_of(layout) else {
        return false;
    };
    // SAFETY: the caller's: with this layout it was `alloc` that served it, as a block of this kind. A
    // block is wiped to its end, as it may have been larger in the hands of who had it.
    unsafe {
        if wipes() {
            wipe(start, block);
        }
        if !with(|blocks| blocks.keep(kind, start)) {
            System.dealloc(start, block);
        }
    }
    true
}

/// Whether the block that serves this serves another size just as well.
pub(crate) fn fits(layout: Layout, size: usize) -> bool {
    let kind = |layout| block_of(layout).map(|(kind, _)| kind);
    let wanted = Layout::from_size_align(size, layout.align());
    kind(layout).is_some_and(|now| wanted.is_ok_and(|wanted| kind(wanted) == Some(now)))
}
