//! The plan of one module: every system-call site, and either a window for the jump or why there is none.
//!
//! Entry point of the crate; called by the shim at load or activation and by `lichen check`. Asks `sweep` for sites and
//! targets, then judges site by site. Must stay pure: same bytes, same plan.

use crate::function::Function;
use crate::image::Image;
use crate::outline::{PlanError, has_syscall_bytes};
use crate::sweep::{Effort, Found, Sweep, sweep};
use crate::vectors::Analysis;
use crate::{number, window};
use iced_x86::InstructionInfoFactory;
use std::fmt;

/// The most bytes that a slot must be able to hold in front of its own code.
pub const MAX_DISPLACED: usize = 24;
/// The number of rt_sigreturn.
const SYS_RT_SIGRETURN: u32 = 15;

/// All that is to be known about the system-call sites of one module. Addresses are unrelocated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Empty if the module has none; such a plan cannot be cached.
    pub build_id: Vec<u8>,
    /// Sites that can be rewritten, ascending, windows disjoint.
    pub sites: Vec<Site>,
    /// Sites that must be left alone, ascending.
    pub left: Vec<Left>,
    /// Size of the executable segments in bytes.
    pub text_bytes: usize,
}

/// A site that can be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Address of the `syscall` instruction.
    pub syscall: u64,
    /// Address of the window: where the 5-byte jump goes.
    pub start: u64,
    /// Where the program goes on behind the window.
    pub resume: u64,
    pub kind: Window,
    pub number: Number,
    pub vectors: Vectors,
    /// What the slot must run first, on the program's own stack pointer.
    pub displaced: Displaced,
    /// The bytes at `start` as planned, which may reach beyond the window: compare those of all sites before writing any.
    pub original: [u8; 8],
}

/// Which side of the `syscall` the jump borrows bytes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// From the instructions before it.
    Pre,
    /// From the `cmp $-4096,%rax` behind it, which the slot must repeat.
    Post,
}

/// The system-call number of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    Constant(u32),
    /// Only known at run time, in `eax`.
    Variable,
}

/// What the function around a site may keep in vector registers across it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// Nothing.
    None,
    /// Values in xmm0-15.
    Xmm,
    /// Values in upper halves, xmm16-31, mask or x87 registers.
    Wide,
}

/// Whole instructions moved from the window into the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Displaced {
    pub(crate) bytes: [u8; MAX_DISPLACED],
    pub(crate) len: u8,
    pub(crate) relative: Option<RipRelative>,
}

/// A rip-relative operand among displaced bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RipRelative {
    /// Offset of the 32-bit displacement within the displaced bytes.
    pub offset: u8,
    /// The unrelocated address that the operand refers to.
    pub target: u64,
}

impl Displaced {
    pub(crate) fn new(bytes: &[u8], relative: Option<RipRelative>) -> Option<Displaced> {
        let mut displaced = Displaced {
            bytes: [0; MAX_DISPLACED],
            len: u8::try_from(bytes.len()).ok()?,
            relative,
        };
        displaced
            .bytes
            .get_mut(..bytes.len())?
            .copy_from_slice(bytes);
        let fits = relative.is_none_or(|relative| usize::from(relative.offset) + 4 <= bytes.len());
        fits.then_some(displaced)
    }

    /// The instructions as they were.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub fn relative(&self) -> Option<RipRelative> {
        self.relative
    }

    /// Writes the instructions to the front of `slot`, fit to run at `to` instead of `from` (both run-time addresses),
    /// and gives their length in bytes. `None` if `slot` is too short or the operand is out of reach (2 GiB) from there.
    pub fn relocate(&self, from: u64, to: u64, slot: &mut [u8]) -> Option<usize> {
        let len = usize::from(self.len);
        let slot = slot.get_mut(..len)?;
        let mut moved = self.bytes;
        if let Some(relative) = self.relative {
            let place = moved
                .get_mut(usize::from(relative.offset)..)?
                .first_chunk_mut::<4>()?;
            let distance =
                i64::from(i32::from_le_bytes(*place)).checked_add(from.wrapping_sub(to) as i64)?;
            *place = i32::try_from(distance).ok()?.to_le_bytes();
        }
        slot.copy_from_slice(&moved[..len]);
        Some(len)
    }
}

impl Site {
    /// The address behind the last byte of the window.
    pub fn end(&self) -> u64 {
        self.resume
    }
}

/// A site that stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub syscall: u64,
    pub number: Number,
    pub why: Why,
}

