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

/// Who waits for the disk in reads and writes of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileIo {
    /// The kernel thread that runs all threads.
    #[default]
    Native,
    /// A thread of the pool.
    Offload,
}

impl FileIo {
    pub const ALL: [Self; 2] = [Self::Native, Self::Offload];

    /// The name as the user writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Offload => "offload",
        }
    }

    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|one| one.name().as_bytes().eq_ignore_ascii_case(value))
    }
}

/// Reads a decimal number of at most `most`.
pub(crate) fn number(value: &[u8], most: u32) -> Option<u32> {
    let digits = !value.is_empty() && value.len() < 10 && value.iter().all(u8::is_ascii_digit);
    let number = value
        .iter()
        .filter(|_| digits)
        .fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    (digits && number <= most).then_some(number)
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
    fn numbers_are_plain_and_within_bounds() {
        for (text, wanted) in [("0", Some(0)), ("16", Some(16)), ("007", Some(7))] {
            assert_eq!(number(text.as_bytes(), 16), wanted, "{text}");
        }
        for bad in [
            "17",
            "-1",
            "+1",
            " 1",
            "1.0",
            "",
            "x",
            "9999999999",
            "4294967297",
        ] {
            assert_eq!(number(bad.as_bytes(), 16), None, "{bad}");
        }
    }

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
