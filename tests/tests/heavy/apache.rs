//! Apache httpd with the worker MPM: processes that fork and then make threads. Every request is answered and logged once,
//! also over a graceful restart, and SIGTERM ends all of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lichen_tests::client::Clients;
use lichen_tests::run::{Ended, Running};
use lichen_tests::tree;
use rustix::process::Signal;

use crate::Result;
use crate::site::{Site, both, client, terminate};

const PAGE: &str = "/page.txt";

#[test]
fn apache_worker_mpm() -> Result {
    both(400, |world| {
        let site = Site::prepare("apache", &[])?;
        let server = site.serve(world)?;
        let mut answered = 0;
        let mut most = 0;
        for connections in [100, 1000] {
            let (mut clients, body) = Clients::open(site.port, connections, PAGE)?;
            clients.round(PAGE, &body)?;
            most = most.max(tree::busiest(server.id()));
            answered += 2 * connections;
        }
        answered += restart(&site, &server)?;
        let ended = terminate(server)?.ended;
        let log = site.text("access.log");
        let lines = log
            .lines()
            .filter(|line| *line == "GET /page.txt HTTP/1.1 200 13")
            .count();
        if (lines, log.lines().count()) != (answered, answered) {
            return Err(format!(
                "{answered} answers, {lines} such lines in the log of {}",
                log.lines().count()
            ));
        }
        for words in ["SIGUSR1 received", "caught SIGTERM, shutting down"] {
            if !site.text("error.log").contains(words) {
                return Err(format!(
                    "no {words:?} in error.log: {}",
                    site.text("error.log")
                ));
            }
        }
        Ok((ended, most))
    })
}

/// Asks without pause, each time over a new connection, while the server restarts gracefully; returns how many requests
/// were answered, which is all.
fn restart(site: &Site, server: &Running) -> Result<usize> {
    let before = tree::members(server.id());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answered = 0;
            while !done.load(Ordering::Relaxed) {
                Clients::open(site.port, 1, PAGE)
                    .map_err(|e| format!("after {answered} requests: {e}"))?;
                answered += 1;
            }
            Ok(answered)
        });
        let replaced = replace(server, &before);
        done.store(true, Ordering::Relaxed);
        let answered = asking.join().map_err(|_| "the client panicked")?;
        replaced.and(answered)
    })
}

/// Has the server replace all its children.
fn replace(server: &Running, before: &[u32]) -> Result {
    std::thread::sleep(Duration::from_millis(200));
    server.signal(Signal::USR1)?;
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let now = tree::members(server.id());
        let old = now.iter().filter(|pid| before.contains(pid)).count();
        if old == 1 && now.len() > 1 {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!(
                "old processes stay: {before:?}, now {now:?}\n{}",
                tree::describe(server.id())
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn apache_under_wrk() -> Result {
    both(400, |world| {
        let site = Site::prepare("apache", &[])?;
        let server = site.serve(world)?;
        let mut most = 0;
        for connections in [100, 1000] {
            let url = format!("http://127.0.0.1:{}{PAGE}", site.port);
            let arguments = ["-t1", &format!("-c{connections}"), "-d2s", &url].map(String::from);
            let said = client("wrk".into(), &arguments)?;
            most = most.max(tree::busiest(server.id()));
            let broken = said.contains("Non-2xx")
                || said.contains("Socket errors") && !said.contains("connect 0, read 0, write 0");
            if broken {
                return Err(said);
            }
        }
        let ended = terminate(server)?.ended;
        let log = site.text("access.log");
        let odd = log
            .lines()
            .find(|line| *line != "GET /page.txt HTTP/1.1 200 13");
        match (odd, &ended) {
            (None, Ended::Exit(_)) if !log.is_empty() => Ok((ended, most)),
            _ => Err(format!("{ended:?}, and in the log {odd:?}")),
        }
    })
}
