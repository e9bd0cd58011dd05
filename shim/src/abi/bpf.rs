//! Classic BPF as seccomp(2) runs it: what a filter would answer to a call, without making the call.
//!
//! Called by `handlers::filter` before a filter is installed. Green side: instructions are read from the program's
//! memory one by one, nothing is allocated, and since jumps only go forward it ends.

use super::user;

/// What a filter looks at: `struct seccomp_data` as 32-bit words.
pub type Data = [u32; 16];

/// AUDIT_ARCH_X86_64.
const ARCH: u32 = 0xc000_003e;

/// The data of a call made from `address`.
pub fn data(number: usize, address: usize, arguments: [usize; 6]) -> Data {
    let mut data = [0; 16];
    let words = [address].into_iter().chain(arguments);
    let halves = words.flat_map(|word| [word as u32, (word >> 32) as u32]);
    let all = [number as u32, ARCH].into_iter().chain(halves);
    for (to, word) in data.iter_mut().zip(all) {
        *to = word;
    }
    data
}

struct Machine {
    a: u32,
    x: u32,
    scratch: [u32; 16],
}

/// What the program of `len` instructions at `address` answers; `None` if it is none that the kernel would take.
pub fn answer(address: usize, len: usize, data: &Data) -> Option<u32> {
    let mut machine = Machine {
        a: 0,
        x: 0,
        scratch: [0; 16],
    };
    let mut at = 0;
    while at < len {
        let raw = user::read::<u64>(address.wrapping_add(at * 8)).ok()?;
        let (code, k) = (raw as u16, (raw >> 32) as u32);
        let (yes, no) = ((raw >> 16) as u8, (raw >> 24) as u8);
        at += 1;
        match code {
            0x06 => return Some(k),
            0x16 => return Some(machine.a),
            0x05 => at = at.checked_add(k as usize)?,
            _ if code & 7 == 5 => {
                let taken = machine.compares(code, k)?;
                at += usize::from(if taken { yes } else { no });
            }
            _ => machine.step(code, k, data)?,
        }
    }
    None
}

impl Machine {
    /// A conditional jump: is the condition true?
    fn compares(&self, code: u16, k: u32) -> Option<bool> {
        let other = if code & 8 == 0 { k } else { self.x };
        Some(match code & 0xf0 {
            0x10 => self.a == other,
            0x20 => self.a > other,
            0x30 => self.a >= other,
            0x40 => self.a & other != 0,
            _ => return None,
        })
    }

    fn step(&mut self, code: u16, k: u32, data: &Data) -> Option<()> {
        let cell = k as usize;
        match code {
            0x20 => self.a = *data.get(cell / 4).filter(|_| k.is_multiple_of(4))?,
            0x80 => self.a = size_of::<Data>() as u32,
            0x81 => self.x = size_of::<Data>() as u32,
            0x00 => self.a = k,
            0x01 => self.x = k,
            0x60 => self.a = *self.scratch.get(cell)?,
            0x61 => self.x = *self.scratch.get(cell)?,
            0x02 => *self.scratch.get_mut(cell)? = self.a,
            0x03 => *self.scratch.get_mut(cell)? = self.x,
            0x07 => self.x = self.a,
            0x87 => self.a = self.x,
            0x84 => self.a = self.a.wrapping_neg(),
            _ if code & 7 == 4 => {
                let other = if code & 8 == 0 { k } else { self.x };
                self.a = arithmetic(code & 0xf0, self.a, other)?;
            }
            _ => return None,
        }
        Some(())
    }
}

fn arithmetic(operation: u16, a: u32, b: u32) -> Option<u32> {
    Some(match operation {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => a.wrapping_mul(b),
        // A division by zero ends a filter with 0.
        0x30 => a.checked_div(b)?,
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a.checked_shl(b).unwrap_or(0),
        0x70 => a.checked_shr(b).unwrap_or(0),
        0xa0 => a ^ b,
        _ => return None,
    })
}
