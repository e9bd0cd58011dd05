//! Where the `syscall` instructions of a module are, and where a jump may replace them.
//!
//! A pure function of ELF bytes: the shim calls it on libc as it is mapped, the launcher on libc as a file.
//! The way of one module through this crate:
//!
//! 0. [`Outline`] reads headers only: most modules have no `0f 05` in their text, and are done with that.
//! 1. [`Outline`] finds segments and the build id (`outline`); [`Image`] function symbols and unwind ranges (`image`, `dynamic`,
//!    `unwind`).
//! 2. `sweep` finds the system-call sites and every address near them that code may jump to (`runs`, `scan`, `tables`,
//!    `landing`).
//! 3. `function` decodes again, from a known start, only the functions that hold sites.
//! 4. `window` decides where the 5-byte jump goes, `number` which call it is, `vectors` what must be saved (`graph`,
//!    `registers`).
//! 5. [`Plan`] is the result; `encode` and [`cache`] keep it for the next start.
//!
//! Nothing here writes to code, reads memory it was not handed, or panics on bad input.

mod bitmap;
mod bytes;
pub mod cache;
mod dynamic;
mod encode;
mod function;
mod graph;
mod image;
mod landing;
mod number;
mod outline;
mod plan;
mod registers;
mod runs;
mod scan;
mod sweep;
mod tables;
mod unwind;
mod vectors;
mod window;

pub use encode::FORMAT_VERSION;
pub use image::Image;
pub use outline::{Outline, PlanError};
pub use plan::{
    Displaced, Left, MAX_DISPLACED, Number, Plan, RipRelative, Site, Vectors, Why, Window, plan,
};
