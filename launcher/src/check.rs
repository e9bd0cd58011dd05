//! `lichen check`: everything `run` would find out, and more, without starting the program.
//!
//! Called by `entry`; fills a [`Report`]. Reads whole files, since nobody waits for a server here. It
//! must never execute anything, ld.so included.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

use lichen_plan::{Plan, Why};
use object::{Object, ObjectSymbol};

use crate::cli::{Check, SettingFlags};
use crate::error::Error;
use crate::libraries::{Library, Search};
use crate::module::Module;
use crate::obstacle::Obstacle;
use crate::prepare::Environment;
use crate::report::{LeftSite, Reason, Report, Sites};
use crate::target::Target;
use crate::{blocking, libc, search, shim};

/// Exit status when the program would run natively.
const STATUS_NO: i32 = 1;

/// Examines, prints, and gives the exit status.
pub fn check(args: &Check) -> Result<i32, Error> {
    let environment = Environment::new(&SettingFlags::default())?;
    let report = match (&args.libc, args.command.first()) {
        (Some(file), _) => libc_report(file)?,
        (None, Some(command)) => program_report(command, &environment)?,
        (None, None) => return Err(Error::Usage("give a CMD or --libc FILE".into())),
    };
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|e| Error::Output(e.into()))? + "\n"
    } else {
        report.to_string()
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Error::Output)?;
    Ok(if report.ok { 0 } else { STATUS_NO })
}

/// Judges a libc as a file. A module without a single system call is no libc.
fn libc_report(file: &Path) -> Result<Report, Error> {
    let unusable = |reason: String| Error::LibcFile {
        path: file.to_owned(),
        reason,
    };
    let bytes = std::fs::read(file)
        .map_err(|e| unusable(format!("{e}; give the file of a glibc, usually libc.so.6")))?;
    let plan = libc::plan_bytes(&bytes).map_err(|e| unusable(e.to_string()))?;
    let mut report = Report {
        libc: Some(sites(file, &bytes, &plan, true)),
        ..Report::default()
    };
    let nothing = || {
        let why = "it contains no system calls, so it is no libc";
        plan.sites
            .is_empty()
            .then(|| Obstacle::LibcUnknown(why.into()))
    };
    conclude(
        &mut report,
        libc::plan_obstacle(file, &plan).or_else(nothing),
    );
    Ok(report)
}

fn program_report(command: &OsStr, environment: &Environment) -> Result<Report, Error> {
    let path = search::find(command, environment.get("PATH"))?;
    let target = Target::examine(command, &path, &environment.settings);
    let mut report = Report {
        files: target.chain.iter().map(|p| shown(p)).collect(),
        preloaded_first: target
            .leading_library()
            .map(|l| l.to_string_lossy().into_owned()),
        ..Report::default()
    };
    match shim::find() {
        Ok(path) => report.shim = Some(shown(&path)),
        Err(error) => report.missing.push(error.to_string()),
    }
    let mut obstacle = target.obstacle.clone().or(target.doubt.clone());
    if target.module.loader.is_some() && obstacle.is_none() {
        obstacle = examine_modules(&mut report, &target, environment);
    }
    conclude(&mut report, obstacle);
    Ok(report)
}

/// Loader, program and every library it needs.
fn examine_modules(
    report: &mut Report,
    target: &Target,
    environment: &Environment,
) -> Option<Obstacle> {
    let search = Search::new(target.loader(), environment.get("LD_LIBRARY_PATH"));
    let (libraries, missing) = search.closure(target.program());
    let not_found = |name: &OsString| {
        format!(
            "{} was not found in the usual folders",
            name.to_string_lossy()
        )
    };
    report.missing.extend(missing.iter().map(not_found));
    let mut obstacle = None;
    let mut imports = BTreeSet::new();
    for library in &libraries {
        let Ok(bytes) = std::fs::read(&library.path) else {
            report
                .missing
                .push(format!("{} cannot be read", library.path.display()));
            continue;
        };
        let plan = match libc::plan_bytes(&bytes) {
            Ok(plan) => plan,
            Err(e) => {
                obstacle = obstacle.or(Some(Obstacle::LibcUnknown(e.to_string())));
                continue;
            }
        };
        let is_loader = library.path == target.loader();
        let found = sites(&library.path, &bytes, &plan, is_loader || is_libc(library));
        if is_libc(library) {
            obstacle = obstacle.or(libc::plan_obstacle(&library.path, &plan));
            report.libc = Some(found);
        } else if is_loader {
            obstacle = obstacle.or(libc::plan_obstacle(&library.path, &plan));
            report.loader = Some(found);
        } else {
            if found.found > 0 {
                report.other_modules.push(found);
            }
            imports.extend(module_imports(report, &library.path, &bytes));
        }
    }
    for import in imports {
        if let Some((kind, name)) = blocking::kind(&import) {
            let names = report.blocking_imports.entry(kind.into()).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.into());
            }
        }
    }
    if report.libc.is_none() {
        let why = "libc.so.6 is not among its libraries";
        obstacle = obstacle.or(Some(Obstacle::LibcUnknown(why.into())));
    }
    obstacle
}

/// The functions that a module takes from others; notes it if one of them starts threads.
fn module_imports(report: &mut Report, path: &Path, bytes: &[u8]) -> Vec<String> {
    let Ok(file) = object::File::parse(bytes) else {
        return Vec::new();
    };
    let imports: Vec<String> = file
        .dynamic_symbols()
        .filter(ObjectSymbol::is_undefined)
        .filter_map(|symbol| symbol.name().ok().map(ToOwned::to_owned))
        .collect();
    if imports
        .iter()
        .any(|name| blocking::THREADS.contains(&name.as_str()))
    {
        report.makes_threads.push(shown(path));
    }
    imports
}

/// The sites of one module. Only libc and the loader have sites that green threads cannot do without.
fn sites(path: &Path, bytes: &[u8], plan: &Plan, is_core: bool) -> Sites {
    let needed: BTreeSet<u64> = libc::needed_but_left(plan).map(|l| l.syscall).collect();
    let on_purpose = plan.left.iter().filter(|l| l.why == Why::Sigreturn).count();
    Sites {
        path: shown(path),
        version: libc::version(bytes),
        build_id: Module::read(path).unwrap_or_default().build_id_hex(),
        found: plan.sites.len() + plan.left.len(),
        understood: plan.sites.len() + on_purpose,
        left: plan
            .left
            .iter()
            .map(|left| LeftSite {
                address: format!("{:#x}", left.syscall),
                call: libc::call_name(left),
                why: left.why.to_string(),
                needed: is_core && needed.contains(&left.syscall),
                on_purpose: left.why == Why::Sigreturn,
            })
            .collect(),
    }
}

fn conclude(report: &mut Report, obstacle: Option<Obstacle>) {
    report.ok = obstacle.is_none();
    report.obstacle = obstacle.map(|obstacle| Reason {
        kind: obstacle.tag().into(),
        cause: obstacle.cause(),
        remedy: obstacle.remedy().into(),
    });
}

fn is_libc(library: &Library) -> bool {
    library.name == libc::NAME
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
