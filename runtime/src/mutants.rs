//! Seeded defects, to prove that the fuzzer finds such: each is a line or two at the place named, taken only in a library built
//! with the feature `mutants` and only if `LICHEN_MUTANT` names it. Without the feature [`mutant`] is a constant `false` and
//! nothing of this is in the library. `scripts/fuzz-calls --mutants` reads the names off this file.

macro_rules! mutants {
    ($($name:ident $text:literal),* $(,)?) => {
        /// A seeded defect.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mutant { $(#[doc = $text] $name),* }

        #[cfg(feature = "mutants")]
        const NAMES: &[(&str, Mutant)] = &[$((stringify!($name), Mutant::$name)),*];
    };
}

mutants! {
    LostWaitallTail "MSG_WAITALL gives what the first attempt got",
    StaleEpollEntry "a closed descriptor stays noted as registered, so its successor never is",
    EarlyTimeout "a call's own time-out ends at half its time",
    DroppedWake "an edge wakes nobody, every third time",
    ErrorAfterPartialWrite "an error after a partial write is told in place of the part",
    WrongGreenAfterReuse "waiters of a closed descriptor stay with its number",
    SkippedReceiveTimeout "SO_RCVTIMEO counts for nothing",
    LostSigpipe "no SIGPIPE comes with EPIPE",
    NonblockIgnored "O_NONBLOCK counts for nothing",
    ZeroReadBlocks "a read of no bytes waits for some",
    DatagramNotTruncated "a datagram that is too long gives its whole length",
    DuplicateWaiterLost "who waits on a closed descriptor is forgotten, though a duplicate lives",
    ShortPipeWrite "a write to a pipe ends when the pipe is full",
    AlwaysRestarted "a handler without SA_RESTART restarts the call too",
    PollMissesHangup "a hang-up wakes nobody",
}

/// Is this defect the chosen one?
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn mutant(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
static CHOSEN: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(usize::MAX);

/// Is this defect the chosen one?
#[cfg(feature = "mutants")]
#[inline(always)]
pub fn mutant(which: Mutant) -> bool {
    CHOSEN.load(core::sync::atomic::Ordering::Relaxed) == which as usize
}

/// Chooses a defect by its name. At load.
#[cfg(feature = "mutants")]
pub fn choose(name: &str) {
    if let Some((_, which)) = NAMES.iter().find(|(n, _)| *n == name) {
        CHOSEN.store(*which as usize, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Every `n`th time. For defects that would otherwise stop everything at once.
#[cfg(feature = "mutants")]
pub fn every(n: usize) -> bool {
    static COUNT: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
    COUNT.fetch_add(1, core::sync::atomic::Ordering::Relaxed) % n == n - 1
}

/// Never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn every(_: usize) -> bool {
    false
}
