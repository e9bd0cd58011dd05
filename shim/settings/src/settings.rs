//! From variables to [`Settings`].
//!
//! Called by the shim before `main` and by the launcher with the environment it is about to pass on.
//! Calls the readers in `values.rs`, `without.rs` and `log_file.rs`. A rejected value must never
//! change a setting: the default stays in force and a [`Problem`] says so.

use alloc::vec::Vec;

use crate::table::{self, Key};
use crate::{FileIo, LogLevel, Problem, Without, log_file, values};

/// One worker and the pool are then as many kernel threads as a process has had with one helper more.
const POOL: u32 = 2;
/// What the pool has places for.
const POOL_MOST: u32 = 16;
const PREFIX: &[u8] = b"LICHEN_";

/// Every setting with its value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Pass everything through.
    pub disable: bool,
    /// One line about the process to stderr at its end.
    pub stats: bool,
    /// No warnings.
    pub quiet: bool,
    /// Refuse instead of running natively.
    pub strict: bool,
    /// Carry on into programs that are started by this one.
    pub follow: bool,
    /// Features forced off.
    pub without: Without,
    pub log: LogLevel,
    /// Template of the log file's name, to be filled in by [`log_file::expand`]; `None` is stderr.
    pub log_file: Option<Vec<u8>>,
    /// Where calls are told of: a template as of `log_file`, empty for stderr; `None` for nowhere.
    pub trace: Option<Vec<u8>>,
    /// Where the report of an audit goes, likewise.
    pub audit: Option<Vec<u8>>,
    /// Absolute folder of the plan cache; `None` is the per-user default.
    pub cache_dir: Option<Vec<u8>>,
    /// Kernel threads of the pool, at most.
    pub pool: u32,
    /// Reads and writes of files go to the pool.
    pub file_io: FileIo,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            disable: false,
            stats: false,
            quiet: false,
            strict: false,
            follow: true,
            without: Without::default(),
            log: LogLevel::default(),
            log_file: None,
            trace: None,
            audit: None,
            cache_dir: None,
            pool: POOL,
            file_io: FileIo::default(),
        }
    }
}

impl Settings {
    /// Reads the `LICHEN_*` variables among `vars`; all others are skipped. When a name comes twice
    /// the first one counts, as with getenv(3).
    ///
    /// Allocates only for paths and problems. Context: any; before `main` included.
    pub fn from_vars<'a>(vars: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> (Self, Vec<Problem>) {
        let mut settings = Self::default();
        let mut problems = Vec::new();
        let mut seen = 0_u32;
        for (name, value) in vars {
            if !name.starts_with(PREFIX) {
                continue;
            }
            let Some(setting) = table::by_name(name) else {
                problems.push(Problem::unknown_name(name));
                continue;
            };
            let bit = 1 << setting.key as u32;
            if seen & bit != 0 {
                continue;
            }
            seen |= bit;
            if settings.set(setting.key, value).is_none() {
                problems.push(Problem::bad_value(setting, value));
            }
        }
        (settings, problems)
    }

    /// The same for raw `NAME=value` strings as they lie in `environ` (without the final NUL). An entry
    /// without `=` is no variable.
    pub fn from_entries<'a>(entries: impl Iterator<Item = &'a [u8]>) -> (Self, Vec<Problem>) {
        Self::from_vars(
            entries
                .filter(|entry| entry.starts_with(PREFIX))
                .filter_map(|entry| {
                    let equals = entry.iter().position(|&b| b == b'=')?;
                    Some((&entry[..equals], &entry[equals + 1..]))
                }),
        )
    }

    /// Stores one value; `None` if it is not accepted. Except for switches, empty means default.
    fn set(&mut self, key: Key, value: &[u8]) -> Option<()> {
        match key {
            Key::Disable => self.disable = values::switch(value)?,
            Key::Stats => self.stats = values::switch(value)?,
            Key::Quiet => self.quiet = values::switch(value)?,
            Key::Strict => self.strict = values::switch(value)?,
            Key::Follow => self.follow = values::switch(value)?,
            Key::Trace => self.trace = destination(value)?,
            Key::Audit => self.audit = destination(value)?,
            _ if value.is_empty() => {}
            Key::Without => self.without = Without::parse(value)?,
            Key::Log => self.log = LogLevel::parse(value)?,
            Key::LogFile => self.log_file = Some(log_file::checked(value)?.to_vec()),
            Key::Pool => self.pool = values::number(value, POOL_MOST)?,
            Key::FileIo => self.file_io = FileIo::parse(value)?,
            Key::CacheDir => self.cache_dir = Some(values::absolute_path(value)?.to_vec()),
        }
        Some(())
    }
}

