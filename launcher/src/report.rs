//! What `lichen check` found out, as data, as JSON and as text.
//!
//! Filled by `check`. Field names are an interface: scripts read the JSON, so they only ever gain company.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The whole report on a program, or on a libc alone.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether it runs on green threads.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Reason>,
    /// The files the kernel goes through: scripts, then the program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libc: Option<Sites>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loader: Option<Sites>,
    /// Other modules that contain system calls of their own.
    pub other_modules: Vec<Sites>,
    /// What was not found, the shim included: a sentence each.
    pub missing: Vec<String>,
    /// Modules that start threads.
    pub makes_threads: Vec<String>,
    /// Functions of libc that may wait, by what for.
    pub blocking_imports: BTreeMap<String, Vec<String>>,
    /// The library that `run` preloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shim: Option<String>,
    /// A library that is put before liblichen.so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preloaded_first: Option<String>,
}

/// An obstacle in words.
#[derive(Debug, Serialize)]
pub struct Reason {
    pub kind: String,
    pub cause: String,
    pub remedy: String,
}

/// The system-call sites of one module.
#[derive(Debug, Serialize)]
pub struct Sites {
    pub path: String,
    /// The release of a glibc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub build_id: String,
    pub found: usize,
    pub understood: usize,
    /// Sites that are not rewritten.
    pub left: Vec<LeftSite>,
}

/// A site that is left alone.
#[derive(Debug, Serialize)]
pub struct LeftSite {
    /// Address before relocation.
    pub address: String,
    pub call: String,
    pub why: String,
    /// Green threads cannot do without it.
    pub needed: bool,
    /// Understood, and never rewritten in any libc.
    pub on_purpose: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.obstacle {
            None => writeln!(f, "yes: runs on green threads")?,
            Some(reason) => {
                writeln!(f, "no: would run natively")?;
                writeln!(f, "  because   {}", reason.cause)?;
                writeln!(f, "  remedy    {}", reason.remedy)?;
            }
        }
        if !self.files.is_empty() {
            writeln!(f, "  program   {}", self.files.join(" -> "))?;
        }
        if let Some(libc) = &self.libc {
            write_module(f, "libc", libc)?;
        }
        if let Some(loader) = &self.loader {
            write_module(f, "loader", loader)?;
        }
        for module in &self.other_modules {
            write_module(f, "module", module)?;
        }
        if let Some(library) = &self.preloaded_first {
            writeln!(f, "  preload   {library} is put before liblichen.so")?;
        }
        for missing in &self.missing {
            writeln!(f, "  missing   {missing}")?;
        }
        self.write_imports(f)
    }
}

impl Report {
    fn write_imports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.files.is_empty() || self.obstacle.is_some() {
            return Ok(());
        }
        if self.makes_threads.is_empty() {
            writeln!(
                f,
                "  threads   made by none of its modules; plug-ins and programs it starts are not seen"
            )?;
        } else {
            writeln!(f, "  threads   made by {}", self.makes_threads.join(", "))?;
        }
        for (kind, names) in &self.blocking_imports {
            writeln!(f, "  waits     for {kind}: {}", names.join(", "))?;
        }
        Ok(())
    }
}

fn write_module(f: &mut fmt::Formatter<'_>, what: &str, sites: &Sites) -> fmt::Result {
    write!(f, "  {what:9} {}", sites.path)?;
    if let Some(version) = &sites.version {
        write!(f, " (glibc {version})")?;
    }
    if !sites.build_id.is_empty() {
        write!(f, ", build id {}", sites.build_id)?;
    }
    writeln!(f)?;
    writeln!(
        f,
        "            {} system-call sites, {} understood",
        sites.found, sites.understood
    )?;
    for left in sites.left.iter().filter(|left| !left.on_purpose) {
        let needed = if left.needed { " (needed)" } else { "" };
        let LeftSite {
            address, call, why, ..
        } = left;
        writeln!(
            f,
            "            left alone: {address}, {call}{needed}: {why}"
        )?;
    }
    Ok(())
}