/// Why a site stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Fewer than five bytes, up to a branch, another window, the function's start or the segment's end.
    TooShort,
    /// A known jump target lies inside every possible window.
    TargetInside,
    /// An instruction in the window is privileged, or has an operand that cannot be relocated.
    NotUnderstood,
    /// rt_sigreturn: never rewritten.
    Sigreturn,
    /// An instruction in the window uses the stack pointer implicitly, or moves it by more than a constant.
    MovesStackPointer,
    /// Inside a function, but behind bytes that do not decode or that nothing leads to.
    Unreached,
    /// Code or data between functions.
    OutsideFunctions,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::TooShort => "too few bytes of straight-line code around it for a jump",
            Why::TargetInside => "other code may jump to the bytes that the jump would cover",
            Why::NotUnderstood => "an instruction beside it cannot be moved",
            Why::Sigreturn => "it is rt_sigreturn, which debuggers and unwinders know by its bytes",
            Why::MovesStackPointer => "an instruction beside it uses or moves the stack pointer",
            Why::OutsideFunctions => "it lies in no function that symbols or unwind tables name",
            Why::Unreached => "decoding does not lead there from the start of a known function",
        })
    }
}

/// Plans one module.
///
/// # Errors
/// None at present for an [`Image`] that could be made; callers should treat one as "run natively".
pub fn plan(image: &Image<'_>) -> Result<Plan, PlanError> {
    Ok(plan_with(image, Effort::Needed))
}

pub(crate) fn plan_with(image: &Image<'_>, effort: Effort) -> Plan {
    let build_id = image.build_id().unwrap_or_default().to_vec();
    let text_bytes = image.code().map(|segment| segment.bytes.len()).sum();
    let mut plan = Plan {
        build_id,
        text_bytes,
        ..Plan::default()
    };
    if !has_syscall_bytes(&image.segments) {
        return plan;
    }
    let swept = sweep(image, effort);
    let infos = InstructionInfoFactory::new();
    let mut planner = Planner {
        image,
        swept: &swept,
        infos,
        current: None,
        free_from: 0,
    };
    for found in &swept.sites {
        match planner.judge(found) {
            Ok(site) => plan.sites.push(site),
            Err(left) => plan.left.push(left),
        }
    }
    plan
}

struct Planner<'p> {
    image: &'p Image<'p>,
    swept: &'p Sweep,
    infos: InstructionInfoFactory,
    /// The function looked at last: neighbouring sites share it.
    current: Option<(Function, Analysis)>,
    /// End of the last window.
    free_from: u64,
}

impl Planner<'_> {
    fn judge(&mut self, found: &Found) -> Result<Site, Left> {
        let left = |number, why| Left {
            syscall: found.address,
            number,
            why,
        };
        if found.sigreturn {
            return Err(left(Number::Constant(SYS_RT_SIGRETURN), Why::Sigreturn));
        }
        let unreached = left(Number::Variable, Why::Unreached);
        if !found.reached {
            return Err(unreached);
        }
        self.enter(found.address);
        let Planner {
            image,
            swept,
            infos,
            current,
            free_from,
        } = self;
        let (function, analysis) = current
            .as_ref()
            .ok_or(left(Number::Variable, Why::OutsideFunctions))?;
        let index = function.index_of(found.address).ok_or(unreached)?;
        if !function.leads_to(index, &swept.targets) {
            return Err(unreached);
        }
        let number = number::find(function, index, &swept.targets, infos);
        if number == Number::Constant(SYS_RT_SIGRETURN) {
            return Err(left(number, Why::Sigreturn));
        }
        let segment = image
            .code()
            .find(|segment| found.address >= segment.vaddr && found.address < segment.end())
            .ok_or(unreached)?;
        let code = (segment.bytes, segment.vaddr);
        let place = window::find(function, index, &swept.targets, code, *free_from, infos)
            .map_err(|why| left(number, why))?;
        let offset = (place.start - segment.vaddr) as usize;
        let original =
            crate::bytes::array(segment.bytes, offset).ok_or(left(number, Why::TooShort))?;
        let resume = found.address + if place.kind == Window::Pre { 2 } else { 8 };
        *free_from = resume;
        let vectors = analysis.at(found.address);
        Ok(Site {
            syscall: found.address,
            start: place.start,
            resume,
            kind: place.kind,
            number,
            vectors,
            displaced: place.displaced,
            original,
        })
    }

    /// Makes the function around `address` the current one.
    fn enter(&mut self, address: u64) {
        if self
            .current
            .as_ref()
            .is_some_and(|(function, _)| function.index_of(address).is_some())
        {
            return;
        }
        self.current = Function::around(self.image, address).map(|function| {
            let analysis = Analysis::new(&function, self.image, self.swept, &mut self.infos);
            (function, analysis)
        });
    }
}
