//! The list of system calls inside the library that is shipped (the symbol `LICHEN_SUPPORT`, one line
//! a call, fields separated by tabs), and `docs/support.md`, printed from it.
//!
//! Callers: the `support` program, and the tests that compare. Pure.

use std::fmt::Write;

/// The symbol in liblichen.so.
pub const SYMBOL: &str = "LICHEN_SUPPORT";

/// What users look for: the group's name in `shim/src/dispatch/list.rs`, and its title.
const GROUPS: [(&str, &str); 13] = [
    ("Sockets", "Sockets"),
    (
        "Io",
        "Reading and writing: files, pipes, sockets, terminals",
    ),
    ("Polling", "Event queues and polling"),
    ("Files", "Files, folders and file systems"),
    ("Descriptors", "Descriptors"),
    ("Time", "Time"),
    ("Threads", "Threads and locks"),
    ("Processes", "Processes"),
    ("Signals", "Signals"),
    ("Ipc", "Semaphores, message queues, shared memory"),
    ("Memory", "Memory"),
    ("Uring", "io_uring and the kernel's older asynchronous I/O"),
    ("System", "The system, and what is rarely used"),
];

/// How a call that waits is stood for, as the page says it.
const CLASSES: [(Class, &str); 4] = [
    (Class::Cooperative, "cooperative"),
    (Class::Offloaded, "off-loaded"),
    (Class::Holds, "**holds up all**"),
    (Class::Quick, ""),
];

const HEAD: &str = "\
# Every system call, and what becomes of it

Printed from the list in `shim/src/dispatch.rs` and `shim/src/dispatch/natives.rs`, as it is inside
the release `liblichen.so`, by

    cargo run -p lichen-checks --bin support > docs/support.md

Do not edit it by hand; a test compares. The list is the x86-64 table of Linux 6.18, whole.

* **cooperative**: where it has to wait, only the thread that made it waits. An event loop, a timer
  or another thread ends the wait. No kernel thread is used up.
* **off-loaded**: only the thread that made it waits, and a kernel thread of Lichen's makes the call.
* **holds up all**: it can wait, it is made where it stands, and all threads of the process wait
  with it. [limits.md](limits.md) says more.
* the others never wait long, whoever makes them; their last column says what they do.

Where Lichen stands for a call (*), results, errors and the interruption by signals are Linux's,
except as noted. A call without the star goes to the kernel unchanged.
";

/// The classes of `shim/src/dispatch/list.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Cooperative,
    Offloaded,
    Quick,
    Holds,
}

/// One call of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    pub number: usize,
    pub name: &'a str,
    pub group: &'a str,
    pub class: Class,
    /// The handler; empty for a native call.
    pub handler: &'a str,
    pub waits: &'a str,
    pub note: &'a str,
}

fn class(word: &str) -> Option<Class> {
    [
        Class::Cooperative,
        Class::Offloaded,
        Class::Quick,
        Class::Holds,
    ]
    .into_iter()
    .find(|class| format!("{class:?}") == word)
}

fn parse(line: &str) -> Result<Call<'_>, String> {
    let wrong = || format!("{SYMBOL}: a line that is not understood: {line:?}");
    let fields: Vec<&str> = line.split('\t').collect();
    let [number, group, word, name, handler, waits, note] = fields[..] else {
        return Err(wrong());
    };
    Ok(Call {
        number: number.parse().map_err(|_| wrong())?,
        name: name.strip_prefix("SYS_").unwrap_or(name),
        group,
        class: class(word).ok_or_else(wrong)?,
        handler,
        waits,
        note,
    })
}

/// All calls, from the bytes of [`SYMBOL`].
///
/// # Errors
/// When they are no such list.
pub fn calls(list: &[u8]) -> Result<Vec<Call<'_>>, String> {
    let text = std::str::from_utf8(list).map_err(|e| format!("{SYMBOL}: {e}"))?;
    text.lines().map(parse).collect()
}

fn row(page: &mut String, call: &Call<'_>) {
    let star = if call.handler.is_empty() { "" } else { " *" };
    let how = CLASSES
        .iter()
        .find(|(class, _)| *class == call.class)
        .map_or("", |(_, words)| words);
    let _ = writeln!(
        page,
        "| `{}`{star} | {how} | {} | {} |",
        call.name, call.waits, call.note
    );
}

/// The page, from the bytes of [`SYMBOL`].
///
/// # Errors
/// When they are no such list, or a call belongs to no group.
pub fn page(list: &[u8]) -> Result<String, String> {
    let calls = calls(list)?;
    let mut page = HEAD.to_owned();
    let mut printed = 0;
    for (group, title) in GROUPS {
        let _ = write!(
            page,
            "\n## {title}\n\n| call | how | waits for | worth knowing |\n|---|---|---|---|\n"
        );
        for (class, _) in CLASSES {
            let of_class = |call: &&Call<'_>| call.group == group && call.class == class;
            for call in calls.iter().filter(of_class) {
                row(&mut page, call);
                printed += 1;
            }
        }
    }
    if printed != calls.len() {
        return Err(
            "a group without a title: add it to GROUPS in tests/checks/src/support.rs".into(),
        );
    }
    let count = |class| calls.iter().filter(|call| call.class == class).count();
    let _ = write!(
        page,
        "\n{} calls: {} cooperative, {} off-loaded, {} that never wait long, {} that hold up all.\n",
        calls.len(),
        count(Class::Cooperative),
        count(Class::Offloaded),
        count(Class::Quick),
        count(Class::Holds),
    );
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_goes_to_its_group_with_the_waiting_ones_first() {
        let list = b"039\tProcesses\tQuick\tSYS_getpid\t\t\ta number\n\
            061\tProcesses\tCooperative\tSYS_wait4\toffload::wait4\ta child\tnote\n";
        let page = page(list).unwrap();
        let group = page.find("## Processes").unwrap();
        let wait = page
            .find("| `wait4` * | cooperative | a child | note |")
            .unwrap();
        let quick = page.find("| `getpid` |  |  | a number |").unwrap();
        assert!(group < wait && wait < quick);
        assert!(page.contains("\n2 calls: 1 cooperative, 0 off-loaded, 1 that never wait long"));
    }

    #[test]
    fn an_unknown_group_names_the_remedy() {
        let error = page(b"165\tMounts\tQuick\tSYS_mount\t\t\t\n").unwrap_err();
        assert!(error.contains("GROUPS"), "{error}");
    }

    #[test]
    fn a_line_of_another_shape_is_shown() {
        assert!(
            calls(b"SYS_read\tio::read\n")
                .unwrap_err()
                .contains("io::read")
        );
    }
}
