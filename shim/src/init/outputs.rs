//! Where we tell of what we do: the log, the trace, the audit. Opened at activation, by `init` alone; `open_ours` also by
//! `trace` in the child of a fork and by `doors::report`.

use super::{settings, warn};
use crate::doors::audit;
use crate::handlers::signal;
use crate::trace;
use lichen_runtime::sched::{Runtime, runtime};
use lichen_runtime::{log, sys};
use lichen_settings::Cap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Opens the log, if it is asked for.
pub fn open_log() {
    use tracing::Level;
    let level = match settings().log.name() {
        "error" => Level::ERROR,
        "info" => Level::INFO,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => return,
    };
    let file = settings().log_file.as_deref().and_then(open_ours);
    let fd = file.map_or(2, sys::lift);
    log::install(level, fd);
}

/// Opens the trace, if it is asked for. A file that cannot be opened is said, and there is no trace.
pub fn open_trace() {
    let Some(template) = &settings().trace else {
        return;
    };
    let fd = if template.is_empty() {
        let copy = sys::fcntl(2, libc::F_DUPFD_CLOEXEC, 3) as i32;
        (copy >= 0).then_some(copy)
    } else {
        open_ours(template)
    };
    match fd {
        Some(fd) => trace::begin(runtime(), fd),
        None if settings().quiet => {}
        None => warn("LICHEN_TRACE: the file cannot be opened for writing; there is no trace"),
    }
}

/// Begins the audit, if it is asked for and the kernel can.
pub fn begin_audit(runtime: &Runtime) {
    if settings().audit.is_none() {
        return;
    }
    let can = !settings().without.has(Cap::UserDispatch);
    let begun = can && audit::begin(runtime, signal::delivery::own_text());
    if !begun && !settings().quiet {
        warn(
            "LICHEN_AUDIT: this kernel has no Syscall User Dispatch (Linux 5.11 has); there is no audit",
        );
    }
}

/// Opens a file of ours for appending; `template` as in `lichen_settings::log_file`. Activation and
/// scheduler side.
pub fn open_ours(template: &[u8]) -> Option<i32> {
    let name = std::env::args_os()
        .next()
        .map(OsString::into_vec)
        .unwrap_or_default();
    let path = lichen_settings::log_file::expand(template, sys::getpid(), b"localhost", &name);
    let path = std::ffi::CString::new(path).ok()?;
    let fd = sys::open_to_append(&path);
    (fd >= 0).then_some(fd as i32)
}
