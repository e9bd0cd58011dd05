//! OpenJDK with default flags and a thread per connection: garbage is collected while 300 connections are served, `jstack`
//! and SIGQUIT show all threads, SIGTERM runs the shutdown hooks.

use std::time::{Duration, Instant};

use lichen_tests::client::Clients;
use lichen_tests::run::{Ended, Running, World};
use lichen_tests::tree;
use rustix::process::Signal;

use crate::Result;
use crate::site::{Site, both, client, terminate};

const CONNECTIONS: usize = 300;
/// 64 KiB of garbage each.
const ROUNDS: usize = 40;
const PATH: &str = "/x";

fn serving(dump: &str) -> usize {
    dump.lines()
        .filter(|line| line.starts_with("\"serve-"))
        .count()
}

/// The dump that the virtual machine writes to its stdout.
fn dump(server: &mut Running) -> Result<usize> {
    server.signal(Signal::QUIT)?;
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let text = server.stdout()?;
        // The heap comes last.
        if text.contains("Full thread dump")
            && text.contains("\nHeap\n")
            && text.contains(" Metaspace ")
        {
            return Ok(serving(&text));
        }
        if Instant::now() > until {
            let lines: Vec<&str> = text.lines().collect();
            return Err(format!(
                "no dump, but at the end:\n{}\n{}",
                lines[lines.len().saturating_sub(20)..].join("\n"),
                tree::describe(server.id())
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn cycle(world: World<'_>) -> Result<((usize, usize, String, Ended), usize)> {
    let site = Site::prepare("java", &[])?;
    let mut server = site.serve(world)?;
    let (mut clients, body) = Clients::open(site.port, CONNECTIONS, PATH)?;
    for _ in 0..ROUNDS {
        clients.round(PATH, &body)?;
    }
    let most = tree::tasks(server.id()).len();
    let stacks = serving(&client("jstack".into(), &[server.id().to_string()])?);
    let dumped = dump(&mut server)?;
    clients.round(PATH, &body)?;
    drop(clients);
    let outcome = terminate(server)?;
    let end: Vec<&str> = outcome.stdout.lines().rev().take(2).collect();
    if end != ["end", "collected garbage: true"] || stacks < CONNECTIONS || dumped < CONNECTIONS {
        return Err(format!(
            "{stacks} and {dumped} threads shown, end {end:?}; {}",
            outcome.stderr
        ));
    }
    Ok(((stacks, dumped, body, outcome.ended), most))
}

#[test]
fn java_with_a_thread_per_connection() -> Result {
    both(CONNECTIONS, cycle)
}
