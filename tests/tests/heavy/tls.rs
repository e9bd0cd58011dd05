//! TLS in threads: stunnel as a server, curl and Python's `requests` as clients. The plain server behind stunnel is the one of
//! `tests/servers/threads.c`, which answers each path with the path and its checksum.

use std::process::Command;
use std::time::Duration;

use lichen_tests::run::{self, Ended, Outcome, Running, World};
use lichen_tests::{paths, plain_server, tree};

use crate::Result;
use crate::site::{Site, both, client, peak, python, script, terminate};

/// The plain server natively, and a folder with keys and stunnel's configuration in front of it.
fn stage() -> Result<(Running, Site)> {
    let (backend, port) = plain_server::start(World::Native)?;
    let site = Site::prepare("tls", &[&port.to_string()])?;
    Ok((backend, site))
}

fn file(site: &Site, name: &str) -> String {
    site.path().join(name).display().to_string()
}

#[test]
fn stunnel_with_200_tls_connections() -> Result {
    both(200, |world| {
        let (_backend, site) = stage()?;
        let server = site.serve(world)?;
        let pid = server.id();
        let authority = file(&site, "ca.pem");
        let load = || site.client("rounds.py", &["200", "5", &authority]);
        let (said, most) = peak(|| tree::tasks(pid).len(), load)?;
        if !said.contains(" 0 wrong") {
            return Err(said);
        }
        let outcome = terminate(server)?;
        // Natively its threads may still be in OpenSSL while exit() takes that apart, and some runs end with SIGSEGV.
        let natively = matches!(world, World::Native);
        if !natively && outcome.ended != Ended::Exit(0) {
            return Err(format!("{outcome:#?}"));
        }
        Ok((said, most))
    })
}

/// Runs a client in `world` against a native stunnel; returns what it said and the most kernel threads it had.
fn fetch(world: World<'_>, site: &Site, mut command: Command) -> Result<(Outcome, usize)> {
    run::enter(&mut command, world);
    command.current_dir(site.path()).env("LICHEN_STATS", "1");
    let running = Running::start(command)?;
    let (pid, mut most) = (running.id(), 0);
    let outcome = running.watch(Duration::from_secs(60), || {
        most = most.max(tree::busiest(pid))
    })?;
    match outcome.ended {
        Ended::Exit(0) => Ok((outcome, most)),
        _ => Err(format!("{outcome:#?}")),
    }
}

#[test]
fn curl_parallel_over_tls() -> Result {
    curl(World::Native)?;
    let said = curl(World::Lichen(&paths::shim()?))?;
    // Its one thread looks the name up and is gone too soon to be counted from outside.
    said.contains("lichen: 2 threads on 1 kernel thread")
        .then_some(())
        .ok_or_else(|| format!("not run by Lichen: {said:?}"))
}

/// Fetches 300 pages, 100 at once; returns what stood on stderr.
fn curl(world: World<'_>) -> Result<String> {
    let (_backend, site) = stage()?;
    let server = site.serve(World::Native)?;
    let name = site.text("name");
    let url = format!("https://{}:{}/[1-300]", name.trim(), site.port);
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--parallel"]);
    command.args(["--parallel-max", "100", "--cacert", "ca.pem"]);
    command.args(["--output", "page_#1", &url]);
    let (said, _) = fetch(world, &site, command)?;
    for page in 1..=300 {
        let text = site.text(&format!("page_{page}"));
        if !text.starts_with(&format!("/{page} ")) {
            return Err(format!("{world:?}: page {page} is {text:?}; {said:?}"));
        }
    }
    terminate(server)?;
    Ok(said.stderr)
}

#[test]
fn python_requests_over_tls() -> Result {
    let python = python()?;
    both(100, |world| {
        let (_backend, site) = stage()?;
        let server = site.serve(World::Native)?;
        let mut command = Command::new(&python);
        command.arg(script("tls", "fetch.py"));
        command.args([&site.port.to_string(), "400", "ca.pem"]);
        let (said, most) = fetch(world, &site, command)?;
        terminate(server)?;
        Ok((said.stdout, most))
    })
}

#[test]
fn certificates_are_checked() -> Result {
    // The other way round: with an authority of its own for each site, the clients above prove that TLS was spoken.
    let (_backend, site) = stage()?;
    let (_other_backend, other) = stage()?;
    let server = site.serve(World::Native)?;
    let arguments = [
        site.port.to_string(),
        "1".into(),
        "1".into(),
        file(&other, "ca.pem"),
    ];
    let refused = client(script("tls", "rounds.py"), &arguments);
    terminate(server)?;
    match refused {
        Err(said) if said.contains("CERTIFICATE_VERIFY_FAILED") => Ok(()),
        other => Err(format!("a wrong authority was accepted: {other:?}")),
    }
}
