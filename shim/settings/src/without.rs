//! Features of kernel, processor or Lichen that can be forced off, as names and as a bit set.
//!
//! Read by the shim's capability probe, which asks [`Without::has`] before it tries a feature. Holds
//! names only; what each feature means is the probe's business.

/// A feature with a fallback path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Cap {
    /// `preadv2`/`pwritev2` with `RWF_NOWAIT`.
    Nowait,
    /// `madvise(MADV_GUARD_INSTALL)`, Linux 6.13.
    GuardInstall,
    /// `epoll_pwait2`, Linux 5.11.
    EpollPwait2,
    /// `clone3`, Linux 5.3.
    Clone3,
    /// `ioctl(PROCMAP_QUERY)` on `/proc/self/maps`, Linux 6.11.
    ProcmapQuery,
    /// Writing libc's text through `/proc/self/mem`.
    ProcMem,
    /// Leaving out vector registers that a site's function does not keep.
    VectorAnalysis,
    /// Thread stacks as slots of one big region.
    StackSlots,
    /// Skipping a read attempt after a short read while no edge came since.
    ShortRead,
    /// Interrupting a thread that computes, by a timer on processor time.
    Slices,
    /// `rdfsbase`/`wrfsbase` in user mode, Linux 5.9.
    Fsgsbase,
    /// `openat2` with `RESOLVE_CACHED`, Linux 5.12.
    ResolveCached,
    /// `IORING_OP_ACCEPT` with `IORING_ACCEPT_DONTWAIT`, Linux 6.10.
    RingAccept,
    /// `prctl(PR_SET_SYSCALL_USER_DISPATCH)`, Linux 5.11: the audit.
    UserDispatch,
}

impl Cap {
    pub const ALL: [Self; 14] = [
        Self::Nowait,
        Self::GuardInstall,
        Self::EpollPwait2,
        Self::Clone3,
        Self::ProcmapQuery,
        Self::ProcMem,
        Self::VectorAnalysis,
        Self::StackSlots,
        Self::ShortRead,
        Self::Slices,
        Self::Fsgsbase,
        Self::ResolveCached,
        Self::RingAccept,
        Self::UserDispatch,
    ];

    /// The name as written in `LICHEN_WITHOUT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nowait => "nowait",
            Self::GuardInstall => "guard_install",
            Self::EpollPwait2 => "epoll_pwait2",
            Self::Clone3 => "clone3",
            Self::ProcmapQuery => "procmap_query",
            Self::ProcMem => "proc_mem",
            Self::VectorAnalysis => "vector_analysis",
            Self::StackSlots => "stack_slots",
            Self::ShortRead => "short_read",
            Self::Slices => "slices",
            Self::Fsgsbase => "fsgsbase",
            Self::ResolveCached => "resolve_cached",
            Self::RingAccept => "ring_accept",
            Self::UserDispatch => "user_dispatch",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The set of features forced off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without(u32);

impl Without {
    /// Whether `cap` is forced off.
    #[must_use]
    pub fn has(self, cap: Cap) -> bool {
        self.0 & cap.bit() != 0
    }

    /// This set with `cap` added.
    #[must_use]
    pub fn and(self, cap: Cap) -> Self {
        Self(self.0 | cap.bit())
    }

    /// Reads a comma list; blanks round a name and empty items are ignored. `None` if a name is unknown.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        value
            .split(|&b| b == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|item| !item.is_empty())
            .try_fold(Self::default(), |set, item| {
                let cap = Cap::ALL.into_iter().find(|c| c.name().as_bytes() == item)?;
                Some(set.and(cap))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_sets_exactly_the_named_features() {
        let set = Without::parse(b"nowait, clone3,,fsgsbase").unwrap();
        for cap in Cap::ALL {
            let named = [Cap::Nowait, Cap::Clone3, Cap::Fsgsbase].contains(&cap);
            assert_eq!(set.has(cap), named, "{cap:?}");
        }
        assert_eq!(Without::parse(b""), Some(Without::default()));
        assert_eq!(Without::parse(b"nowait,warp"), None);
    }
}
