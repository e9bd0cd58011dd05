//! How results look: aligned tables, bars, numbers with units. Pure text; called by `demo` and `bench`.

use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};

/// For whom a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Terminal,
    Markdown,
}

/// A table whose first column is text and whose others are numbers.
pub fn table(style: Style, head: &[String], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    match style {
        Style::Markdown => drop(table.load_preset(presets::ASCII_MARKDOWN)),
        Style::Terminal => {
            let line = if unicode() { '─' } else { '-' };
            table.load_preset(presets::NOTHING);
            table.set_style(TableComponent::HeaderLines, line);
            table.set_style(TableComponent::MiddleHeaderIntersections, line);
        }
    }
    table.set_header(head.iter().enumerate().map(cell));
    for row in rows {
        table.add_row(row.iter().enumerate().map(cell));
    }
    table.to_string()
}

fn cell((column, text): (usize, &String)) -> Cell {
    let alignment = if column == 0 {
        CellAlignment::Left
    } else {
        CellAlignment::Right
    };
    Cell::new(text).set_alignment(alignment)
}

/// A bar of at most `width` characters for `value` out of `most`.
pub fn bar(value: f64, most: f64, width: usize) -> String {
    let share = if most > 0.0 {
        (value / most).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let filled = (share * width as f64).round() as usize;
    (if unicode() { "█" } else { "#" }).repeat(filled.max(usize::from(value > 0.0)))
}

/// Whether the terminal shows more than ASCII, by the usual variables.
fn unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .is_some_and(|value| value.to_uppercase().replace('-', "").contains("UTF8"))
}

/// 1234567 -> "1,234,567"
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time given in microseconds, with the unit that suits it.
pub fn time(us: f64) -> String {
    match us {
        us if us < 1.0 => format!("{:.0} ns", us * 1e3),
        us if us < 100.0 => format!("{us:.2} us"),
        us if us < 1_000.0 => format!("{us:.0} us"),
        us if us < 100_000.0 => format!("{:.1} ms", us / 1e3),
        us if us < 1_000_000.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// A number of bytes, with the unit that suits it.
pub fn bytes(value: f64) -> String {
    match value {
        v if v < 1024.0 => format!("{v:.0} B"),
        v if v < 1024.0 * 1024.0 => format!("{:.1} KiB", v / 1024.0),
        v if v < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", v / 1024.0 / 1024.0),
        v => format!("{:.2} GiB", v / 1024.0 / 1024.0 / 1024.0),
    }
}

/// The value in the middle (the mean of two for an even number); 0 for none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.25, 7.125, 512.0, 8_364.0, 2_103_443.0].map(time),
            ["250 ns", "7.12 us", "512 us", "8.4 ms", "2.10 s"]
        );
        assert_eq!(
            [100.0, 2_048.0, 3_145_728.0].map(bytes),
            ["100 B", "2.0 KiB", "3.0 MiB"]
        );
    }

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn bars_keep_proportion_and_never_vanish() {
        assert_eq!(bar(5.0, 10.0, 20).chars().count(), 10);
        assert_eq!(bar(0.001, 10.0, 20).chars().count(), 1);
        assert_eq!(bar(0.0, 10.0, 20).chars().count(), 0);
        assert_eq!(bar(11.0, 10.0, 20).chars().count(), 20);
    }

    #[test]
    fn markdown_has_one_line_per_row() {
        let head = ["a", "b"].map(String::from);
        let rows = vec![vec!["x".to_string(), "1".to_string()]];
        let text = table(Style::Markdown, &head, &rows);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.starts_with('|')));
    }
}
