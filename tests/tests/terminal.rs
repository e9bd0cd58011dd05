//! Programs on a terminal: Ctrl-C, Ctrl-Z and `fg` act under Lichen as natively.
//!
//! Started by `cargo test` and `cargo nextest`. Each test plays the same keys in both worlds and compares the ends.

use std::path::Path;

use lichen_tests::client::Clients;
use lichen_tests::run::{Ended, World};
use lichen_tests::terminal::Terminal;
use lichen_tests::{paths, plain_server};

type Result<T = ()> = std::result::Result<T, String>;

/// Ctrl-C and Ctrl-Z as the terminal sends them.
const INTERRUPT: &str = "\u{3}";
const SUSPEND: &str = "\u{1a}";

/// Runs `play` in both worlds and compares what it returns.
fn same_in_both(play: impl Fn(World<'_>) -> Result<String>) -> Result {
    let native = play(World::Native).map_err(|e| format!("natively: {e}"))?;
    let here = play(World::Lichen(&paths::shim()?)).map_err(|e| format!("under Lichen: {e}"))?;
    if here == native {
        Ok(())
    } else {
        Err(format!("under Lichen {here:?}, natively {native:?}"))
    }
}

#[test]
fn ctrl_c_ends_a_c_server() -> Result {
    let server = plain_server::build()?;
    same_in_both(|world| {
        let mut terminal = Terminal::start(&server, &["0"], world)?;
        let (clients, _) = Clients::open(port(&mut terminal)?, 20, "/")?;
        terminal.press(INTERRUPT)?;
        let ended = terminal.end()?;
        drop(clients);
        Ok(format!("{ended:?}"))
    })
}

#[test]
fn ctrl_c_ends_python_with_threads() -> Result {
    let script = "import threading, time\n\
                  for _ in range(20): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n\
                  try: print('ready', flush=True); time.sleep(1000)\n\
                  except KeyboardInterrupt: print('interrupted', flush=True); raise";
    same_in_both(|world| {
        let mut terminal = Terminal::start(Path::new("python3"), &["-c", script], world)?;
        terminal.expect("ready")?;
        terminal.press(INTERRUPT)?;
        terminal.expect("interrupted")?;
        terminal.expect("KeyboardInterrupt")?;
        Ok(format!("{:?}", terminal.end()?))
    })
}

#[test]
fn a_shell_keeps_its_job_control() -> Result {
    same_in_both(|world| {
        let mut terminal = shell(world)?;
        terminal.press("sleep 1000\n")?;
        terminal.expect("sleep 1000")?;
        in_foreground(&terminal, "sleep")?;
        terminal.press(SUSPEND)?;
        terminal.expect("Stopped")?;
        terminal.expect("prompt> ")?;
        terminal.press("fg\n")?;
        terminal.expect("sleep 1000")?;
        in_foreground(&terminal, "sleep")?;
        terminal.press(INTERRUPT)?;
        terminal.expect("prompt> ")?;
        let status = ask(&mut terminal, "status=$?", "$status")?;
        terminal.press("exit 7\n")?;
        Ok(format!("{status} {:?}", terminal.end()?))
    })
}

#[test]
fn a_server_is_stopped_continued_and_interrupted() -> Result {
    let server = plain_server::build()?;
    same_in_both(|world| {
        let mut terminal = shell(world)?;
        terminal.press(&format!("{} 0\n", server.display()))?;
        let port = port(&mut terminal)?;
        let (mut clients, body) = Clients::open(port, 20, "/")?;
        terminal.press(SUSPEND)?;
        terminal.expect("Stopped")?;
        terminal.expect("prompt> ")?;
        terminal.press("fg\n")?;
        clients.round("/", &body)?;
        terminal.press(INTERRUPT)?;
        terminal.expect("prompt> ")?;
        let status = ask(&mut terminal, "status=$?", "$status")?;
        terminal.press("exit\n")?;
        Ok(format!(
            "{status} {:?}",
            matches!(terminal.end()?, Ended::Exit(_))
        ))
    })
}

#[test]
fn ctrl_c_ends_a_pipeline_of_the_shell() -> Result {
    same_in_both(|world| {
        let mut terminal = shell(world)?;
        terminal.press("sleep 1000 | cat | cat\n")?;
        terminal.expect("sleep 1000")?;
        in_foreground(&terminal, "sleep")?;
        terminal.press(INTERRUPT)?;
        terminal.expect("prompt> ")?;
        let status = ask(&mut terminal, "status=${PIPESTATUS[*]}", "$status")?;
        terminal.press("exit 3\n")?;
        Ok(format!("{status} {:?}", terminal.end()?))
    })
}

fn port(terminal: &mut Terminal) -> Result<u16> {
    terminal.expect("port ")?;
    let line = terminal.expect("\n")?;
    line.trim()
        .parse()
        .map_err(|_| format!("{line:?} is no port"))
}

fn shell(world: World<'_>) -> Result<Terminal> {
    let mut terminal = Terminal::start(Path::new("bash"), &["--norc", "--noediting", "-i"], world)?;
    terminal.expect("prompt> ")?;
    Ok(terminal)
}

/// Keeps a value by one command and prints it by another, so that the echo of the typed line is not taken for it.
fn ask(terminal: &mut Terminal, keep: &str, value: &str) -> Result<String> {
    terminal.press(&format!("{keep}; echo \"val\"\"ue {value};\"\n"))?;
    terminal.expect("value ")?;
    terminal.expect(";")
}

/// Waits until a running program of this name has the terminal, so that keys reach it and not the shell.
fn in_foreground(terminal: &Terminal, name: &str) -> Result {
    for _ in 0..500 {
        let leader = terminal.foreground()?;
        let status = std::fs::read_to_string(format!("/proc/{leader}/status")).unwrap_or_default();
        if status.starts_with(&format!("Name:\t{name}\n")) && !status.contains("State:\tT") {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Err(format!("{name} does not come to the foreground"))
}
