//! Counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, counting. C libraries do not allocate through it.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static OCTETS: AtomicU64 = AtomicU64::new(0);

fn count(octets: usize) {
    // Not a read-modify-write: the program has one thread, and a locked instruction would be part
    // of what is measured.
    ALLOCATIONS.store(ALLOCATIONS.load(Relaxed) + 1, Relaxed);
    OCTETS.store(OCTETS.load(Relaxed) + octets as u64, Relaxed);
}

// SAFETY: every call goes to `System` as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
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
    let before = (ALLOCATIONS.load(Relaxed), OCTETS.load(Relaxed));
    work();
    (
        ALLOCATIONS.load(Relaxed) - before.0,
        OCTETS.load(Relaxed) - before.1,
    )
}
