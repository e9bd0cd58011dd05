//! `docs/support.md`, printed from the table inside the library that is shipped: the symbol
//! `LICHEN_SUPPORT` holds one line a call, its fields separated by tabs.
//!
//! Callers: the `support` program, and the test that compares. Pure.

use std::fmt::Write;

/// The symbol in liblichen.so.
pub const SYMBOL: &str = "LICHEN_SUPPORT";

/// What users look for, and what stands for it: handlers by their path in `shim/src/handlers`, or
/// by a module whose other handlers all belong here.
const GROUPS: [(&str, &[&str]); 10] = [
    (
        "Sockets",
        &["socket", "message", "io::recvfrom", "io::sendto"],
    ),
    (
        "Reading, writing and locking: files, pipes, sockets, terminals",
        &["io", "offload::locks"],
    ),
    ("Event queues and polling", &["poll"]),
    ("Descriptors", &["fd"]),
    ("Time", &["time", "signal::timers"]),
    (
        "Threads and locks",
        &["thread", "futex", "fork::clone", "fork::clone3"],
    ),
    (
        "Processes",
        &[
            "fork",
            "exec",
            "thread::exit_group",
            "offload::children",
            "offload::credentials",
        ],
    ),
    ("Signals", &["signal"]),
    ("System V semaphores and message queues", &["offload::ipc"]),
    ("Memory", &["memory"]),
];

const HEAD: &str = "\
# Which system calls Lichen stands for

Printed from the table in `shim/src/dispatch.rs`, as it is inside the release `liblichen.so`, by

    cargo run -p lichen-checks --bin support > docs/support.md

Do not edit it by hand; a test compares.

A call below that has to wait parks only the thread that made it; the other threads go on. Each
keeps the results, the errors and the interruption by signals that Linux gives it, except as noted.
**A call that is not below goes to the kernel unchanged**; if it waits there, all threads of the
process wait with it.
";

/// One call of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call<'a> {
    name: &'a str,
    handler: &'a str,
    waits: &'a str,
    note: &'a str,
}

fn parse(line: &str) -> Result<Call<'_>, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    match fields[..] {
        [name, handler, waits, note] => Ok(Call {
            name: name.strip_prefix("SYS_").unwrap_or(name),
            handler,
            waits,
            note,
        }),
        _ => Err(format!("{SYMBOL}: a line without four fields: {line:?}")),
    }
}

/// The group of a handler: that of its path, else of the nearest module around it.
fn group(handler: &str) -> Option<usize> {
    let holds = |(_, entries): &(&str, &[&str])| entries.contains(&handler);
    let outer = || {
        handler
            .rsplit_once("::")
            .and_then(|(module, _)| group(module))
    };
    GROUPS.iter().position(holds).or_else(outer)
}

/// The page, from the bytes of [`SYMBOL`].
///
/// # Errors
/// When they are no such table, or a handler belongs to no group.
pub fn page(table: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(table).map_err(|e| format!("{SYMBOL}: {e}"))?;
    let mut groups: Vec<Vec<Call<'_>>> = vec![Vec::new(); GROUPS.len()];
    for call in text.lines().map(parse) {
        let call = call?;
        let place = group(call.handler).and_then(|i| groups.get_mut(i));
        let unknown = || {
            format!(
                "{}: add it to GROUPS in tests/checks/src/support.rs",
                call.handler
            )
        };
        place.ok_or_else(unknown)?.push(call);
    }
    let mut page = HEAD.to_owned();
    for ((title, _), calls) in GROUPS
        .iter()
        .zip(&groups)
        .filter(|(_, calls)| !calls.is_empty())
    {
        let _ = write!(
            page,
            "\n## {title}\n\n| call | waits for | worth knowing |\n|---|---|---|\n"
        );
        for call in calls {
            let _ = writeln!(page, "| `{}` | {} | {} |", call.name, call.waits, call.note);
        }
    }
    let count = text.lines().count();
    let _ = write!(page, "\n{count} calls.\n");
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_goes_to_the_group_of_its_handler_else_of_its_module() {
        let table = b"SYS_read\tio::read\ta descriptor\t\nSYS_sendto\tio::sendto\ta peer\tnote\n";
        let page = page(table).unwrap();
        let sockets = page.find("## Sockets").unwrap();
        let reading = page.find("## Reading").unwrap();
        assert!(sockets < page.find("| `sendto` | a peer | note |").unwrap());
        assert!(reading < page.find("| `read` | a descriptor |  |").unwrap());
        assert!(page.ends_with("\n2 calls.\n"));
    }

    #[test]
    fn an_unknown_handler_names_the_remedy() {
        let error = page(b"SYS_mount\tmounts::mount\tnothing\t\n").unwrap_err();
        assert!(error.contains("GROUPS"), "{error}");
    }
}
