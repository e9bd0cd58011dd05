//! The table: one line per setting, the only place where names, flags, defaults and help texts live.
//!
//! Read by the parser (`settings.rs`), by the launcher's command line (flags and help) and by whoever
//! prints documentation. Holds data only; it must never learn how a value is used.

/// Which setting a table line, a problem or a flag speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Disable,
    Stats,
    Quiet,
    Strict,
    Follow,
    Without,
    Log,
    LogFile,
    Trace,
    Audit,
    CacheDir,
    Pool,
    FileIo,
}

/// One setting as the user sees it.
#[derive(Debug)]
pub struct Setting {
    pub key: Key,
    /// Name of the environment variable.
    pub name: &'static str,
    /// The launcher's flag that sets it, if there is one.
    pub flag: Option<&'static str>,
    /// The accepted values in words, as quoted by error messages.
    pub accepted: &'static str,
    /// The value in force when nothing is set, as one would write it.
    pub default: &'static str,
    /// One or two sentences for `--help` and the manual.
    pub help: &'static str,
}

const SWITCH: &str = "1, true, on, yes or 0, false, off, no";

/// Every setting, in the order in which help lists them.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: Key::Stats,
        name: "LICHEN_STATS",
        flag: Some("--stats"),
        accepted: SWITCH,
        default: "0",
        help: "Print one line to stderr when the program ends: threads, kernel threads, calls",
    },
    Setting {
        key: Key::Quiet,
        name: "LICHEN_QUIET",
        flag: Some("--quiet"),
        accepted: SWITCH,
        default: "0",
        help: "Print no warnings",
    },
    Setting {
        key: Key::Strict,
        name: "LICHEN_STRICT",
        flag: Some("--strict"),
        accepted: SWITCH,
        default: "0",
        help: "Refuse (exit 126) instead of running natively when the program cannot be accelerated",
    },
    Setting {
        key: Key::Follow,
        name: "LICHEN_FOLLOW",
        flag: Some("--no-follow"),
        accepted: SWITCH,
        default: "1",
        help: "Leave programs which CMD starts alone; by default they run on Lichen too",
    },
    Setting {
        key: Key::Without,
        name: "LICHEN_WITHOUT",
        flag: Some("--without"),
        accepted: "a comma list of nowait, guard_install, epoll_pwait2, clone3, procmap_query, proc_mem, \
                   vector_analysis, stack_slots, short_read, slices, fsgsbase, resolve_cached, ring_accept, user_dispatch",
        default: "",
        help: "Act as if kernel or processor lacked these features, to try the fallback paths",
    },
    Setting {
        key: Key::Log,
        name: "LICHEN_LOG",
        flag: Some("--log-level"),
        accepted: "off, error, warn, info, debug, trace",
        default: "warn",
        help: "How much Lichen says about itself",
    },
    Setting {
        key: Key::LogFile,
        name: "LICHEN_LOG_FILE",
        flag: Some("--log-file"),
        accepted: "a file name in which %p is the process id, %h the host name, %e the program's name \
                   and %% a percent sign",
        default: "",
        help: "Write messages to this file instead of stderr; %p, %h, %e become process id, host, program",
    },
    Setting {
        key: Key::Trace,
        name: "LICHEN_TRACE",
        flag: Some("--trace"),
        accepted: "1 for stderr, a file name as for LICHEN_LOG_FILE, or 0",
        default: "0",
        help: "Write a line for each system call, to stderr or to a file, named as for --log-file",
    },
    Setting {
        key: Key::Audit,
        name: "LICHEN_AUDIT",
        flag: Some("--audit"),
        accepted: "1 for stderr, a file name as for LICHEN_LOG_FILE, or 0",
        default: "0",
        help: "List at the end the system calls that passed Lichen by, and those that slept; slow",
    },
    Setting {
        key: Key::CacheDir,
        name: "LICHEN_CACHE_DIR",
        flag: Some("--cache-dir"),
        accepted: "an absolute path",
        default: "",
        help: "Where to remember what was learnt about a libc [default: lichen/ in the user's cache folder]",
    },
    Setting {
        key: Key::Pool,
        name: "LICHEN_POOL",
        flag: Some("--pool"),
        accepted: "a number from 0 to 16",
        default: "2",
        help: "Kernel threads, at most, for work that ends by itself, such as fsync; 0 for none",
    },
    Setting {
        key: Key::FileIo,
        name: "LICHEN_FILE_IO",
        flag: Some("--file-io"),
        accepted: "native, offload",
        default: "native",
        help: "Who waits for the disk in reads and writes of files: all threads, or the pool",
    },
    Setting {
        key: Key::Disable,
        name: "LICHEN_DISABLE",
        flag: None,
        accepted: SWITCH,
        default: "0",
        help: "Pass everything through: the program runs as if Lichen were not there",
    },
];

/// The line of a setting.
#[must_use]
pub fn line(key: Key) -> &'static Setting {
    // The table has a line for each key (tested), so the fallback is never taken.
    SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .unwrap_or(&SETTINGS[0])
}

/// The setting with this variable name.
#[must_use]
pub fn by_name(name: &[u8]) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cap, FileIo, LogLevel};

    #[test]
    fn every_key_has_its_own_line() {
        for setting in SETTINGS {
            assert_eq!(line(setting.key).name, setting.name);
            assert_eq!(by_name(setting.name.as_bytes()).unwrap().key, setting.key);
        }
        assert_eq!(line(Key::Disable).name, "LICHEN_DISABLE");
    }

    #[test]
    fn accepted_values_in_words_name_every_value() {
        for cap in Cap::ALL {
            assert!(line(Key::Without).accepted.contains(cap.name()), "{cap:?}");
        }
        for way in FileIo::ALL {
            assert!(line(Key::FileIo).accepted.contains(way.name()), "{way:?}");
        }
        for level in LogLevel::ALL {
            assert!(line(Key::Log).accepted.contains(level.name()), "{level:?}");
        }
    }
}
