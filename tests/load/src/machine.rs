//! What this machine allows: descriptors, CPUs, and the limits that a scaled-down run has to name.
//! Called by the drivers before anything is started. Raises only the soft descriptor limit, of this process.

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// Descriptors that a server or this program needs besides one per connection (libraries, epoll, logs, pipes).
const SPARE_DESCRIPTORS: u64 = 100;

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
    Ok(fit(wanted, hard))
}

fn fit(wanted: usize, descriptors: u64) -> Scale {
    let room = usize::try_from(descriptors.saturating_sub(SPARE_DESCRIPTORS)).unwrap_or(usize::MAX);
    if wanted <= room {
        return Scale {
            connections: wanted,
            note: None,
        };
    }
    let note = format!(
        "scaled down from {wanted} to {room} connections: the hard limit on open files is {descriptors} (ulimit -Hn; root \
         or /etc/security/limits.conf can raise it)"
    );
    Scale {
        connections: room.max(1),
        note: Some(note),
    }
}

/// One line on the processor and the kernel, for reports.
pub fn describe() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
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

    #[test]
    fn many_descriptors_need_no_note() {
        assert_eq!(
            fit(10_000, 20_000),
            Scale {
                connections: 10_000,
                note: None
            }
        );
    }

    #[test]
    fn few_descriptors_scale_down_and_say_so() {
        let scale = fit(10_000, 1_024);
        assert_eq!(scale.connections, 924);
        assert!(scale.note.unwrap().contains("1024"));
    }

    #[test]
    fn at_least_one_connection_is_tried() {
        assert_eq!(fit(10, 3).connections, 1);
    }
}
