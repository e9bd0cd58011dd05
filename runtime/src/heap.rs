//! The private heap: dlmalloc on our own mappings behind a spin lock.
//!
//! The program's malloc must never be entered from our code: a green may be parked inside it.
//! Only load, activation and the scheduler side allocate; the green side never does.
//! [`lock_for_fork`] holds the lock over a fork, so that the child finds the heap whole.
#![allow(unsafe_code)]

use crate::{arch::relax, sys};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};
use dlmalloc::Dlmalloc;

/// Where dlmalloc gets its pages: straight from the kernel.
struct Pages;

// SAFETY: `alloc` returns fresh zeroed mappings and `free` unmaps just those; parts are kept.
unsafe impl dlmalloc::Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        match sys::map_anonymous(size) {
            Some(address) => (address, size, 0),
            None => (core::ptr::null_mut(), 0, 0),
        }
    }
    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        core::ptr::null_mut()
    }
    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }
    fn free(&self, address: *mut u8, size: usize) -> bool {
        // SAFETY: dlmalloc frees only what `alloc` gave it and nobody uses any more.
        unsafe { sys::unmap(address, size) == 0 }
    }
    fn can_release_part(&self, _: u32) -> bool {
        false
    }
    fn allocates_zeros(&self) -> bool {
        true
    }
    fn page_size(&self) -> usize {
        4096
    }
}

/// The global allocator of `liblichen.so`.
pub struct Heap {
    busy: AtomicBool,
    inner: UnsafeCell<Dlmalloc<Pages>>,
}

// SAFETY: `inner` is touched only while `busy` is held.
unsafe impl Sync for Heap {}

impl Heap {
    /// An empty heap; maps nothing until the first allocation.
    pub const fn new() -> Heap {
        let inner = Dlmalloc::new_with_allocator(Pages);
        Heap {
            busy: AtomicBool::new(false),
            inner: UnsafeCell::new(inner),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Dlmalloc<Pages>) -> R) -> R {
        self.lock_for_fork();
        // SAFETY: `busy` is ours until the store below.
        let result = f(unsafe { &mut *self.inner.get() });
        self.unlock_after_fork();
        result
    }

    /// Takes the heap's lock; the forking thread holds it over the fork.
    pub fn lock_for_fork(&self) {
        while self.busy.swap(true, Ordering::Acquire) {
            relax();
        }
    }

    /// Gives it back, in parent and child.
    pub fn unlock_after_fork(&self) {
        self.busy.store(false, Ordering::Release);
    }
}

impl Default for Heap {
    fn default() -> Self {
        Heap::new()
    }
}

// SAFETY: dlmalloc keeps GlobalAlloc's contract; the lock makes it shareable.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passes the caller's contract on.
        self.with(|h| unsafe { h.malloc(layout.size(), layout.align()) })
    }
    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: passes the caller's contract on.
        self.with(|h| unsafe { h.free(address, layout.size(), layout.align()) })
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passes the caller's contract on.
        self.with(|h| unsafe { h.calloc(layout.size(), layout.align()) })
    }
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: passes the caller's contract on.
        self.with(|h| unsafe { h.realloc(address, layout.size(), layout.align(), size) })
    }
}