/// Where something goes: a template of a file's name, empty for stderr; `None` inside for nowhere.
fn destination(value: &[u8]) -> Option<Option<Vec<u8>>> {
    Some(match values::switch(value) {
        Some(on) => on.then(Vec::new),
        None => Some(log_file::checked(value)?.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cap, Fault};
    use alloc::string::ToString;

    fn read(entries: &[&str]) -> (Settings, Vec<Problem>) {
        Settings::from_entries(entries.iter().map(|e| e.as_bytes()))
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        let (settings, problems) = read(&["PATH=/bin", "LICHEN=1", "X", "LICHENX=1"]);
        assert_eq!(settings, Settings::default());
        assert!(problems.is_empty());
        assert!(settings.follow);
    }

    #[test]
    fn every_setting_is_read() {
        let (settings, problems) = read(&[
            "LICHEN_DISABLE=1",
            "LICHEN_STATS=yes",
            "LICHEN_QUIET=on",
            "LICHEN_STRICT=true",
            "LICHEN_FOLLOW=",
            "LICHEN_WITHOUT=nowait",
            "LICHEN_LOG=debug",
            "LICHEN_LOG_FILE=/tmp/%p=x",
            "LICHEN_TRACE=/tmp/trace.%p",
            "LICHEN_AUDIT=on",
            "LICHEN_CACHE_DIR=/var/cache/x",
            "LICHEN_POOL=16",
            "LICHEN_FILE_IO=offload",
        ]);
        assert!(problems.is_empty(), "{problems:?}");
        let expected = Settings {
            disable: true,
            stats: true,
            quiet: true,
            strict: true,
            follow: false,
            without: Without::default().and(Cap::Nowait),
            log: LogLevel::Debug,
            log_file: Some(b"/tmp/%p=x".to_vec()),
            trace: Some(b"/tmp/trace.%p".to_vec()),
            audit: Some(Vec::new()),
            cache_dir: Some(b"/var/cache/x".to_vec()),
            pool: 16,
            file_io: FileIo::Offload,
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_bad_value_keeps_the_default_and_names_the_accepted_ones() {
        let (settings, problems) = read(&["LICHEN_LOG=loud", "LICHEN_FOLLOW=maybe"]);
        assert_eq!(settings, Settings::default());
        assert_eq!(
            problems[0].to_string(),
            "LICHEN_LOG: 'loud' is not accepted; use off, error, warn, info, debug, trace"
        );
        assert_eq!(
            problems[0].as_flag(),
            "--log-level: 'loud' is not accepted; use off, error, warn, info, debug, trace"
        );
        assert!(
            problems[1]
                .to_string()
                .starts_with("LICHEN_FOLLOW: 'maybe'")
        );
    }

    #[test]
    fn a_trace_goes_to_stderr_or_to_a_file() {
        let to = |value: &str| read(&[&alloc::format!("LICHEN_TRACE={value}")]).0.trace;
        assert_eq!(to("1"), Some(Vec::new()));
        assert_eq!(to("0"), None);
        assert_eq!(to(""), None);
        assert_eq!(to("/tmp/x"), Some(b"/tmp/x".to_vec()));
        assert_eq!(read(&["LICHEN_TRACE=%q"]).1.len(), 1);
    }

    #[test]
    fn a_relative_cache_folder_is_rejected() {
        let (settings, problems) = read(&["LICHEN_CACHE_DIR=cache"]);
        assert_eq!(settings.cache_dir, None);
        assert!(problems[0].to_string().ends_with("use an absolute path"));
    }

    #[test]
    fn a_misspelt_name_is_reported() {
        let (_, problems) = read(&["LICHEN_STAT=1"]);
        assert_eq!(problems[0].fault, Fault::UnknownName);
        let line = problems[0].to_string();
        assert!(line.starts_with("LICHEN_STAT is no setting; the settings are LICHEN_STATS, "));
        assert!(!line.contains('\n'));
    }

    #[test]
    fn a_problem_is_one_line_whatever_the_value() {
        let value = alloc::format!("LICHEN_LOG=a\nb\u{1b}[31m{}", "x".repeat(5000));
        let (_, problems) = read(&[&value]);
        let line = problems[0].to_string();
        assert!(!line.contains(['\n', '\u{1b}']));
        assert!(line.len() < 250, "{}", line.len());
    }

    #[test]
    fn the_first_of_two_equal_names_counts() {
        let (settings, _) = read(&["LICHEN_LOG=info", "LICHEN_LOG=trace"]);
        assert_eq!(settings.log, LogLevel::Info);
    }
}
