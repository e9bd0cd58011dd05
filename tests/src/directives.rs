//! Reads the directives in the opening comment of a C test program.
//!
//! Called by the runner of `tests/calls/`. A directive is a line of the first comment that begins with a known word:
//!
//! ```text
//! /* What the program checks, in prose.
//!  * flags: -lrt            more words for the compiler
//!  * lib: ctor_thread.c     a file in tests/calls/lib, built as a shared library and linked
//!  * needs: root            not run otherwise
//!  * greens                 must fail when EXPECT_GREENS=1 and threads are kernel threads
//!  * native: may fail       plain Linux cannot do this, so there is no native run
//!  * status: 3              exit status to expect (or `signal 11`); 0 if not given
//!  * timeout: 60            seconds; 20 if not given
//!  * caps: no               not repeated with each capability forced off
//!  * without: proc_mem      with this one forced off Lichen must run the program natively and say so
//!  * skips: slices          not repeated with these forced off, without which it cannot pass
//!  * stderr: any            what is written to stderr is not compared
//!  * env: NAME=VALUE        added to the environment of every run
//!  * waits: CALL, CALL      proves for these that they wait, rightly, while other threads run (waiting.h)
//!  */
//! ```

use std::time::Duration;

/// How to build and judge one program.
#[derive(Debug, Clone)]
pub struct Directives {
    pub flags: Vec<String>,
    pub libs: Vec<String>,
    pub needs_root: bool,
    pub greens: bool,
    pub native_may_fail: bool,
    pub status: Expected,
    pub timeout: Duration,
    pub caps: bool,
    pub native_without: Vec<String>,
    pub skips: Vec<String>,
    pub any_stderr: bool,
    pub env: Vec<(String, String)>,
    pub waits: Vec<String>,
}

/// How a program is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Exit(i32),
    Signal(i32),
}

impl Default for Directives {
    fn default() -> Self {
        Directives {
            flags: Vec::new(),
            libs: Vec::new(),
            needs_root: false,
            greens: false,
            native_may_fail: false,
            status: Expected::Exit(0),
            timeout: Duration::from_secs(20),
            caps: true,
            native_without: Vec::new(),
            skips: Vec::new(),
            any_stderr: false,
            env: Vec::new(),
            waits: Vec::new(),
        }
    }
}

/// Parses the first comment of `source`.
///
/// # Errors
/// One line naming the directive whose value is not understood.
pub fn parse(source: &str) -> Result<Directives, String> {
    let mut found = Directives::default();
    let comment = source.split("*/").next().unwrap_or("");
    for line in comment.lines() {
        let line = line
            .trim()
            .trim_start_matches("/*")
            .trim_start_matches('*')
            .trim();
        apply(&mut found, line)?;
    }
    Ok(found)
}

fn apply(found: &mut Directives, line: &str) -> Result<(), String> {
    if line == "greens" {
        found.greens = true;
        return Ok(());
    }
    let Some((word, value)) = line.split_once(": ") else {
        return Ok(());
    };
    let value = value.trim();
    let wrong =
        || format!("directive `{line}` is not understood (tests/src/directives.rs lists them)");
    match word {
        "flags" => found
            .flags
            .extend(value.split_whitespace().map(str::to_owned)),
        "without" => found
            .native_without
            .extend(value.split_whitespace().map(str::to_owned)),
        "skips" => found
            .skips
            .extend(value.split_whitespace().map(str::to_owned)),
        "waits" => found
            .waits
            .extend(value.split(',').map(|call| call.trim().to_owned())),
        "lib" => found
            .libs
            .extend(value.split_whitespace().map(str::to_owned)),
        "needs" if value == "root" => found.needs_root = true,
        "native" if value == "may fail" => found.native_may_fail = true,
        "caps" if value == "no" => found.caps = false,
        "stderr" if value == "any" => found.any_stderr = true,
        "needs" | "native" | "caps" | "stderr" => return Err(wrong()),
        "timeout" => found.timeout = Duration::from_secs(value.parse().map_err(|_| wrong())?),
        "status" => found.status = status(value).ok_or_else(wrong)?,
        "env" => {
            let (name, value) = value.split_once('=').ok_or_else(wrong)?;
            found.env.push((name.to_owned(), value.to_owned()));
        }
        _ => {}
    }
    Ok(())
}

fn status(value: &str) -> Option<Expected> {
    match value.strip_prefix("signal ") {
        Some(signal) => signal.parse().ok().map(Expected::Signal),
        None => value.parse().ok().map(Expected::Exit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_is_read() {
        let read = parse(
            "/* Prose: with a colon.\n * flags: -lrt -ldl\n * needs: root\n * greens\n * native: may fail\n \
             * status: signal 11\n * timeout: 60\n * caps: no\n * without: a b\n * skips: c\n * stderr: any\n * env: A=b=c\n \
             * waits: read, write\n */\n/* status: 9 */",
        )
        .unwrap();
        assert_eq!(read.flags, ["-lrt", "-ldl"]);
        assert!(
            read.needs_root && read.greens && read.native_may_fail && read.any_stderr && !read.caps
        );
        assert_eq!(read.native_without, ["a", "b"]);
        assert_eq!(read.skips, ["c"]);
        assert_eq!(read.status, Expected::Signal(11));
        assert_eq!(read.timeout, Duration::from_secs(60));
        assert_eq!(read.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(read.waits, ["read", "write"]);
    }

    #[test]
    fn a_wrong_value_is_named() {
        assert!(
            parse("/* needs: luck */")
                .unwrap_err()
                .contains("needs: luck")
        );
    }
}
