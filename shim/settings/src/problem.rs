//! What can be wrong with a setting, as one line that names the accepted values.
//!
//! Made by `settings.rs`; shown by the launcher (exit 125) and by the shim (one warning). It must
//! never hold more of a bad value than a line can show.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::table::{SETTINGS, Setting};

/// Longest piece of a bad value that is quoted back, in bytes.
const QUOTED_MAX: usize = 80;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The value is none of the accepted ones; the setting's default is in force.
    BadValue,
    /// No setting has this name (a misspelling would otherwise silently do nothing).
    UnknownName,
}

/// One rejected variable. `Display` gives the whole line, without a newline and without a prefix.
#[derive(Clone, Debug)]
pub struct Problem {
    pub fault: Fault,
    /// The setting concerned; `None` for an unknown name.
    pub setting: Option<&'static Setting>,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Problem {
    pub(crate) fn bad_value(setting: &'static Setting, value: &[u8]) -> Self {
        Self {
            fault: Fault::BadValue,
            setting: Some(setting),
            name: setting.name.as_bytes().to_vec(),
            value: clip(value),
        }
    }

    pub(crate) fn unknown_name(name: &[u8]) -> Self {
        Self {
            fault: Fault::UnknownName,
            setting: None,
            name: clip(name),
            value: Vec::new(),
        }
    }

    /// The same line for a value that came from the command line: it names the flag, not the variable.
    #[must_use]
    pub fn as_flag(&self) -> String {
        let shown = self.setting.and_then(|s| s.flag);
        alloc::format!("{}", Line(self, shown))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line(self, None).fmt(f)
    }
}

/// A problem with the name it is shown under.
struct Line<'a>(&'a Problem, Option<&'a str>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(problem, flag) = self;
        let name = String::from_utf8_lossy(&problem.name);
        let name = flag.unwrap_or(&name);
        let Some(setting) = problem.setting else {
            write!(f, "{name} is no setting; the settings are")?;
            for (i, known) in SETTINGS.iter().enumerate() {
                write!(f, "{} {}", if i == 0 { "" } else { "," }, known.name)?;
            }
            return Ok(());
        };
        let value = String::from_utf8_lossy(&problem.value);
        write!(
            f,
            "{name}: '{}' is not accepted; use {}",
            value.escape_debug(),
            setting.accepted
        )
    }
}

fn clip(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(QUOTED_MAX)].to_vec()
}
