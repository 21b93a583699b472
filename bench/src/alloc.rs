//! Counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting. C libraries do not allocate through it.
pub struct Counting;

thread_local! {
    // Of each thread: a counter that threads share would be part of what is measured.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, octets: 0, held: 0 }) };
}

#[derive(Clone, Copy)]
struct Counts {
    allocations: u64,
    octets: u64,
    /// Allocated and not freed, if it is the same thread that frees.
    held: i64,
}

fn count(taken: usize, given: usize) {
    // A thread that ends counts no more.
    let _ = COUNTS.try_with(|counts| {
        let before = counts.get();
        counts.set(Counts {
            allocations: before.allocations + u64::from(taken > 0),
            octets: before.octets + taken as u64,
            held: before.held + taken as i64 - given as i64,
        });
    });
}

// SAFETY: every call goes to `System` as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// Has the system's allocator keep memory that is freed, for whichever library: else it gives some
/// of it back, and what the kernel takes to make new pages is part of what is measured.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets numbers.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 25);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}

/// How many allocations `work` makes, and of how many octets. A reallocation counts as one.
pub fn counted(work: impl FnOnce()) -> (u64, u64) {
    let before = COUNTS.get();
    work();
    let after = COUNTS.get();
    (
        after.allocations - before.allocations,
        after.octets - before.octets,
    )
}

/// How many octets this thread has allocated and not freed.
pub fn held() -> i64 {
    COUNTS.get().held
}
