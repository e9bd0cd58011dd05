//! What a bench run says: sections with tables and verdicts, as text, Markdown or JSON. Pure; filled by the parts.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::BenchOptions;
use crate::table::{self, Style};

#[derive(Serialize)]
pub struct Report {
    pub machine: String,
    pub quick: bool,
    pub rounds: usize,
    pub sections: Vec<Section>,
}

/// The result of one part.
#[derive(Default, Serialize)]
pub struct Section {
    pub title: String,
    /// What was done, in a sentence or two.
    pub about: String,
    #[serde(skip)]
    pub head: Vec<String>,
    #[serde(skip)]
    pub rows: Vec<Vec<String>>,
    pub verdicts: Vec<Verdict>,
    pub notes: Vec<String>,
    /// Why (some of) it could not be measured.
    pub failures: Vec<String>,
    /// The numbers behind the table.
    pub data: serde_json::Value,
}

/// One line of the list of what is to be reached: a value that must not exceed a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub what: String,
    /// `None` if it was not measured.
    pub value: Option<f64>,
    pub limit: f64,
    pub unit: &'static str,
}

impl Verdict {
    /// `value` must be at most `limit`; `unit` is "" for a ratio.
    pub fn at_most(
        what: impl Into<String>,
        value: Option<f64>,
        limit: f64,
        unit: &'static str,
    ) -> Verdict {
        Verdict {
            what: what.into(),
            value,
            limit,
            unit,
        }
    }

    fn row(&self) -> Vec<String> {
        let unit = |text: String| match self.unit {
            "" => text,
            unit => format!("{text} {unit}"),
        };
        let (value, reached) = match self.value {
            None => ("-".into(), "not measured"),
            Some(value) if value <= self.limit => (unit(number(value)), "yes"),
            Some(value) => (unit(number(value)), "NO"),
        };
        vec![
            self.what.clone(),
            value,
            unit(format!("<= {}", number(self.limit))),
            reached.into(),
        ]
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if v >= 1_000.0 => table::grouped(v.round() as u64),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

impl Section {
    pub fn new(title: &str, about: &str, head: &[&str]) -> Section {
        Section {
            title: title.into(),
            about: about.into(),
            head: head.iter().map(ToString::to_string).collect(),
            ..Section::default()
        }
    }

    pub fn not_measured(title: &str, why: &str) -> Section {
        Section {
            title: title.into(),
            failures: vec![why.into()],
            ..Section::default()
        }
    }

    pub fn failed(&self) -> bool {
        !self.failures.is_empty()
    }

    fn print(&self, style: Style, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match style {
            Style::Markdown => writeln!(out, "\n### {}\n", self.title),
            Style::Terminal => writeln!(out, "\n== {} ==", self.title),
        };
        if !self.about.is_empty() {
            let _ = writeln!(out, "{}\n", self.about);
        }
        if !self.rows.is_empty() {
            let _ = writeln!(out, "{}\n", table::table(style, &self.head, &self.rows));
        }
        if !self.verdicts.is_empty() {
            let head = ["to reach", "measured", "limit", "reached"].map(String::from);
            let rows: Vec<Vec<String>> = self.verdicts.iter().map(Verdict::row).collect();
            let _ = writeln!(out, "{}\n", table::table(style, &head, &rows));
        }
        for failure in &self.failures {
            let _ = writeln!(out, "Not measured: {failure}\n");
        }
        for note in &self.notes {
            let _ = writeln!(out, "Note: {note}.\n");
        }
    }
}

impl Report {
    pub fn print(&self, options: &BenchOptions) -> Result<String> {
        if options.json {
            return Ok(serde_json::to_string_pretty(self)? + "\n");
        }
        let style = if options.markdown {
            Style::Markdown
        } else {
            Style::Terminal
        };
        let kind = if self.quick {
            "short rounds, a first look"
        } else {
            "medians of interleaved rounds"
        };
        let mut out = format!(
            "Measured on {}; {} rounds ({kind}).\n",
            self.machine, self.rounds
        );
        for section in &self.sections {
            section.print(style, &mut out);
        }
        let verdicts: Vec<&Verdict> = self
            .sections
            .iter()
            .flat_map(|section| &section.verdicts)
            .collect();
        let reached = verdicts
            .iter()
            .filter(|verdict| verdict.value.is_some_and(|value| value <= verdict.limit))
            .count();
        let _ = writeln!(out, "{reached} of {} targets reached.", verdicts.len());
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_reached_missed_or_not_measured() {
        let row = |value| Verdict::at_most("x", value, 0.75, "").row();
        assert_eq!(row(Some(0.5)), ["x", "0.50", "<= 0.75", "yes"]);
        assert_eq!(row(Some(0.8)), ["x", "0.80", "<= 0.75", "NO"]);
        assert_eq!(row(None), ["x", "-", "<= 0.75", "not measured"]);
    }

    #[test]
    fn units_stand_behind_value_and_limit() {
        let verdict = Verdict::at_most("x", Some(1_234.0), 2_000.0, "us");
        assert_eq!(verdict.row(), ["x", "1,234 us", "<= 2,000 us", "yes"]);
    }

    #[test]
    fn a_section_that_could_not_be_measured_says_why() {
        let mut out = String::new();
        Section::not_measured("idle", "no server").print(Style::Terminal, &mut out);
        assert!(out.contains("idle") && out.contains("no server"));
    }
}
