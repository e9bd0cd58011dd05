//! Load, activate: the only place that decides order.
//!
//! *Load* happens before `main` and costs next to nothing: settings and pre-checks. *Activation*
//! happens when the program makes its first thread, wherever that falls: libc is rewritten, the
//! calling thread becomes the first green, the scheduler is made. A process that never makes a
//! thread is never activated.
#![allow(unsafe_code)]

mod environment;
mod outputs;

pub use outputs::open_ours;

use crate::doors::rewrite::{Job, text, unlisted};
use crate::handlers::{clocks, fork, io, signal, thread};
use crate::modules::{self, Module};
use crate::{dispatch, fds, plans, stats, tcb};
use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicU8, Ordering};
use lichen_plan::{Plan, cache};
use lichen_runtime::caps::{self, Caps};
use lichen_runtime::sched::{Hooks, Scheduler, runtime, switch};
use lichen_runtime::{arch, log, park, sys};
use lichen_settings::{Cap, FileIo, Settings};
use once_cell::race::OnceBox;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What was settled at load.
pub struct Loaded {
    pub settings: Settings,
    /// A variable was not understood, and that was said.
    warned: bool,
    /// The folder of cached plans.
    pub cache: Option<PathBuf>,
    /// What [`plans::root`] said then.
    pub root: (u64, u64),
    /// The process that loaded us, to tell children that forked since.
    pub process: u32,
}

static LOADED: OnceBox<Loaded> = OnceBox::new();
static STAGE: AtomicU8 = AtomicU8::new(IDLE);
const IDLE: u8 = 0;
const BUSY: u8 = 1;
const ACTIVE: u8 = 2;
const REFUSED: u8 = 3;

#[used]
#[unsafe(link_section = ".init_array")]
static LOAD: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = on_load;

/// Our constructor: the first of the process, so not even libc's own has run. `environ` is not set
/// yet; the environment comes as the third argument.
extern "C" fn on_load(_: c_int, _: *const *const c_char, environment: *const *const c_char) {
    // SAFETY: ld.so passes the process's environment.
    load(unsafe { environment::entries(environment) });
    if !settings().follow {
        // SAFETY: as above; the array and its strings are ours to change before anybody has read
        // them.
        unsafe { environment::leave_children(environment.cast_mut()) };
    }
    if loaded().warned {
        // SAFETY: as above; the array is ours to change before anybody has read it.
        unsafe { environment::hush_children(environment.cast_mut()) };
    }
    if settings().strict
        && !settings().disable
        && let Err(why) = prepare()
    {
        refuse(&why);
        // SAFETY: ends the process before main, as --strict asks.
        unsafe { libc::_exit(126) };
    }
}

/// Our destructor: a process that ends without ever having been activated still reports.
#[used]
#[unsafe(link_section = ".fini_array")]
static UNLOAD: extern "C" fn() = stats::at_exit;

fn load(entries: Vec<&'static [u8]>) -> &'static Loaded {
    LOADED.get_or_init(|| {
        let (settings, problems) = Settings::from_entries(entries.iter().copied());
        let warned = !settings.quiet && !problems.is_empty();
        if let Some(problem) = problems.first().filter(|_| warned) {
            warn(&problem.to_string());
        }
        let get = |name: &str| {
            let value = entries
                .iter()
                .find_map(|e| e.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
            Some(OsString::from_vec(value.to_vec()))
        };
        #[cfg(feature = "mutants")]
        lichen_runtime::mutants::choose(
            &get("LICHEN_MUTANT").unwrap_or_default().to_string_lossy(),
        );
        let cache = match &settings.cache_dir {
            Some(dir) => Some(PathBuf::from(OsString::from_vec(dir.clone()))),
            None => cache::default_dir(get),
        };
        Box::new(Loaded {
            settings,
            warned,
            cache,
            root: plans::root(),
            process: sys::getpid(),
        })
    })
}

/// What was settled at load. If a library's constructor comes before ours, load happens now.
pub fn loaded() -> &'static Loaded {
    match LOADED.get() {
        Some(loaded) => loaded,
        None => {
            let text = std::fs::read("/proc/self/environ").unwrap_or_default();
            let text: &'static [u8] = text.leak();
            load(text.split(|&b| b == 0).collect())
        }
    }
}

/// What was settled at load, if load is over: for those who must not load by themselves, the green
/// side and the scheduler side.
pub fn settled() -> Option<&'static Loaded> {
    LOADED.get()
}

