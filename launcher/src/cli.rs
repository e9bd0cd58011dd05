//! The command line: verbs, flags and their help, nothing else.
//!
//! Called by `entry`. Flags that have a `LICHEN_*` twin are kept as text: their values are judged in
//! one place, with the environment's, by `prepare`. This file must not look at files or the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::styling::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use lichen_settings::table::{Key, line};

use crate::error::{Error, STATUS_OWN};

const EXAMPLES: &str = "\
Examples:
  lichen run ./server --port 8080        run a threaded server on green threads
  lichen run --stats python3 client.py   ... and say at the end what it did
  lichen check ./server                  will it work? why not?
  lichen env --format docker             the same without the launcher, for a container

Nothing on disk is changed: a program run without `lichen` is as it was before.";

const EXIT_CODES: &str = "\
Exit status: the program's own; else 125 for a bad option or setting, or if Lichen is not installed
completely; 126 if CMD cannot be run, or under --strict not be accelerated; 127 if it was not found.

Options end at the first word that is none, so the program's own options need no `--`.
Each option's LICHEN_* variable does the same; an option wins over its variable.
LICHEN_DISABLE=1 passes everything through.";

const CHECK_HELP: &str = "\
Exit status: 0 if it runs on green threads, 1 if it would run natively; 125 for a bad option, 126 if CMD
cannot be run, 127 if it was not found. With --audit: as of `lichen run`.";

const ENV_HELP: &str = "\
Examples:
  eval \"$(lichen env --stats)\"           for all that this shell starts from now on
  lichen env --format systemd            lines for the [Service] section of a unit
  lichen env --format docker             lines for a Dockerfile

A program that cannot load the shim is only told apart by `lichen run`; see lichen check.";

/// Runs unmodified threaded programs on green threads
#[derive(Parser, Debug)]
#[command(name = "lichen", version, after_help = EXAMPLES, styles = Styles::plain())]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Run a program on green threads
    #[command(after_help = EXIT_CODES)]
    Run(Run),
    /// Tell whether a program can run on green threads, without starting it
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Print the variables that do the same without the launcher
    #[command(after_help = ENV_HELP)]
    Env(Env),
}

#[derive(Args, Debug)]
pub struct Check {
    /// Write the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Judge this file as a libc instead of a program
    #[arg(long, value_name = "FILE")]
    pub libc: Option<PathBuf>,
    /// Run CMD, and list at its end the system calls that passed Lichen by and those that slept;
    /// to stderr, or to FILE (%p in it is the process id)
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        conflicts_with_all = ["json", "libc"]
    )]
    audit: Option<PathBuf>,
    /// The program, looked for in PATH; arguments are ignored
    #[arg(
        value_names = ["CMD", "ARGS"],
        trailing_var_arg = true,
        required_unless_present = "libc",
        conflicts_with = "libc"
    )]
    pub command: Vec<OsString>,
}

impl Check {
    /// With `--audit`: how to run the program.
    pub fn audited(&self) -> Option<Run> {
        let settings = SettingFlags {
            audit: Some(self.audit.clone()?),
            ..SettingFlags::default()
        };
        let command = self.command.clone();
        Some(Run { settings, command })
    }
}

#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub settings: SettingFlags,
    /// The program, looked for in PATH, and its arguments
    #[arg(value_names = ["CMD", "ARGS"], required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub struct Env {
    /// For whom to write them
    #[arg(long, value_enum, default_value_t = Format::Sh)]
    pub format: Format,
    #[command(flatten)]
    pub settings: SettingFlags,
}

/// How `lichen env` writes variables.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// export lines for a shell
    Sh,
    /// Environment= lines for a systemd unit
    Systemd,
    /// ENV lines for a Dockerfile
    Docker,
}

