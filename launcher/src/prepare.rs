//! The environment of the program: settings from flags and variables, and `LD_PRELOAD`.
//!
//! Called by `run`, `check` and `env`. Values are judged by `lichen-settings`, so that flags and
//! variables obey the same rules. It must never change this process's own environment, nor a variable
//! that is not ours.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use lichen_settings::{Settings, preload, table};

use crate::cli::{Env, Format, SettingFlags};
use crate::error::Error;
use crate::shim;

const LD_PRELOAD: &str = "LD_PRELOAD";

/// The variables the program will see, and the settings they amount to.
pub struct Environment {
    vars: Vec<(OsString, OsString)>,
    pub settings: Settings,
}

impl Environment {
    /// Our own environment with the flags on top. A value that is not accepted is an error, unless a
    /// flag replaced it.
    pub fn new(flags: &SettingFlags) -> Result<Self, Error> {
        Self::from_parts(std::env::vars_os().collect(), flags)
    }

    fn from_parts(vars: Vec<(OsString, OsString)>, flags: &SettingFlags) -> Result<Self, Error> {
        let given = flags.given();
        let mut environment = Self {
            vars,
            settings: Settings::default(),
        };
        for (key, value) in &given {
            environment.set(OsStr::new(table::line(*key).name), value);
        }
        let entries = environment
            .vars
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let (settings, problems) = Settings::from_vars(entries);
        if let Some(problem) = problems.first() {
            let by_flag = |key| given.iter().any(|(given, _)| *given == key);
            let line = match problem.setting {
                Some(setting) if by_flag(setting.key) => problem.as_flag(),
                _ => problem.to_string(),
            };
            return Err(Error::Usage(line));
        }
        environment.settings = settings;
        Ok(environment)
    }

    /// Puts the shim in front of `LD_PRELOAD`, behind `leading` (a library that must come first).
    pub fn preload(&mut self, shim: &Path, leading: Option<&OsStr>) {
        let existing = self.get(LD_PRELOAD).map(OsStr::as_bytes);
        let mut wanted = leading.map_or_else(Vec::new, |l| l.as_bytes().to_vec());
        for entry in existing.unwrap_or_default().split(|b| b" :".contains(b)) {
            if !entry.is_empty() && Some(entry) != leading.map(OsStr::as_bytes) {
                if !wanted.is_empty() {
                    wanted.push(b':');
                }
                wanted.extend_from_slice(entry);
            }
        }
        let value = preload::with(Some(&wanted), shim.as_os_str().as_bytes());
        self.set(OsStr::new(LD_PRELOAD), &OsString::from_vec(value));
    }

    /// Takes our entry out of `LD_PRELOAD`, for a program that could not load it.
    pub fn no_preload(&mut self) {
        let Some(existing) = self.get(LD_PRELOAD) else {
            return;
        };
        if !preload::contains_ours(existing.as_bytes()) {
            return;
        }
        match preload::without(existing.as_bytes()) {
            Some(value) => self.set(OsStr::new(LD_PRELOAD), &OsString::from_vec(value)),
            None => self.vars.retain(|(name, _)| name != LD_PRELOAD),
        }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.vars
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_os_str())
    }

    /// All variables.
    pub fn vars(&self) -> &[(OsString, OsString)] {
        &self.vars
    }

    fn set(&mut self, name: &OsStr, value: &OsStr) {
        match self.vars.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.vars.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// `lichen env`: the variables that do what `lichen run` does.
pub fn print_exports(args: &Env) -> Result<i32, Error> {
    let mut environment = Environment::new(&args.settings)?;
    environment.preload(&shim::find()?, None);
    let mut text = String::new();
    let ours = |name: &str| name == LD_PRELOAD || table::by_name(name.as_bytes()).is_some();
    for (name, value) in environment.vars() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if ours(&name) {
            text.push_str(&export(args.format, &name, &value));
        }
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Error::Output)?;
    Ok(0)
}

/// One line in the given format, quoted by that format's rules.
fn export(format: Format, name: &str, value: &str) -> String {
    match format {
        Format::Sh => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
        Format::Systemd => format!(
            "Environment=\"{name}={}\"\n",
            escaped(value, &['"', '\\']).replace('%', "%%")
        ),
        Format::Docker => format!("ENV {name}=\"{}\"\n", escaped(value, &['"', '\\', '$'])),
    }
}

fn escaped(value: &str, special: &[char]) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if special.contains(&c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
