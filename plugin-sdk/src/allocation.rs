//! The allocator of packs.
//!
//! Every call of a pack runs in a fresh instance, and most need a few kilobytes. Rust's own allocator asks the host for
//! a page at its first allocation, which costs a fresh call as much as everything else together: the host has to open
//! the page, and to close it again for the next instance. So a pack begins with memory that is there already.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::UnsafeCell,
    mem::MaybeUninit,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Enough for the lines and texts of a usual order. Together with stack and data of a pack it stays within the first
/// 128 KiB, which a host keeps at hand between instances.
const RESERVE_BYTES: usize = 32 * 1024;

/// More than any type of a pack asks for.
const ALIGN_MAX: usize = 16;

#[repr(align(16))]
struct Reserve(UnsafeCell<[MaybeUninit<u8>; RESERVE_BYTES]>);

/// Hands out a reserve within the instance first, one piece after the other, and then what Rust's own allocator has.
/// In the reserve only the last piece can grow, shrink and be freed; the rest goes with the instance.
pub struct ReserveFirst {
    used: AtomicUsize,
    reserve: Reserve,
}

// SAFETY: every byte of the reserve is handed out to one owner at a time, by `used`, and only threads could meet while
// `used` changes: a pack has none.
unsafe impl Sync for ReserveFirst {}

impl ReserveFirst {
    /// With the whole reserve unused.
    #[expect(clippy::new_without_default, reason = "a global allocator is a static, which a default cannot make")]
    pub const fn new() -> Self {
        Self { used: AtomicUsize::new(0), reserve: Reserve(UnsafeCell::new([MaybeUninit::uninit(); RESERVE_BYTES])) }
    }

    fn base(&self) -> *mut u8 {
        self.reserve.0.get().cast()
    }

    /// Where in the reserve a piece begins, if it lies there.
    fn offset(&self, piece: *mut u8) -> Option<usize> {
        let offset = piece.addr().wrapping_sub(self.base().addr());
        (offset < RESERVE_BYTES).then_some(offset)
    }
}

// SAFETY: a piece of the reserve begins at a multiple of its alignment (the reserve itself is aligned to `ALIGN_MAX`),
// ends within the reserve, and begins at or after `used`, which then moves to its end; so no two pieces overlap. `used`
// moves back only to the start of the last piece, when that is freed, or to its new end. Everything else is `System`'s.
//
// Never inlined: a pack allocates in hundreds of places, and would grow by a sixth for three percent less fuel.
unsafe impl GlobalAlloc for ReserveFirst {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.used.load(Relaxed).next_multiple_of(layout.align());
        if layout.align() <= ALIGN_MAX && layout.size() <= RESERVE_BYTES.saturating_sub(start) {
            self.used.store(start + layout.size(), Relaxed);
            // SAFETY: `start` is at most the length of the reserve.
            unsafe { self.base().add(start) }
        } else {
            // SAFETY: the caller's promises are those that `System` asks for.
            unsafe { System.alloc(layout) }
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.offset(piece) {
            Some(start) if start + layout.size() == self.used.load(Relaxed) => self.used.store(start, Relaxed),
            Some(_) => {}
            // SAFETY: what is not in the reserve came from `System`.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(piece) else {
            // SAFETY: what is not in the reserve came from `System`.
            return unsafe { System.realloc(piece, layout, size) };
        };
        let is_last = start + layout.size() == self.used.load(Relaxed);
        if is_last && size <= RESERVE_BYTES - start {
            self.used.store(start + size, Relaxed);
            return piece;
        }
        // SAFETY: the caller promises that `size` is not zero and does not overflow when rounded up to the alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both are at least that long, and a new piece overlaps no other.
            unsafe { moved.copy_from_nonoverlapping(piece, layout.size().min(size)) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    #[test]
    fn pieces_are_aligned_and_apart() {
        let memory = ReserveFirst::new();
        let mut end = memory.base().addr();
        for (size, align) in [(1, 1), (8, 8), (3, 1), (16, 16), (5, 4)] {
            // SAFETY: no layout is empty.
            let piece = unsafe { memory.alloc(layout(size, align)) };
            assert_eq!(piece.addr() % align, 0);
            assert!(piece.addr() >= end);
            assert!(memory.offset(piece).is_some());
            end = piece.addr() + size;
        }
    }

    #[test]
    fn the_last_piece_grows_in_place_and_gives_back() {
        let memory = ReserveFirst::new();
        // SAFETY: no layout is empty, and every piece is given back with the layout that it has.
        unsafe {
            let first = memory.alloc(layout(8, 8));
            let last = memory.alloc(layout(8, 8));
            assert_eq!(memory.realloc(last, layout(8, 8), 100), last);
            memory.dealloc(last, layout(100, 8));
            assert_eq!(memory.alloc(layout(8, 8)), last);
            first.write_bytes(7, 8);
            let moved = memory.realloc(first, layout(8, 8), 16);
            assert_ne!(moved, first);
            assert_eq!(std::slice::from_raw_parts(moved, 8), [7; 8]);
        }
    }

    #[test]
    fn what_does_not_fit_comes_from_the_system() {
        let memory = ReserveFirst::new();
        // SAFETY: no layout is empty, and every piece is given back with the layout that it has.
        unsafe {
            let whole = memory.alloc(layout(RESERVE_BYTES, 1));
            assert!(memory.offset(whole).is_some());
            let more = memory.alloc(layout(1, 1));
            assert!(memory.offset(more).is_none());
            memory.dealloc(more, layout(1, 1));
            memory.dealloc(whole, layout(RESERVE_BYTES, 1));

            let small = memory.alloc(layout(4, 1));
            small.write_bytes(9, 4);
            let grown = memory.realloc(small, layout(4, 1), RESERVE_BYTES + 1);
            assert!(memory.offset(grown).is_none());
            assert_eq!(std::slice::from_raw_parts(grown, 4), [9; 4]);
            memory.dealloc(grown, layout(RESERVE_BYTES + 1, 1));

            let aligned = memory.alloc(layout(64, 64));
            assert!(memory.offset(aligned).is_none());
            memory.dealloc(aligned, layout(64, 64));
        }
    }
}
