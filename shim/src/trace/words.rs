//! Names of errors, signals and futex operations, as the manual pages have them. Called by
//! [`super::line`]; knows nothing else.

use core::fmt::{Result, Write};

/// From 1 on; `-` where Linux has no name.
const ERRNO: &str = "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT \
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS \
    EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC \
    EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA \
    ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ \
    EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ \
    EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE \
    EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN \
    ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL \
    EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD \
    ENOTRECOVERABLE ERFKILL EHWPOISON";

/// From 1 on.
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP \
    TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// From 0 on.
const FUTEX: &str = "WAIT WAKE FD REQUEUE CMP_REQUEUE WAKE_OP LOCK_PI UNLOCK_PI TRYLOCK_PI WAIT_BITSET WAKE_BITSET \
    WAIT_REQUEUE_PI CMP_REQUEUE_PI LOCK_PI2";

fn nth(words: &str, at: i32) -> Option<&str> {
    words
        .split_ascii_whitespace()
        .nth(usize::try_from(at).ok()?)
        .filter(|word| *word != "-")
}

/// `EINVAL`, or the number.
pub fn errno(into: &mut impl Write, number: i32) -> Result {
    match nth(ERRNO, number - 1) {
        Some(name) => into.write_str(name),
        None => write!(into, "{number}"),
    }
}

/// `SIGINT`, `SIGRT_2` for the second real-time signal of the kernel's, or the number.
pub fn signal(into: &mut impl Write, number: i32) -> Result {
    match nth(SIGNALS, number - 1) {
        Some(name) => write!(into, "SIG{name}"),
        None if (32..=64).contains(&number) => write!(into, "SIGRT_{}", number - 32),
        None => write!(into, "{number}"),
    }
}

/// `FUTEX_WAKE_PRIVATE`, with what is added to it.
pub fn futex_operation(into: &mut impl Write, operation: i32) -> Result {
    let plain = operation & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    match nth(FUTEX, plain) {
        Some(name) => write!(into, "FUTEX_{name}")?,
        None => return write!(into, "{operation:#x}"),
    }
    if operation & libc::FUTEX_PRIVATE_FLAG != 0 {
        into.write_str("_PRIVATE")?;
    }
    if operation & libc::FUTEX_CLOCK_REALTIME != 0 {
        into.write_str("|FUTEX_CLOCK_REALTIME")?;
    }
    Ok(())
}
