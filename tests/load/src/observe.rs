//! What the kernel counted for another process, read from outside: CPU time, context switches, threads, memory.
//! Called by `measure` and the benches, best while the process is idle. Reads /proc and one clock; changes nothing.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde::Serialize;

/// Kernel stack of one thread on x86-64 (THREAD_SIZE), in KiB. No file tells it per process.
pub const KERNEL_STACK_KIB: u64 = 16;

/// CPU time of all threads of a process, ended ones included, in the scheduler's own nanoseconds (the ticks in
/// /proc/PID/stat are 10 ms each, too coarse for short runs).
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let clock =
        clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).context("clock_getcpuclockid")?;
    Ok(clock_gettime(clock)
        .context("cannot read the CPU clock of the server")?
        .into())
}

/// Sums over the living threads of a process. Both only grow while no thread ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// Context switches, voluntary and not.
    pub switches: u64,
    /// How often a thread was given a CPU. If this does not change, no thread ran, so none made a system call.
    pub runs: u64,
}

pub fn scheduling(pid: u32) -> Result<Scheduling> {
    let mut sum = Scheduling::default();
    let folder = format!("/proc/{pid}/task");
    for entry in fs::read_dir(&folder).with_context(|| folder.clone())? {
        let task = entry?.path();
        // A thread may end between the listing and the reading; it then counts as zero.
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        sum.switches += field(&status, "voluntary_ctxt_switches").unwrap_or(0)
            + field(&status, "nonvoluntary_ctxt_switches").unwrap_or(0);
        sum.runs += third_word(&fs::read_to_string(task.join("schedstat")).unwrap_or_default());
    }
    Ok(sum)
}

/// Memory of one process, in KiB, and its kernel threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Footprint {
    pub kernel_threads: u64,
    pub resident_kib: u64,
    pub page_tables_kib: u64,
}

impl Footprint {
    pub fn kernel_stacks_kib(&self) -> u64 {
        self.kernel_threads * KERNEL_STACK_KIB
    }

    /// Bytes per connection that came since `empty`: resident memory, page tables and kernel stacks.
    pub fn bytes_per_connection(&self, empty: &Footprint, connections: usize) -> f64 {
        let all = |f: &Footprint| f.resident_kib + f.page_tables_kib + f.kernel_stacks_kib();
        all(self).saturating_sub(all(empty)) as f64 * 1024.0 / connections.max(1) as f64
    }
}

pub fn footprint(pid: u32) -> Result<Footprint> {
    let path = format!("/proc/{pid}/status");
    let status =
        fs::read_to_string(&path).with_context(|| format!("{path}: has the server ended?"))?;
    let need = |name: &str| field(&status, name).with_context(|| format!("no {name} in {path}"));
    Ok(Footprint {
        kernel_threads: need("Threads")?,
        resident_kib: need("VmRSS")?,
        page_tables_kib: need("VmPTE")?,
    })
}

/// Kernel memory of the whole machine, in KiB: only differences on a quiet machine mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelMemory {
    pub slab_kib: u64,
    pub kernel_stacks_kib: u64,
    pub page_tables_kib: u64,
}

pub fn kernel_memory() -> Result<KernelMemory> {
    let text = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    let need =
        |name: &str| field(&text, name).with_context(|| format!("no {name} in /proc/meminfo"));
    Ok(KernelMemory {
        slab_kib: need("Slab")?,
        kernel_stacks_kib: need("KernelStack")?,
        page_tables_kib: need("PageTables")?,
    })
}

/// The number behind `name:` in a file of `name: value` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn third_word(text: &str) -> u64 {
    text.split_whitespace()
        .nth(2)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tthreads\nVmPTE:\t      64 kB\nVmRSS:\t    1536 kB\nThreads:\t3\n\
                          voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t5\n";

    #[test]
    fn fields_are_found_by_their_whole_name() {
        assert_eq!(field(STATUS, "VmRSS"), Some(1536));
        assert_eq!(field(STATUS, "voluntary_ctxt_switches"), Some(12));
        assert_eq!(field(STATUS, "nonvoluntary_ctxt_switches"), Some(5));
        assert_eq!(field(STATUS, "Vm"), None);
        assert_eq!(field("", "VmRSS"), None);
    }

    #[test]
    fn schedstat_gives_the_run_count() {
        assert_eq!(third_word("123 456 789\n"), 789);
        assert_eq!(third_word(""), 0);
    }

    #[test]
    fn memory_per_connection_counts_kernel_stacks() {
        let empty = Footprint {
            kernel_threads: 1,
            resident_kib: 1_000,
            page_tables_kib: 40,
        };
        let full = Footprint {
            kernel_threads: 101,
            resident_kib: 1_800,
            page_tables_kib: 240,
        };
        // (800 + 200 + 100 * 16) KiB over 100 connections
        assert_eq!(full.bytes_per_connection(&empty, 100), 26.0 * 1024.0);
    }

    #[test]
    fn this_process_can_be_observed() {
        let pid = std::process::id();
        assert!(footprint(pid).unwrap().kernel_threads >= 1);
        assert!(cpu_time(pid).unwrap() > Duration::ZERO);
        assert!(scheduling(pid).unwrap().runs > 0);
        assert!(kernel_memory().unwrap().slab_kib > 0);
    }
}
