//! Random sequences. A model of what each slot holds makes most calls meaningful; whether a call succeeds is not its
//! business. What moves bytes is in [`bytes`]. Called by the main loop with a seeded generator: the same seed gives the same
//! sequences.

mod bytes;

use crate::language::{SLOTS, Sequence, Step, WORKERS};
use fastrand::Rng;

/// What a slot holds, as far as can be known beforehand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    PipeRead,
    PipeWrite,
    Stream,
    Tcp,
    Datagram,
    Packet,
    Listener,
    Event,
    Timer,
    Signals,
    Epoll,
}

use Kind::{Datagram, Empty, Epoll, Event, Listener, Packet, PipeRead, PipeWrite, Stream, Tcp};

impl Kind {
    fn is_socket(self) -> bool {
        matches!(self, Stream | Tcp | Datagram | Packet | Listener)
    }

    fn carries_bytes(self) -> bool {
        matches!(self, Stream | Tcp | Datagram | Packet)
    }

    fn can_be_read(self) -> bool {
        self.carries_bytes() || matches!(self, PipeRead | Event | Kind::Timer | Kind::Signals)
    }

    fn can_be_written(self) -> bool {
        self.carries_bytes() || matches!(self, PipeWrite | Event)
    }
}

/// Time-outs in ms: none at all, a short one that is waited out, for ever.
const TIMEOUTS: [i64; 5] = [0, 3, 3, -1, -1];

struct Generator<'a> {
    rng: &'a mut Rng,
    slots: [Kind; SLOTS],
    steps: Vec<Step>,
    /// Descriptors that are made, chosen once: a sequence that has few kinds goes deeper.
    makers: Vec<&'static str>,
}

const MAKERS: [&str; 12] = [
    "pipe", "pipe", "stream", "datagram", "packet", "tcp", "udp", "listen", "eventfd", "timerfd",
    "fifo", "signalfd",
];

/// A sequence by the name of its number.
pub fn sequence(rng: &mut Rng, number: u64) -> Sequence {
    let makers = (0..rng.usize(1..=3)).map(|_| MAKERS[rng.usize(..MAKERS.len())]);
    let mut generator = Generator {
        makers: makers.collect(),
        rng,
        slots: [Empty; SLOTS],
        steps: Vec::new(),
    };
    let length = generator.rng.usize(8..40);
    generator.make();
    while generator.steps.len() < length {
        generator.step();
    }
    Sequence {
        name: number.to_string(),
        steps: generator.steps,
    }
}

