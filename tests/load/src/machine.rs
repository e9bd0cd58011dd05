//! What this machine allows: descriptors, CPUs, and the limits that a scaled-down run has to name.
//! Called by the drivers before anything is started. Raises only the soft descriptor limit, of this process.

use std::fs;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// Descriptors that a server or this program needs besides one per connection (libraries, epoll, logs, pipes).
const SPARE_DESCRIPTORS: u64 = 100;
const DESCRIPTORS: &str =
    "the hard limit on open files (`ulimit -Hn`; raised in /etc/security/limits.conf)";

/// Threads that the rest of the machine keeps.
const SPARE_THREADS: u64 = 500;

/// Where the server and the load run.
#[derive(Clone, Debug)]
pub struct Cpus {
    pub server: usize,
    pub load: usize,
    /// All CPUs that this process may use, in ascending order.
    pub allowed: Vec<usize>,
}

impl Cpus {
    /// The first allowed CPU for the server and the second for the load; with one CPU, both share it.
    pub fn choose() -> Result<Cpus> {
        let set = sched_getaffinity(Pid::this()).context("sched_getaffinity")?;
        let allowed: Vec<usize> = (0..CpuSet::count())
            .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
            .collect();
        let server = *allowed
            .first()
            .context("no CPU is allowed to this process")?;
        let load = *allowed.get(1).unwrap_or(&server);
        Ok(Cpus {
            server,
            load,
            allowed,
        })
    }

    pub fn shared(&self) -> bool {
        self.server == self.load
    }
}

/// Binds the calling thread (and threads and children it starts later) to one CPU.
pub fn pin_here(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu).context("CPU number too large")?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot bind to CPU {cpu}"))
}

/// How many connections can be had, and a sentence on why it is fewer than asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    pub connections: usize,
    pub note: Option<String>,
}

/// Raises RLIMIT_NOFILE to the hard limit (children inherit it) and fits `wanted` connections into it.
pub fn make_room(wanted: usize) -> Result<Scale> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit(RLIMIT_NOFILE)")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("setrlimit(RLIMIT_NOFILE)")?;
    let scale = Scale {
        connections: wanted,
        note: None,
    };
    Ok(scale.fit(hard.saturating_sub(SPARE_DESCRIPTORS), DESCRIPTORS))
}

/// As [`make_room`], and fits one kernel thread per connection too, which the native server needs.
pub fn make_room_for_threads(wanted: usize) -> Result<Scale> {
    let mut scale = make_room(wanted)?;
    let sysctl = |path: &str| {
        fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
    };
    let limits = [
        (sysctl("/proc/sys/kernel/pid_max"), 1, "kernel.pid_max"),
        (
            sysctl("/proc/sys/kernel/threads-max"),
            1,
            "kernel.threads-max",
        ),
        (
            sysctl("/proc/sys/vm/max_map_count"),
            2,
            "vm.max_map_count (two maps per native thread)",
        ),
        (cgroup_tasks(), 1, "pids.max of the control group"),
    ];
    for (limit, per_thread, name) in limits {
        if let Some(limit) = limit {
            scale = scale.fit((limit / per_thread).saturating_sub(SPARE_THREADS), name);
        }
    }
    Ok(scale)
}

/// `pids.max` of our control group (version 2), if it has one.
fn cgroup_tasks() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    fs::read_to_string(format!("/sys/fs/cgroup{path}/pids.max"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

impl Scale {
    /// Not more than `room` connections, because of the limit called `name`.
    fn fit(self, room: u64, name: &str) -> Scale {
        let room = usize::try_from(room).unwrap_or(usize::MAX).max(1);
        if self.connections <= room {
            return self;
        }
        let note = format!("scaled down to {room} connections by {name}");
        Scale {
            connections: room,
            note: Some(note),
        }
    }
}

/// One line on the processor and the kernel, for reports.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // Not the whole release: its tail often names the provider of the machine.
    let kernel = kernel
        .trim()
        .split('-')
        .next()
        .unwrap_or_default()
        .to_string();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cpus} CPUs, Linux {kernel}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(connections: usize) -> Scale {
        Scale {
            connections,
            note: None,
        }
    }

    #[test]
    fn enough_room_needs_no_note() {
        assert_eq!(wanted(10_000).fit(20_000, "x"), wanted(10_000));
    }

    #[test]
    fn little_room_scales_down_and_says_why() {
        let scale = wanted(10_000).fit(924, "the limit");
        assert_eq!(scale.connections, 924);
        assert!(scale.note.unwrap().contains("the limit"));
    }

    #[test]
    fn the_tightest_limit_is_the_one_named() {
        let scale = wanted(10_000)
            .fit(5_000, "first")
            .fit(900, "second")
            .fit(1_000, "third");
        assert_eq!(scale.connections, 900);
        assert!(scale.note.unwrap().contains("second"));
    }

    #[test]
    fn at_least_one_connection_is_tried() {
        assert_eq!(wanted(10).fit(0, "x").connections, 1);
    }
}
