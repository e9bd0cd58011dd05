//! How many greens have which signal mask, and so what the kernel's mask must be: the intersection.
//! A signal is open in the kernel exactly when some green has it open. Pure; allocates nothing.

use core::cell::Cell;

/// Distinct masks told apart. A program with more of them at one time gets an open kernel mask for
/// the rest: signals then arrive and are noted by the shim instead of waiting in the kernel.
const CLASSES: usize = 64;

/// Every signal.
pub const ALL: u64 = u64::MAX;

/// The bit of a signal in a mask.
pub const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Never blocked in the kernel: SIGKILL and SIGSTOP cannot be, and a synchronous fault while
/// blocked would kill at once instead of reaching the recoverable copies of `shim::abi::user`.
pub const NEVER: u64 = bit(libc::SIGKILL)
    | bit(libc::SIGSTOP)
    | bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGILL)
    | bit(libc::SIGTRAP);

/// The multiset of the greens' masks.
pub struct Masks {
    classes: [Cell<(u64, u32)>; CLASSES],
    used: Cell<usize>,
    /// Signals that the kernel must never block, whatever the greens say.
    open: Cell<u64>,
}

impl Masks {
    /// No greens yet.
    pub const fn new() -> Masks {
        Masks {
            classes: [const { Cell::new((0, 0)) }; CLASSES],
            used: Cell::new(0),
            open: Cell::new(0),
        }
    }

    /// From now on the kernel never blocks the signals of `set`.
    pub fn keep_open(&self, set: u64) {
        self.open.set(self.open.get() | set);
    }

    /// Forgets all (the child of a fork).
    pub fn clear(&self) {
        self.used.set(0);
    }

    /// One more green has `mask`.
    pub fn add(&self, mask: u64) {
        let used = self.used.get();
        for class in self.classes.iter().take(used) {
            let (m, n) = class.get();
            if m == mask {
                return class.set((m, n + 1));
            }
        }
        let (slot, mask) = if used < CLASSES {
            (used, mask)
        } else {
            (CLASSES - 1, 0)
        };
        if let Some(class) = self.classes.get(slot) {
            let n = if used < CLASSES { 0 } else { class.get().1 };
            class.set((mask, n + 1));
            self.used.set((used + 1).min(CLASSES));
        }
    }

    /// One green less has `mask`.
    pub fn remove(&self, mask: u64) {
        let used = self.used.get();
        let mut at = used.wrapping_sub(1);
        for (i, class) in self.classes.iter().enumerate().take(used) {
            if class.get().0 == mask {
                at = i;
                break;
            }
        }
        let Some(class) = self.classes.get(at) else {
            return;
        };
        let (m, n) = class.get();
        if n > 1 {
            return class.set((m, n - 1));
        }
        if let Some(last) = self.classes.get(used.wrapping_sub(1)) {
            class.set(last.get());
            self.used.set(used - 1);
        }
    }

    /// What the kernel's mask should be.
    pub fn intersection(&self) -> u64 {
        let mut all = ALL;
        for class in self.classes.iter().take(self.used.get()) {
            all &= class.get().0;
        }
        all & !NEVER & !self.open.get()
    }
}

impl Default for Masks {
    fn default() -> Self {
        Masks::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_open_while_one_green_has_it_open() {
        let masks = Masks::new();
        masks.add(bit(10) | bit(12));
        masks.add(bit(10));
        assert_eq!(masks.intersection(), bit(10));
        masks.remove(bit(10));
        assert_eq!(masks.intersection(), bit(10) | bit(12));
    }

    #[test]
    fn faults_are_never_blocked_in_the_kernel() {
        let masks = Masks::new();
        masks.add(ALL);
        assert_eq!(masks.intersection() & NEVER, 0);
        assert_ne!(masks.intersection() & bit(libc::SIGTERM), 0);
    }

    #[test]
    fn more_masks_than_classes_leave_the_kernel_open() {
        let masks = Masks::new();
        for i in 0..200u64 {
            masks.add(!i);
        }
        assert_eq!(masks.intersection(), 0);
        for i in 0..200u64 {
            masks.remove(!i);
        }
        masks.clear();
        masks.add(bit(1));
        assert_eq!(masks.intersection(), bit(1));
    }
}
