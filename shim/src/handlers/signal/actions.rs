//! Dispositions: the program's, and what the kernel has instead.
//!
//! SIG_DFL and SIG_IGN go to the kernel as they are: default actions happen as on Linux. For a
//! handler the kernel gets the master handler, on the worker's alternate stack, with every signal
//! blocked while it runs. SIGSEGV and SIGBUS always have it, because our own reads of the program's
//! memory may fault.
#![allow(unsafe_code)]

use super::{delivery, slices};
use crate::doors::{audit, x86_64 as asm};
use crate::handlers::kernel;
use crate::modules::Module;
use core::cell::Cell;
use lichen_runtime::green::masks::bit;

/// The kernel's `struct sigaction` (arch/x86/include/asm/signal.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Action {
    /// 0 SIG_DFL, 1 SIG_IGN, else the handler's address.
    pub handler: usize,
    pub flags: u64,
    pub restorer: usize,
    pub mask: u64,
}

/// SA_RESTORER.
const RESTORER: u64 = 0x0400_0000;
const PASSED_ON: u64 = (libc::SA_RESTART | libc::SA_NOCLDSTOP | libc::SA_NOCLDWAIT) as u64;

struct Actions {
    list: [Cell<Action>; 65],
    /// Signals that the master handler takes whatever the program wants ([`always_note`]).
    noted: Cell<u64>,
}

// SAFETY: changed by the green side; read by the master handler on the same kernel thread, where a
// torn `Action` cannot be seen because a change blocks nothing but is a few stores and the handler
// address is written last.
unsafe impl Sync for Actions {}

static ACTIONS: Actions = Actions {
    list: [const {
        Cell::new(Action {
            handler: 0,
            flags: 0,
            restorer: 0,
            mask: 0,
        })
    }; 65],
    noted: Cell::new(0),
};

/// What the program set.
pub fn get(signal: i32) -> Action {
    ACTIONS
        .list
        .get(signal as usize)
        .map_or_else(Action::default, Cell::get)
}

/// Does the program handle it (neither default nor ignored)?
pub fn is_handled(signal: i32) -> bool {
    get(signal).handler > 1
}

fn is_fault(signal: i32) -> bool {
    signal == libc::SIGSEGV || signal == libc::SIGBUS
}

/// The program's disposition becomes `action`.
pub fn set(signal: i32, action: Action) {
    if let Some(cell) = ACTIONS.list.get(signal as usize) {
        cell.set(action);
        // Helper threads have their own handler for this one; glibc would use it to change the
        // credentials of threads that the kernel does not know.
        // SIGSYS is an audit's while there is one.
        let ours = signal == libc::SIGSYS && audit::is_on();
        if signal != lichen_runtime::offload::POKE && !ours {
            install(signal, action);
        }
    }
}

fn install(signal: i32, action: Action) {
    let mut actual = action;
    if action.handler > 1 || is_fault(signal) {
        actual = Action {
            handler: delivery::lichen_master as *const () as usize,
            flags: action.flags & PASSED_ON
                | (libc::SA_SIGINFO | libc::SA_ONSTACK) as u64
                | RESTORER,
            restorer: asm::lichen_plain_restorer as *const () as usize,
            mask: u64::MAX,
        };
    }
    raw(signal, Some(&actual));
}

/// From now on the master handler takes this signal whatever the program's disposition: it goes to
/// a thread that waits for it (a timer's helper thread in glibc).
pub fn always_note(signal: i32) {
    ACTIONS.noted.set(ACTIONS.noted.get() | bit(signal));
    if !is_handled(signal) {
        let noted = Action {
            handler: usize::MAX,
            ..Action::default()
        };
        install(signal, noted);
    }
}

/// The signals that the program ignores and the kernel must not, because the master handler wants them.
fn stood_for() -> impl Iterator<Item = i32> {
    let wanted = ACTIONS.noted.get() | bit(libc::SIGSEGV) | bit(libc::SIGBUS);
    (1..=64).filter(move |&signal| wanted & bit(signal) != 0 && get(signal).handler == 1)
}

/// Before a program is executed: what the program ignores is ignored by the kernel too, since the new
/// program inherits that.
pub fn really_ignore() {
    stood_for().for_each(|signal| _ = raw(signal, Some(&get(signal))));
}

/// Undoes [`really_ignore`].
pub fn stand_for_ignored() {
    for signal in stood_for() {
        let noted = Action {
            handler: usize::MAX,
            ..get(signal)
        };
        install(signal, noted);
    }
}

/// Gives a signal that the program cannot use a handler of ours, on the worker's alternate stack with
/// every signal blocked.
pub fn install_own(signal: i32, handler: usize) {
    let action = Action {
        handler,
        flags: (libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART) as u64 | RESTORER,
        restorer: asm::lichen_plain_restorer as *const () as usize,
        mask: u64::MAX,
    };
    raw(signal, Some(&action));
}

fn raw(signal: i32, new: Option<&Action>) -> Action {
    let mut old = Action::default();
    let new = new.map_or(0, |n| core::ptr::from_ref(n) as usize);
    // SAFETY: both structures are ours and have the kernel's layout.
    unsafe {
        let args = [signal as usize, new, &raw mut old as usize, 8, 0, 0];
        kernel(libc::SYS_rt_sigaction as usize, args);
    }
    old
}

/// Lets the kernel act by default on a signal that the program does not handle, if the master handler
/// stands for it: SIGSEGV and SIGBUS, whose default ends the process.
pub fn act_by_default(signal: i32) {
    if is_fault(signal) && get(signal).handler == 0 {
        to_default(signal);
    }
}

/// Lets the kernel act on `signal` by default: a fault that nobody handles.
pub fn to_default(signal: i32) {
    raw(
        signal,
        Some(&Action {
            flags: RESTORER,
            restorer: asm::lichen_plain_restorer as *const () as usize,
            ..Action::default()
        }),
    );
}

/// Activation: takes over the dispositions the process has, and gives the worker its alternate
/// stack. All signals are blocked meanwhile.
pub fn import(modules: &[Module]) {
    delivery::note_own_text(modules);
    if let Some(stack) = slices::new_stack() {
        slices::stand_on(stack);
    }
    for signal in 1..=64 {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue;
        }
        let action = raw(signal, None);
        if let Some(cell) = ACTIONS.list.get(signal as usize) {
            cell.set(action);
        }
        if action.handler > 1 || is_fault(signal) {
            install(signal, action);
        }
    }
}