/// The settings.
pub fn settings() -> &'static Settings {
    &loaded().settings
}

fn warn(what: &str) {
    use core::fmt::Write;
    let mut line = log::Line::anonymous();
    let _ = line.write_str(what);
    line.send(2);
}

fn refuse(why: &str) {
    if !settings().quiet {
        warn(&format!("running natively: {why}"));
        // SAFETY: the program's main thread is in a libc call of its own; constants.
        unsafe { libc::setenv(c"LICHEN_QUIET".as_ptr(), c"1".as_ptr(), 1) };
    }
}

/// Called before the program makes a thread, by [`crate::symbols`].
pub fn activate() {
    if STAGE.load(Ordering::Acquire) == ACTIVE || settings().disable {
        return;
    }
    if STAGE
        .compare_exchange(IDLE, BUSY, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        return;
    }
    // From here to the end no signal handler may run: its world is changing.
    let mask = sys::set_kernel_mask(u64::MAX);
    let begun = sys::clock_ns(libc::CLOCK_MONOTONIC);
    match prepare().and_then(|job| go(job, mask)) {
        Ok(()) => {
            STAGE.store(ACTIVE, Ordering::Release);
            let us = (sys::clock_ns(libc::CLOCK_MONOTONIC) - begun) / 1000;
            park::serve(runtime(), &mut |_| tracing::debug!("activated in {us} us"));
            signal::masks::push(runtime());
        }
        Err(why) => {
            // The program goes on natively, with all the memory it would have had.
            fds::unmap();
            runtime().drop_scheduler();
            runtime().slots.unmap();
            runtime().table.unmap();
            sys::set_kernel_mask(mask);
            STAGE.store(REFUSED, Ordering::Release);
            refuse(&why);
        }
    }
}

/// Everything that can be refused without having changed anything.
struct Prepared {
    job: Job,
    offsets: tcb::Offsets,
}

fn prepare() -> Result<Prepared, String> {
    let without = settings().without;
    if !caps::has_fsgsbase() || without.has(Cap::Fsgsbase) {
        return Err(
            "this processor or kernel has no FSGSBASE (Linux 5.9 and later have it)".into(),
        );
    }
    let offsets = tcb::offsets().ok_or("this libc is no glibc with nptl_db symbols")?;
    let modules = modules::all();
    if !modules.iter().any(Module::is_libc) {
        return Err("the program does not use libc.so.6".into());
    }
    let mut job = Job::new();
    for module in modules.iter().filter(|m| m.is_libc() || m.is_loader()) {
        let plan = plan_of(module)?;
        job.add(
            module,
            &plan,
            dispatch::wants,
            without.has(Cap::VectorAnalysis),
        )?;
    }
    for module in modules.iter().filter(|m| may_have_sites(m)) {
        if let Ok(plan) = plan_of(module) {
            for text in module.text_ranges() {
                job.add_other(module.base, text, &plan, dispatch::wants);
            }
        }
    }
    unlisted::add_all(&mut job, &modules, loaded());
    Ok(Prepared { job, offsets })
}

/// Modules of the program that are looked through for `syscall` instructions of their own. Not the
/// vDSO, which comes by itself, and not our own.
fn may_have_sites(module: &Module) -> bool {
    let own = module.contains(on_load as *const () as usize);
    !module.is_vdso() && !own && !module.is_libc() && !module.is_loader()
}

