//! The program under the harness: built from C, started natively or under Lichen.

use lichen_tests::run::{self, World};
use lichen_tests::{compile, paths};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

type Result<T> = std::result::Result<T, String>;

/// How the program's call reaches the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A `syscall` instruction in a library of the program's: every vector register may live over it.
    Inline,
    /// The same, in a function that uses no vectors.
    Bare,
    /// libc's function, entered without saving vectors where it keeps none.
    Libc,
    /// libc's function with the analysis of vectors off: all are saved.
    LibcWide,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Way::Inline => "inline",
            Way::Bare => "bare",
            Way::Libc | Way::LibcWide => "libc",
        }
    }
}

/// Builds the program, once per content.
///
/// # Errors
/// The compiler's own words.
pub fn build() -> Result<PathBuf> {
    let folder = paths::root().join("tests/inject");
    let library = compile::library(&folder.join("stub.c"))?;
    let words = [
        "-Wl,--no-as-needed".to_owned(),
        library.display().to_string(),
    ];
    compile::program(&folder.join("target.c"), &words, &[])
}

/// Its command line in `world`, whose library, if any, `way` may ask to save all vectors.
///
/// # Errors
/// One line when it cannot be built.
pub fn command(scenario: &str, way: Way, world: World<'_>) -> Result<Command> {
    let mut command = Command::new(build()?);
    command.args([scenario, way.word()]);
    // Slices of processor time come at other places each time.
    let without = if way == Way::LibcWide {
        "slices,vector_analysis"
    } else {
        "slices"
    };
    let world = match world {
        World::Lichen(library) => World::Without(library, without),
        other => other,
    };
    run::enter(&mut command, world);
    Ok(command)
}

/// Starts it to be traced: it stops by itself at the first trap.
///
/// # Errors
/// One line when it cannot be started.
pub fn start(scenario: &str, way: Way) -> Result<Child> {
    let library = paths::shim()?;
    command(scenario, way, World::Lichen(&library))?
        .stdin(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start the program: {e}"))
}
