//! Which of a module's imports make threads or may wait, by what they wait for.
//!
//! Called by `check`. A table for the reader of a report: what Lichen really catches are system calls,
//! so a function missing here is caught all the same.

/// Functions that start a thread.
pub const THREADS: &[&str] = &["pthread_create", "thrd_create"];

/// Kinds of waiting and the libc functions that do it, in the order of the report.
const KINDS: &[(&str, &[&str])] = &[
    (
        "sockets",
        &[
            "accept", "accept4", "connect", "recv", "recvfrom", "recvmmsg", "recvmsg", "send",
            "sendmmsg", "sendmsg", "sendto",
        ],
    ),
    (
        "bytes",
        &[
            "fgets", "fread", "fwrite", "getline", "preadv", "pwritev", "read", "readv",
            "sendfile", "splice", "write", "writev",
        ],
    ),
    (
        "several descriptors",
        &[
            "epoll_pwait",
            "epoll_pwait2",
            "epoll_wait",
            "poll",
            "ppoll",
            "pselect",
            "select",
        ],
    ),
    (
        "time",
        &[
            "clock_nanosleep",
            "nanosleep",
            "pause",
            "sleep",
            "thrd_sleep",
            "usleep",
        ],
    ),
    (
        "other threads",
        &[
            "cnd_wait",
            "mtx_lock",
            "pthread_barrier_wait",
            "pthread_cond_timedwait",
            "pthread_cond_wait",
            "pthread_join",
            "pthread_mutex_lock",
            "pthread_rwlock_rdlock",
            "pthread_rwlock_wrlock",
            "sem_timedwait",
            "sem_wait",
            "thrd_join",
        ],
    ),
    (
        "names",
        &[
            "getaddrinfo",
            "gethostbyname",
            "gethostbyname_r",
            "getnameinfo",
        ],
    ),
    (
        "processes",
        &[
            "pclose", "system", "wait", "wait3", "wait4", "waitid", "waitpid",
        ],
    ),
    ("files", &["fdatasync", "flock", "fsync", "lockf"]),
    (
        "signals",
        &["sigsuspend", "sigtimedwait", "sigwait", "sigwaitinfo"],
    ),
];

/// The kind of waiting that this function does. Fortified and 64-bit-offset names count as the plain ones.
pub fn kind(import: &str) -> Option<(&'static str, &'static str)> {
    let plain = import
        .strip_prefix("__")
        .and_then(|name| name.strip_suffix("_chk"))
        .unwrap_or(import);
    let plain = plain.strip_suffix("64").unwrap_or(plain);
    KINDS.iter().find_map(|(kind, names)| {
        let name = names.iter().find(|name| **name == plain)?;
        Some((*kind, *name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortified_names_count() {
        assert_eq!(kind("__recv_chk"), Some(("sockets", "recv")));
        assert_eq!(kind("poll"), Some(("several descriptors", "poll")));
        assert_eq!(kind("strlen"), None);
        assert_eq!(kind("getpid"), None);
    }
}
