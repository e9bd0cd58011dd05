//! The calls that move bytes: reads, writes, and from one descriptor to another.

use super::Generator;
use super::Kind::{self, Event};

/// Lengths around what matters: nothing, little, PIPE_BUF, the capacity of a pipe, more than any buffer here.
const LENGTHS: [i64; 14] = [
    0, 1, 5, 10, 10, 60, 60, 100, 100, 4095, 4097, 65536, 70_000, 400_000,
];

impl Generator<'_> {
    pub(super) fn length(&mut self) -> i64 {
        self.pick(&LENGTHS)
    }

    /// Bits as `flags_of` of the agent numbers them: DONTWAIT 1, PEEK 2, WAITALL 4, TRUNC 8, NOSIGNAL 16, OOB 32, EOR 128.
    pub(super) fn receive(&mut self) {
        let Some(slot) = self.some_slot(Kind::can_be_read) else {
            return self.make();
        };
        let (kind, mut length) = (self.slots[slot], self.length());
        if matches!(kind, Event | Kind::Timer) {
            length = self.pick(&[8, 8, 8, 16, 4]);
            if kind == Kind::Timer && self.chance(50) {
                return self.push("tick", &[slot]);
            }
        }
        if kind == Kind::Signals && self.chance(90) {
            let count = self.rng.usize(1..4);
            return self.push("sigread", &[slot, count]);
        }
        let flags = self.pick(&[0, 0, 0, 0, 4, 4, 4, 1, 1, 2, 8, 6, 32, 5, 10]);
        let slot = slot as i64;
        let parts = self.rng.i64(1..4);
        if !kind.carries_bytes() || self.chance(40) {
            return self.plainly(["read", "readv", "preadv2"], slot, length, parts);
        }
        match self.rng.u32(..10) {
            0..=4 => self.push_signed("recv", &[slot, length, flags]),
            5 | 6 => self.push_signed("recvfrom", &[slot, length, flags]),
            7..9 => self.push_signed("recvmsg", &[slot, length, flags, parts]),
            _ => {
                let for_one = self.rng.i64(0..2);
                self.push_signed("recvmmsg", &[slot, length, flags, parts, for_one]);
            }
        }
    }

    pub(super) fn transmit(&mut self) {
        let Some(slot) = self.some_slot(Kind::can_be_written) else {
            return self.make();
        };
        let (kind, length) = (self.slots[slot], self.length());
        let flags = self.pick(&[0, 0, 0, 0, 1, 16, 32, 128, 17]);
        let slot = slot as i64;
        let parts = self.rng.i64(1..4);
        if !kind.carries_bytes() || self.chance(40) {
            return self.plainly(["write", "writev", "pwritev2"], slot, length, parts);
        }
        match self.rng.u32(..10) {
            0..=4 => self.push_signed("send", &[slot, length, flags]),
            5..=8 => self.push_signed("sendmsg", &[slot, length, flags, parts]),
            _ => self.push_signed("sendmmsg", &[slot, length, flags, parts]),
        }
    }

    /// One of the calls for any file: with one buffer, with several, and with several and flags (preadv2(2)).
    fn plainly(&mut self, calls: [&str; 3], slot: i64, length: i64, parts: i64) {
        let [one, several, flagged] = calls;
        match self.rng.u32(..10) {
            0..6 => self.push_signed(one, &[slot, length]),
            6..9 => self.push_signed(several, &[slot, length, parts]),
            _ => {
                let how = self.pick(&[0, 0, 0, 1, 1, 2]);
                self.push_signed(flagged, &[slot, length, parts, how]);
            }
        }
    }

    pub(super) fn transfer(&mut self) {
        let length = self.length();
        if self.chance(25)
            && let Some(to) = self.some_slot(Kind::can_be_written)
        {
            return self.push_signed("sendfile", &[to as i64, length]);
        }
        let (Some(from), Some(to)) = (
            self.some_slot(Kind::can_be_read),
            self.some_slot(Kind::can_be_written),
        ) else {
            return self.make();
        };
        let flags = i64::from(self.chance(30));
        let call = self.pick(&["splice", "splice", "splice", "tee"]);
        self.push_signed(call, &[from as i64, to as i64, length, flags]);
    }
}
