//! How a single value is read: switches, log levels, file names.
//!
//! Called by `settings.rs` only. Pure functions on bytes; `None` means "not accepted". They must
//! never guess: a value nobody documented is rejected.

/// How much Lichen says about itself; each level includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Off,
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub const ALL: [Self; 6] = [
        Self::Off,
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The name as the user writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().as_bytes().eq_ignore_ascii_case(value))
    }
}

/// Reads a switch. An empty value is off, as `NAME= command` in a shell suggests.
pub(crate) fn switch(value: &[u8]) -> Option<bool> {
    let is = |words: &[&[u8]]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    if is(&[b"1", b"true", b"on", b"yes"]) {
        Some(true)
    } else if is(&[b"0", b"false", b"off", b"no", b""]) {
        Some(false)
    } else {
        None
    }
}

/// Accepts an absolute path: a relative one would mean another folder after each chdir.
pub(crate) fn absolute_path(value: &[u8]) -> Option<&[u8]> {
    value.starts_with(b"/").then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_accept_the_documented_words_only() {
        for on in ["1", "true", "on", "yes", "YES", "True"] {
            assert_eq!(switch(on.as_bytes()), Some(true), "{on}");
        }
        for off in ["0", "false", "off", "no", "", "Off"] {
            assert_eq!(switch(off.as_bytes()), Some(false), "{off}");
        }
        for bad in ["2", "y", " 1", "enabled", "-1"] {
            assert_eq!(switch(bad.as_bytes()), None, "{bad}");
        }
    }
}
