//! Deadlines: a four-ary heap whose members know their position, so that a wait that ends early
//! takes its deadline out in O(log n) instead of leaving it behind. Pure; scheduler side.

/// A thing that can have one deadline and remembers where it stands in the heap.
pub trait Slot: Copy {
    /// What `set_position` stored last; 0 at first.
    fn position(self) -> u32;
    /// 0: not in the heap.
    fn set_position(self, position: u32);
}

/// The heap. Deadlines are monotonic nanoseconds.
pub struct Timers<T: Slot> {
    heap: Vec<(u64, T)>,
}

const ARITY: usize = 4;

impl<T: Slot> Timers<T> {
    /// Empty.
    pub fn new() -> Timers<T> {
        Timers { heap: Vec::new() }
    }

    /// The earliest deadline, if there is one.
    pub fn next_deadline(&self) -> Option<u64> {
        self.heap.first().map(|(deadline, _)| *deadline)
    }

    /// How many deadlines stand.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// No deadline stands.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Forgets all deadlines without touching their owners (the child of a fork).
    pub fn clear(&mut self) {
        self.heap.clear();
    }

    /// Gives `item` a deadline. It must not have one.
    pub fn insert(&mut self, deadline: u64, item: T) {
        debug_assert_eq!(item.position(), 0);
        self.heap.push((deadline, item));
        self.sift_up(self.heap.len() - 1);
    }

    /// Takes away the deadline of `item`, if it has one.
    pub fn remove(&mut self, item: T) {
        let position = item.position() as usize;
        if position == 0 {
            return;
        }
        item.set_position(0);
        let at = position - 1;
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            self.sift_up(at);
            self.sift_down(at);
        }
    }

    /// Takes out one item whose deadline is not after `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<T> {
        let (deadline, item) = *self.heap.first()?;
        if deadline > now {
            return None;
        }
        self.remove(item);
        Some(item)
    }

    fn place(&mut self, at: usize, entry: (u64, T)) {
        entry.1.set_position(at as u32 + 1);
        self.heap[at] = entry;
    }

    fn sift_up(&mut self, mut at: usize) {
        let entry = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.heap[parent].0 <= entry.0 {
                break;
            }
            self.place(at, self.heap[parent]);
            at = parent;
        }
        self.place(at, entry);
    }

    fn sift_down(&mut self, mut at: usize) {
        let entry = self.heap[at];
        loop {
            let first = at * ARITY + 1;
            let children = first..(first + ARITY).min(self.heap.len());
            let Some(least) = children.min_by_key(|&c| self.heap[c].0) else {
                break;
            };
            if self.heap[least].0 >= entry.0 {
                break;
            }
            self.place(at, self.heap[least]);
            at = least;
        }
        self.place(at, entry);
    }
}

impl<T: Slot> Default for Timers<T> {
    fn default() -> Self {
        Timers::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    impl Slot for &Cell<u32> {
        fn position(self) -> u32 {
            self.get()
        }
        fn set_position(self, position: u32) {
            self.set(position);
        }
    }

    fn pseudo_random(state: &mut u64) -> u64 {
        *state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        *state >> 33
    }

    #[test]
    fn deadlines_come_out_in_order_whatever_was_removed() {
        let cells: Vec<Cell<u32>> = (0..500).map(|_| Cell::new(0)).collect();
        let mut seed = 7;
        let deadlines: Vec<u64> = cells
            .iter()
            .map(|_| pseudo_random(&mut seed) % 1000)
            .collect();
        let mut timers = Timers::new();
        for (cell, deadline) in cells.iter().zip(&deadlines) {
            timers.insert(*deadline, cell);
        }
        for cell in cells.iter().step_by(3) {
            timers.remove(cell);
            timers.remove(cell);
        }
        let mut expected: Vec<u64> = deadlines
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 3 != 0)
            .map(|(_, d)| *d)
            .collect();
        expected.sort_unstable();
        let mut seen = Vec::new();
        while let Some(next) = timers.next_deadline() {
            assert!(timers.pop_due(next.wrapping_sub(1)).is_none() || next == 0);
            assert!(timers.pop_due(next).is_some());
            seen.push(next);
        }
        assert_eq!(seen, expected);
        assert!(cells.iter().all(|c| c.get() == 0));
    }
}