/// The vDSO makes a system call for clocks that it cannot read itself, those of a thread's processor time among
/// them. Rewrites it if the kernel lets us; nothing depends on that. Is each such call caught now?
fn rewrite_vdso(may_write: bool) -> bool {
    let modules = modules::all();
    let Some(vdso) = modules.iter().find(|m| m.is_vdso()) else {
        return true; // libc makes all of these calls
    };
    let Some(plan) = plan_of(vdso).ok().filter(|_| may_write) else {
        return false;
    };
    let mut job = Job::new();
    for text in vdso.text_ranges() {
        job.add_other(vdso.base, text, &plan, dispatch::wants);
    }
    let complete = job.left == 0 && !job.jumps.is_empty();
    complete && text::write_by_memory(job).is_ok()
}

fn plan_of(module: &Module) -> Result<Plan, String> {
    let outline = module.outline().map_err(|e| e.to_string())?;
    Ok(plans::plan_of(outline, loaded()))
}

const SCHEDULER_STACK: usize = 256 << 10;

fn go(prepared: Prepared, mask: u64) -> Result<(), String> {
    let Prepared { job, offsets } = prepared;
    let without = settings().without;
    outputs::open_log();
    outputs::open_trace();
    let runtime = runtime();
    let caps = Caps::probe();
    runtime.caps.set(Caps {
        nowait: caps.nowait && !without.has(Cap::Nowait),
        guard_install: caps.guard_install && !without.has(Cap::GuardInstall),
        procmap_query: !without.has(Cap::ProcmapQuery),
        short_read: !without.has(Cap::ShortRead),
        resolve_cached: caps.resolve_cached && !without.has(Cap::ResolveCached),
        ring_accept: !without.has(Cap::RingAccept),
        stack_slots: !without.has(Cap::StackSlots),
        epoll: caps.epoll,
        renew: caps.renew,
        nap: caps.nap,
        slices: !without.has(Cap::Slices),
    });
    if !runtime.table.map() || !runtime.slots.map() || !fds::map() {
        return Err("no address space for the tables (RLIMIT_AS?)".into());
    }
    let scheduler = Scheduler::new(runtime).map_err(|e| format!("no event loop: {e}"))?;
    runtime.set_scheduler(Box::new(scheduler));
    let stack = sys::map_anonymous(SCHEDULER_STACK).ok_or("no memory for the scheduler's stack")?;
    let tid = sys::gettid();
    let fs = tcb::make(offsets, tid).ok_or("ld.so makes no thread control block for us")?;
    runtime.worker.tid.set(tid);
    if arch::has_protection_keys() {
        runtime.worker.has_rights.set(true);
        // SAFETY: there are protection keys.
        runtime.worker.usual_rights.set(unsafe { arch::rdpkru() });
    }
    runtime.pool.set_cap(settings().pool);
    io::files::set_offload(settings().file_io == FileIo::Offload);
    runtime.hooks.set(Some(Hooks {
        start: thread::start,
        route_signals: signal::notes::route,
        ended: thread::ended,
    }));
    // SAFETY: the stack is fresh and never unmapped, its lowest page becomes the guard; the TCB was
    // made for the scheduler.
    unsafe {
        sys::protect(stack, 4096, libc::PROT_NONE);
        let top = stack as usize + SCHEDULER_STACK;
        switch::prepare_scheduler(runtime, top, SCHEDULER_STACK - 4096, fs);
    }
    stats::add(job.sites, job.left);
    crate::handlers::memory::set_up(runtime);
    thread::adopt_first(runtime, offsets, tid, mask);
    let foreign = !text::is_alone();
    crate::handlers::futex::set_foreign(foreign);
    text::write(job, !without.has(Cap::ProcMem)).map_err(String::from)?;
    // The doors are open from here on; nothing below can fail.
    clocks::set_own(rewrite_vdso(!without.has(Cap::ProcMem)));
    thread::leave_rseq();
    // SAFETY: the worker is a static.
    unsafe { arch::wrgsbase((&raw const runtime.worker) as usize) };
    signal::actions::import(&modules::all());
    signal::slices::set_up();
    signal::slices::start(runtime);
    outputs::begin_audit(runtime);
    runtime.active.store(true, Ordering::Release);
    fork::note_heap(&crate::HEAP);
    Ok(())
}
