//! Runs the commands of README.md as they stand there, and compares what the page repeats with its source.
//!
//! Started by `cargo test` and `cargo nextest`; needs the release build (`scripts/test` makes it). Commands run in a
//! folder that looks like the repository. What is changed in them, because a test may neither build nor choose a port:
//! see [`World::adapt`].

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lichen_readme::{Block, Mark, agrees, blocks, shown};
use lichen_settings::table::SETTINGS;
use lichen_tests::client::Clients;
use lichen_tests::run::{self, Ended, Outcome, Running};
use lichen_tests::{compile, paths, slow_server};
use rustix::process::Signal;

type Result<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(60);
/// Languages whose blocks are commands.
const COMMANDS: [&str; 4] = ["sh", "bash", "console", "shell"];
/// Threads of examples/waiting.py here: natively the page's 10,000 take long on a small machine.
const WAITING: usize = 1000;

/// What is round the commands of a block.
struct World {
    folder: tempfile::TempDir,
    /// Where something answers after a moment; 0 if nothing does.
    port: u16,
}

impl World {
    /// A folder with the entries of the repository's root that the page uses, and a compiled server.
    fn new(port: u16) -> Result<World> {
        let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
        let link = |from: PathBuf, name: &str| {
            std::os::unix::fs::symlink(from, folder.path().join(name))
                .map_err(|e| format!("cannot link {name}: {e}"))
        };
        for name in ["examples", "scripts"] {
            link(paths::root().join(name), name)?;
        }
        link(paths::target(), "target")?;
        let source = paths::root().join("tests/servers/threads.c");
        link(compile::program(&source, &[], &[])?, "server")?;
        Ok(World { folder, port })
    }

    /// `text` as it can be run here: no fixed port, no building, fewer threads.
    fn adapt(&self, text: &str) -> String {
        text.replace("8080", &self.port.to_string())
            .replace("scripts/install ~", "scripts/install --no-build ~")
            .replace("waiting.py\n", &format!("waiting.py {WAITING}\n"))
            .replace("10001", &(WAITING + 1).to_string())
    }