impl Generator<'_> {
    fn push(&mut self, call: &str, arguments: &[usize]) {
        let arguments: Vec<i64> = arguments.iter().map(|&a| a as i64).collect();
        self.push_signed(call, &arguments);
    }

    fn push_signed(&mut self, call: &str, arguments: &[i64]) {
        self.steps.push(Step {
            worker: self.rng.usize(..WORKERS),
            call: call.to_owned(),
            arguments: arguments.to_vec(),
        });
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    fn slot_of(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..SLOTS).filter(|&i| wanted(self.slots[i])).collect();
        (!fitting.is_empty()).then(|| fitting[self.rng.usize(..fitting.len())])
    }

    /// A slot that fits, now and then one that does not.
    fn some_slot(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<usize> {
        if self.chance(3) {
            return Some(self.rng.usize(..SLOTS));
        }
        self.slot_of(wanted)
    }

    fn two_empty(&self) -> Option<[usize; 2]> {
        let mut empty = (0..SLOTS).filter(|&i| self.slots[i] == Empty);
        Some([empty.next()?, empty.next()?])
    }

    fn step(&mut self) {
        match self.rng.u32(..100) {
            0..10 => self.make(),
            10..36 => self.receive(),
            36..56 => self.transmit(),
            56..60 => self.transfer(),
            60..72 => self.wait_for_several(),
            72..78 => self.epoll(),
            78..82 => self.close(),
            82..86 => self.dup(),
            86..89 => self.shut(),
            89..93 => self.option(),
            93..95 => self.nonblock(),
            95..97 => self.ask(),
            97..99 => self.poke(),
            _ => self.pass(),
        }
    }

    fn make(&mut self) {
        let Some([a, b]) = self.two_empty() else {
            return self.close();
        };
        let nonblock = usize::from(self.chance(12));
        let maker = self.makers[self.rng.usize(..self.makers.len())];
        match maker {
            "pipe" => {
                let packet = if self.chance(8) { 2 } else { 0 };
                self.push("pipe", &[a, b, nonblock | packet]);
                (self.slots[a], self.slots[b]) = (PipeRead, PipeWrite);
            }
            "stream" | "datagram" | "packet" => {
                let (kind, number) = match maker {
                    "stream" => (Stream, 0),
                    "datagram" => (Datagram, 1),
                    _ => (Packet, 2),
                };
                self.push("pair", &[a, b, number, nonblock]);
                (self.slots[a], self.slots[b]) = (kind, kind);
            }
            "tcp" => {
                self.push("tcp", &[a, b]);
                (self.slots[a], self.slots[b]) = (Tcp, Tcp);
            }
            "udp" => {
                self.push("udp", &[a, b]);
                (self.slots[a], self.slots[b]) = (Datagram, Datagram);
            }
            "listen" => self.listen_or_connect(a, b),
            "fifo" => {
                let mode = self.pick(&[0, 0, 1, 1, 2, 3, 4]);
                self.push("fifo", &[a, mode]);
                self.slots[a] = if matches!(mode, 1 | 4) {
                    PipeWrite
                } else {
                    PipeRead
                };
            }
            "signalfd" => {
                self.push("sigfd", &[a, nonblock]);
                self.slots[a] = Kind::Signals;
            }
            "timerfd" => {
                self.push("timerfd", &[a, nonblock]);
                self.slots[a] = Kind::Timer;
            }
            _ => {
                let initial = self.pick(&[0, 0, 1, 3]);
                let semaphore = self.pick(&[0, 2]);
                self.push("eventfd", &[a, initial, nonblock | semaphore]);
                self.slots[a] = Event;
            }
        }
    }

    fn listen_or_connect(&mut self, a: usize, b: usize) {
        let nonblock = usize::from(self.chance(15));
        match self.slot_of(|k| k == Listener) {
            Some(listener) if self.chance(85) => {
                let call = self.pick(&["connect", "accept"]);
                self.push(call, &[listener, b, nonblock]);
                self.slots[b] = Stream;
            }
            _ => {
                let local = self.rng.usize(..2);
                let backlog = self.pick(&[0, 1, 5, 5]);
                self.push("listen", &[a, local, backlog]);
                self.slots[a] = Listener;
            }
        }
    }

    fn wait_for_several(&mut self) {
        let (Some(a), Some(b)) = (
            self.some_slot(|k| k != Empty),
            self.some_slot(|k| k != Empty),
        ) else {
            return self.make();
        };
        let call = self.pick(&["poll", "poll", "select"]);
        let mut bits = || self.pick(&[1, 1, 1, 2, 4, 8, 3, 9, 0]);
        let (first, second) = (bits(), bits());
        let how = self.rng.i64(0..2);
        let timeout = self.pick(&TIMEOUTS);
        self.push_signed(call, &[a as i64, first, b as i64, second, timeout, how]);
    }

    fn epoll(&mut self) {
        let Some(instance) = self.slot_of(|k| k == Epoll) else {
            if let Some(slot) = self.slot_of(|k| k == Empty) {
                self.push("epoll", &[slot]);
                self.slots[slot] = Epoll;
                self.watch(slot);
            }
            return;
        };
        if self.chance(45) {
            return self.watch(instance);
        }
        let most = self.pick(&[1, 2, 8, 8]);
        let timeout = self.pick(&TIMEOUTS);
        let how = self.rng.i64(0..3);
        self.push_signed("ewait", &[instance as i64, most, timeout, how]);
    }

    /// Bits: IN 1, OUT 2, PRI 4, RDHUP 8, ET 16, ONESHOT 32, EXCLUSIVE 64.
    fn watch(&mut self, instance: usize) {
        let Some(slot) = self.some_slot(|k| k != Empty) else {
            return;
        };
        let operation = self.pick(&[0, 0, 0, 0, 1, 2]);
        let events = self.pick(&[1, 1, 2, 3, 9, 17, 19, 33, 35, 65]);
        self.push("ctl", &[instance, operation, slot, events]);
    }

    fn close(&mut self) {
        if let Some(slot) = self.slot_of(|k| k != Empty) {
            self.push("close", &[slot]);
            self.slots[slot] = Empty;
        }
    }

    fn dup(&mut self) {
        if let Some(from) = self.slot_of(|k| k != Empty) {
            let to = self.rng.usize(..SLOTS);
            let how = self.rng.usize(..2);
            self.push("dup", &[from, to, how]);
            self.slots[to] = self.slots[from];
        }
    }

    fn shut(&mut self) {
        if let Some(slot) = self.some_slot(Kind::is_socket) {
            let how = self.rng.usize(..3);
            self.push("shutdown", &[slot, how]);
        }
    }

    fn option(&mut self) {
        if let Some(slot) = self.slot_of(|k| k == PipeWrite)
            && self.chance(40)
        {
            return self.push("option", &[slot, 6, 4096]);
        }
        let Some(slot) = self.some_slot(Kind::is_socket) else {
            return;
        };
        let (which, value) = self.pick(&[
            (0, 3),
            (0, 3),
            (1, 3),
            (0, 0),
            (2, 20),
            (2, 1),
            (3, 8192),
            (4, 4096),
            (5, 0),
        ]);
        self.push("option", &[slot, which, value]);
    }

    fn nonblock(&mut self) {
        if let Some(slot) = self.slot_of(|k| k != Empty) {
            let (value, how) = (self.rng.usize(..2), self.rng.usize(..2));
            self.push("nonblock", &[slot, value, how]);
        }
    }

    fn ask(&mut self) {
        if let Some(slot) = self.slot_of(|k| k != Empty) {
            let what = self.rng.usize(..4);
            self.push("ask", &[slot, what]);
        }
    }

    fn poke(&mut self) {
        if self.slots.contains(&Kind::Signals) {
            let how = self.rng.usize(..2);
            return self.push("raise", &[how]);
        }
        let (worker, restart) = (self.rng.usize(..WORKERS), self.rng.usize(..2));
        self.push("poke", &[worker, restart]);
    }

    fn pass(&mut self) {
        let (Some(way), Some(what), Some(to)) = (
            self.slot_of(|k| matches!(k, Stream | Datagram | Packet)),
            self.slot_of(|k| k != Empty),
            self.slot_of(|k| k == Empty),
        ) else {
            return;
        };
        if self.chance(50) {
            self.push("sendfd", &[way, what]);
        } else {
            self.push("recvfd", &[way, to]);
            self.slots[to] = Stream;
        }
    }
}
