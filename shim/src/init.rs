//! Load, activate: the only place that decides order.
//!
//! *Load* happens before `main` and costs next to nothing: settings and pre-checks. *Activation*
//! happens when the program makes its first thread, wherever that falls: libc is rewritten, the
//! calling thread becomes the first green, the scheduler is made. A process that never makes a
//! thread is never activated.
#![allow(unsafe_code)]

use crate::doors::audit;
use crate::doors::rewrite::{Job, text, unlisted};
use crate::handlers::{clocks, fork, io, signal, thread};
use crate::modules::{self, Module};
use crate::{dispatch, fds, plans, stats, tcb, trace};
use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicU8, Ordering};
use lichen_plan::{Plan, cache};
use lichen_runtime::caps::{self, Caps};
use lichen_runtime::sched::{Hooks, Runtime, Scheduler, runtime, switch};
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
    load(unsafe { entries(environment) });
    if !settings().follow {
        // SAFETY: as above; the array and its strings are ours to change before anybody has read
        // them.
        unsafe { leave_children(environment.cast_mut()) };
    }
    if loaded().warned {
        // SAFETY: as above; the array is ours to change before anybody has read it.
        unsafe { hush_children(environment.cast_mut()) };
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

/// With `--no-follow` no child gets us: our entry leaves LD_PRELOAD, in place, for a shorter string
/// always fits. An empty variable is taken out.
///
/// # Safety
/// `environment` must be a null-terminated array of writable C strings.
unsafe fn leave_children(environment: *mut *const c_char) {
    const NAME: &[u8] = b"LD_PRELOAD=";
    let mut at = environment;
    // SAFETY: by the caller's contract.
    unsafe {
        while !(*at).is_null() {
            let entry = core::ffi::CStr::from_ptr(*at).to_bytes();
            if let Some(value) = entry.strip_prefix(NAME) {
                match lichen_settings::preload::without(value).filter(|v| !v.is_empty()) {
                    Some(rest) => {
                        let text = (*at).cast_mut().cast::<u8>().add(NAME.len());
                        core::ptr::copy_nonoverlapping(rest.as_ptr(), text, rest.len());
                        *text.add(rest.len()) = 0;
                    }
                    None => {
                        let mut gap = at;
                        while !(*gap).is_null() {
                            *gap = *gap.add(1);
                            gap = gap.add(1);
                        }
                        continue;
                    }
                }
            }
            at = at.add(1);
        }
    }
}

/// One warning per process tree: the first variable that was not understood makes room for
/// `LICHEN_QUIET=1`. (Our constructor runs before libc's, so there is no `setenv` yet.)
///
/// # Safety
/// `environment` must be a null-terminated array of C strings.
unsafe fn hush_children(environment: *mut *const c_char) {
    let mut at = environment;
    // SAFETY: by the caller's contract.
    unsafe {
        while !(*at).is_null() {
            let entry = core::ffi::CStr::from_ptr(*at).to_bytes();
            if !Settings::from_entries(core::iter::once(entry)).1.is_empty() {
                *at = c"LICHEN_QUIET=1".as_ptr();
                return;
            }
            at = at.add(1);
        }
    }
}

/// # Safety
/// `environment` must be null or a null-terminated array of C strings that lives for ever.
unsafe fn entries(environment: *const *const c_char) -> Vec<&'static [u8]> {
    let mut list = Vec::new();
    let mut at = environment;
    // SAFETY: by the caller's contract.
    unsafe {
        while !at.is_null() && !(*at).is_null() {
            list.push(core::ffi::CStr::from_ptr(*at).to_bytes());
            at = at.add(1);
        }
    }
    list
}

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
    open_log();
    open_trace();
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
    begin_audit(runtime);
    runtime.active.store(true, Ordering::Release);
    fork::note_heap(&crate::HEAP);
    Ok(())
}

fn open_log() {
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
fn open_trace() {
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
fn begin_audit(runtime: &Runtime) {
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