    /// `script` for bash, with `lichen` in PATH.
    fn command(&self, script: &str) -> Result<Command> {
        let launcher = paths::launcher()?;
        let folder = launcher.parent().unwrap_or(Path::new("/"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(&self.folder);
        run::enter(&mut command, run::World::Native);
        command.env("PATH", format!("{}:{path}", folder.display()));
        command.env("NO_PROXY", "*");
        Ok(command)
    }

    fn run(&self, script: &str) -> Result<Outcome> {
        let outcome = run::finish(self.command(script)?, LIMIT)?;
        if outcome.ended == Ended::Exit(0) {
            Ok(outcome)
        } else {
            Err(format!("{script}\n{outcome:#?}"))
        }
    }
}

fn readme() -> Result<String> {
    let path = paths::root().join("README.md");
    std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The blocks marked `test: WORLD`, at least one.
fn of_world(world: &str) -> Result<Vec<Block>> {
    let mut found = blocks(&readme()?);
    found.retain(|block| block.mark == Mark::Test(world.to_owned()));
    if found.is_empty() {
        return Err(format!("README.md has no block marked `test: {world}`"));
    }
    Ok(found)
}

/// Runs each command of the blocks and compares its output where one is shown.
fn run_all(world: &World, name: &str) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for block in of_world(name)? {
        let text = world.adapt(&block.text);
        if block.language != "console" {
            outcomes.push(world.run(&format!("set -eu\n{text}"))?);
            continue;
        }
        for one in shown(&text) {
            let outcome = world.run(&one.command)?;
            if !agrees(&one.output, &outcome.stdout) {
                return Err(format!(
                    "README.md:{}: {} shows\n{}\nbut says\n{}",
                    block.line,
                    one.command,
                    one.output.join("\n"),
                    outcome.stdout
                ));
            }
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

#[test]
fn plain_commands_say_what_is_shown() -> Result {
    run_all(&World::new(0)?, "").map(drop)
}

#[test]
fn the_first_screen_is_true() -> Result {
    run_all(&World::new(0)?, "waiting").map(drop)
}

#[test]
fn questions_are_answered() -> Result {
    run_all(&World::new(0)?, "asks").map(drop)
}

#[test]
fn fetching_needs_no_gevent() -> Result {
    let port = slow_server::start(Duration::from_millis(100))?;
    let outcomes = run_all(&World::new(port)?, "fetches")?;
    let lines = outcomes
        .iter()
        .map(|outcome| outcome.stdout.lines().count());
    if lines.sum::<usize>() == 500 {
        Ok(())
    } else {
        Err(format!("not 500 answers: {outcomes:#?}"))
    }
}

#[test]
fn servers_serve() -> Result {
    let world = World::new(0)?;
    for block in of_world("serves")? {
        let text = world.adapt(block.text.trim_end());
        let mut running = Running::start(world.command(&text)?)?;
        let port = running.port("port ")?;
        Clients::open(port, 20, "/").map_err(|e| format!("{text}: {e}"))?;
        running.signal(Signal::TERM)?;
        let outcome = running.finish(LIMIT)?;
        let term = Signal::TERM.as_raw();
        if !matches!(outcome.ended, Ended::Exit(0)) && outcome.ended != Ended::Signal(term) {
            return Err(format!("{text}: {outcome:#?}"));
        }
    }
    Ok(())
}

#[test]
fn installing_and_removing_leaves_nothing() -> Result {
    let world = World::new(0)?;
    let home = world.folder.path().join("home");
    let home = home.display();
    for block in of_world("installs")? {
        let text = world.adapt(&block.text);
        world.run(&format!(
            "set -eu; mkdir -p '{home}'; export HOME='{home}'\n{text}"
        ))?;
        world.run(&format!("test -z \"$(find '{home}' -type f)\""))?;
    }
    Ok(())
}

#[test]
fn every_block_of_commands_says_whether_it_is_run() -> Result {
    let worlds = ["", "waiting", "asks", "fetches", "serves", "installs"];
    for block in blocks(&readme()?) {
        let line = block.line;
        match &block.mark {
            Mark::Test(world) if !worlds.contains(&world.as_str()) => {
                return Err(format!("README.md:{line}: no test knows `{world}`"));
            }
            Mark::NotRun(why) => println!("README.md:{line} is not run: {why}"),
            Mark::None if COMMANDS.contains(&block.language.as_str()) => {
                return Err(format!(
                    "README.md:{line}: say above it whether it is tested"
                ));
            }
            Mark::SameAs(file) => {
                let source = std::fs::read_to_string(paths::root().join(file));
                if source.map_err(|e| format!("{file}: {e}"))? != block.text {
                    return Err(format!("README.md:{line} and {file} differ"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn every_setting_has_its_line() -> Result {
    let page = readme()?;
    for setting in SETTINGS {
        let start = format!(
            "| `{}` | {} | {} |",
            setting.name,
            quoted(setting.flag.unwrap_or("")),
            quoted(setting.default)
        )
        .replace("|  |", "| |");
        if !page.lines().any(|line| line.starts_with(&start)) {
            return Err(format!("README.md has no line that begins with {start}"));
        }
    }
    Ok(())
}

fn quoted(word: &str) -> String {
    if word.is_empty() {
        String::new()
    } else {
        format!("`{word}`")
    }
}

/// Every page of ours, from the root.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![paths::root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    let roots = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ];
    found.extend(roots.map(|name| paths::root().join(name)));
    found
}

#[test]
fn links_and_scripts_that_pages_name_exist() -> Result {
    let mut wrong = Vec::new();
    for page in pages() {
        let text =
            std::fs::read_to_string(&page).map_err(|e| format!("{}: {e}", page.display()))?;
        let folder = page.parent().unwrap_or(Path::new("/"));
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            if !folder.join(link).exists() {
                wrong.push(format!("{}: {link} does not exist", page.display()));
            }
        }
        for rest in text.split("scripts/").skip(1) {
            let part_of_name = |c: &char| c.is_ascii_lowercase() || *c == '-';
            let name: String = rest.chars().take_while(part_of_name).collect();
            if !name.is_empty() && !paths::root().join("scripts").join(&name).exists() {
                wrong.push(format!("{}: there is no scripts/{name}", page.display()));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}
