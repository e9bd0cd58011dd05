//! The system calls that must be caught for green threads to be safe.
//!
//! Read by the planner's callers (the launcher's `--strict` and `check`, the shim's activation): if
//! libc holds a site of one of these that cannot be rewritten, the program runs natively. Data only.

/// Numbers (x86-64) with their names, in ascending order.
const NAMED: &[(u32, &str)] = &[
    (0, "read"),
    (1, "write"),
    (3, "close"),
    (7, "poll"),
    (14, "rt_sigprocmask"),
    (19, "readv"),
    (20, "writev"),
    (23, "select"),
    (35, "nanosleep"),
    (42, "connect"),
    (43, "accept"),
    (44, "sendto"),
    (45, "recvfrom"),
    (46, "sendmsg"),
    (47, "recvmsg"),
    (56, "clone"),
    (60, "exit"),
    (202, "futex"),
    (230, "clock_nanosleep"),
    (232, "epoll_wait"),
    (270, "pselect6"),
    (271, "ppoll"),
    (273, "set_robust_list"),
    (281, "epoll_pwait"),
    (288, "accept4"),
    (334, "rseq"),
    (435, "clone3"),
];

/// The numbers, ascending.
pub const ESSENTIAL: &[u32] = &numbers();

/// Whether `number` must be caught.
#[must_use]
pub fn is_essential(number: u32) -> bool {
    ESSENTIAL.binary_search(&number).is_ok()
}

/// The name of an essential call.
#[must_use]
pub fn name(number: u32) -> Option<&'static str> {
    let index = ESSENTIAL.binary_search(&number).ok()?;
    NAMED.get(index).map(|(_, name)| *name)
}

const fn numbers() -> [u32; NAMED.len()] {
    let mut numbers = [0; NAMED.len()];
    let mut i = 0;
    while i < NAMED.len() {
        numbers[i] = NAMED[i].0;
        i += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_so_that_they_can_be_searched() {
        assert!(ESSENTIAL.is_sorted());
        assert!(is_essential(202) && !is_essential(39));
        assert_eq!(name(435), Some("clone3"));
        assert_eq!(name(2), None);
    }
}