/// The flags that are twins of a variable.
#[derive(Args, Debug, Default)]
pub struct SettingFlags {
    #[arg(long, help = help(Key::Stats))]
    stats: bool,
    #[arg(short, long, help = help(Key::Quiet))]
    quiet: bool,
    #[arg(long, help = help(Key::Strict))]
    strict: bool,
    #[arg(long, help = help(Key::Follow))]
    no_follow: bool,
    #[arg(long, value_name = "LIST", help = help(Key::Without))]
    without: Option<OsString>,
    #[arg(long, value_name = "LEVEL", help = help(Key::Log))]
    log_level: Option<OsString>,
    #[arg(long, value_name = "PATH", help = help(Key::LogFile))]
    log_file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        help = help(Key::Trace)
    )]
    trace: Option<PathBuf>,
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        help = help(Key::Audit)
    )]
    audit: Option<PathBuf>,
    #[arg(long, value_name = "PATH", help = help(Key::CacheDir))]
    cache_dir: Option<PathBuf>,
    #[arg(long, value_name = "COUNT", help = help(Key::Pool))]
    pool: Option<OsString>,
    #[arg(long, value_name = "WAY", help = help(Key::FileIo))]
    file_io: Option<OsString>,
}

impl SettingFlags {
    /// The given flags as settings and the values of their variables.
    pub fn given(&self) -> Vec<(Key, OsString)> {
        let switch = |on: bool, key, value: &str| on.then(|| (key, OsString::from(value)));
        let absolute = |path: &PathBuf| {
            // Without a current directory the path stays as it is and is refused where it must be absolute.
            std::path::absolute(path).map_or_else(|_| path.into(), PathBuf::into_os_string)
        };
        let destination = |path: &PathBuf| match path.to_str() {
            Some(word @ ("0" | "1")) => word.into(),
            _ => absolute(path),
        };
        [
            switch(self.stats, Key::Stats, "1"),
            switch(self.quiet, Key::Quiet, "1"),
            switch(self.strict, Key::Strict, "1"),
            switch(self.no_follow, Key::Follow, "0"),
            self.without.clone().map(|list| (Key::Without, list)),
            self.log_level.clone().map(|level| (Key::Log, level)),
            self.log_file.as_ref().map(|p| (Key::LogFile, absolute(p))),
            self.trace.as_ref().map(|p| (Key::Trace, destination(p))),
            self.audit.as_ref().map(|p| (Key::Audit, destination(p))),
            self.cache_dir
                .as_ref()
                .map(|p| (Key::CacheDir, absolute(p))),
            self.pool.clone().map(|count| (Key::Pool, count)),
            self.file_io.clone().map(|way| (Key::FileIo, way)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn help(key: Key) -> String {
    let setting = line(key);
    match key {
        Key::Without | Key::Log | Key::FileIo => format!(
            "{}: {} [env: {}]",
            setting.help, setting.accepted, setting.name
        ),
        _ => format!("{} [env: {}]", setting.help, setting.name),
    }
}

/// What the command line asks for.
pub enum Parsed {
    Verb(Box<Verb>),
    /// Help or version was shown; exit with this status.
    Done(i32),
}

/// Reads the command line. Errors are one line that names what would have been accepted.
pub fn parse() -> Result<Parsed, Error> {
    match Cli::try_parse() {
        Ok(cli) => Ok(Parsed::Verb(Box::new(cli.verb))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                error.print().map_err(Error::Output)?;
                Ok(Parsed::Done(0))
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = error.print();
                Ok(Parsed::Done(STATUS_OWN))
            }
            _ => Err(Error::Usage(one_line(&error))),
        },
    }
}

/// clap's message without its usage and tip paragraphs, plus the accepted options where that helps.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let first = first.join(" ");
    let first = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    match error.kind() {
        ErrorKind::UnknownArgument => format!("{first}; accepted: {}", accepted_options(error)),
        ErrorKind::InvalidSubcommand => format!("{first}; accepted: {}", verbs()),
        _ => format!("{first}; see lichen --help"),
    }
}

fn verbs() -> String {
    let verbs: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    verbs.join(", ")
}

/// The options of the verb that was used, as the usage line of the error names it.
fn accepted_options(error: &clap::Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let root = Cli::command();
    let verb = root
        .get_subcommands()
        .find(|verb| usage.contains(&format!("lichen {}", verb.get_name())));
    let options: Vec<String> = verb
        .unwrap_or(&root)
        .get_arguments()
        .filter_map(|arg| arg.get_long())
        .map(|long| format!("--{long}"))
        .chain(["--help".to_owned()])
        .collect();
    options.join(", ")
}
