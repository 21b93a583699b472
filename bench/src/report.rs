//! The report: tables for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::rows::{Row, Unit};

/// What one library did in one row.
#[derive(Debug)]
pub enum Cell {
    /// Nanoseconds for one operation, of each round.
    Rounds(Vec<f64>),
    /// Why there is nothing.
    None(String),
}

impl Cell {
    /// The median of the rounds, in nanoseconds.
    pub fn median(&self) -> Option<f64> {
        match self {
            Cell::Rounds(rounds) if !rounds.is_empty() => {
                let mut sorted = rounds.clone();
                sorted.sort_by(f64::total_cmp);
                let middle = sorted.len() / 2;
                Some(match sorted.len() % 2 {
                    1 => sorted[middle],
                    _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
                })
            }
            _ => None,
        }
    }
}

/// A row that was measured.
pub struct Measured {
    pub row: Row,
    /// In the order of the libraries.
    pub cells: Vec<Cell>,
    /// Allocations and octets for one operation, where they can be counted.
    pub allocations: Vec<Option<(f64, f64)>>,
}

/// Everything that is known after a run.
pub struct Report {
    pub machine: Vec<(&'static str, String)>,
    /// The names of the libraries; the first is compared with the others.
    pub peers: Vec<String>,
    /// What was not run, and why.
    pub not_run: Vec<(String, String)>,
    pub rows: Vec<Measured>,
}

impl Report {
    /// Tables.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.machine {
            let _ = writeln!(out, "{name}: {value}");
        }
        for (name, why) in &self.not_run {
            let _ = writeln!(out, "not run: {name}: {why}");
        }
        out.push('\n');
        self.numbers(&mut out);
        self.allocations(&mut out);
        let mut reasons: Vec<String> = Vec::new();
        for measured in &self.rows {
            for (peer, cell) in self.peers.iter().zip(&measured.cells) {
                if let Cell::None(why) = cell {
                    let line = format!("-: {peer}: {why}");
                    if !reasons.contains(&line) {
                        reasons.push(line);
                    }
                }
            }
        }
        for line in reasons {
            let _ = writeln!(out, "{line}");
        }
        out
    }

    fn numbers(&self, out: &mut String) {
        let mut head = vec!["row".to_owned(), "unit".to_owned()];
        head.extend(self.peers.iter().cloned());
        head.extend(
            self.rivals()
                .map(|rival| format!("{}/{rival}", self.peers[0])),
        );
        let mut lines = vec![head];
        for measured in &self.rows {
            let unit = measured.row.unit();
            let mut line = vec![measured.row.name(), unit.name().to_owned()];
            for cell in &measured.cells {
                line.push(match cell.median() {
                    Some(nanoseconds) => number(unit.of(nanoseconds)),
                    None => "-".into(),
                });
            }
            for ratio in measured.ratios() {
                line.push(ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")));
            }
            lines.push(line);
        }
        table(out, &lines);
        let _ = writeln!(
            out,
            "Seconds are of processor time. A ratio above 1 says that {} does more in the same time.\n",
            self.peers[0]
        );
    }

    fn allocations(&self, out: &mut String) {
        let mut head = vec!["allocations (octets) for one".to_owned()];
        head.extend(self.peers.iter().cloned());
        let mut lines = vec![head];
        for measured in &self.rows {
            if measured.allocations.iter().any(Option::is_some) {
                let mut line = vec![measured.row.name()];
                line.extend(measured.allocations.iter().map(|counted| match counted {
                    Some((allocations, octets)) => format!("{allocations:.1} ({octets:.0})"),
                    None => "-".into(),
                }));
                lines.push(line);
            }
        }
        if lines.len() > 1 {
            table(out, &lines);
            out.push('\n');
        }
    }

    fn rivals(&self) -> impl Iterator<Item = &String> {
        self.peers.iter().skip(1)
    }

    /// The same as JSON.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct JsonCell<'a> {
            library: &'a str,
            value: Option<f64>,
            nanoseconds: Option<f64>,
            rounds: &'a [f64],
            reason: Option<&'a str>,
            ratio: Option<f64>,
            allocations: Option<f64>,
            allocated_octets: Option<f64>,
        }
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|measured| {
                let unit = measured.row.unit();
                let first = measured.cells.first().and_then(Cell::median);
                let cells: Vec<_> = self
                    .peers
                    .iter()
                    .zip(measured.cells.iter().zip(&measured.allocations))
                    .map(|(peer, (cell, allocations))| {
                        let median = cell.median();
                        let (rounds, reason): (&[f64], _) = match cell {
                            Cell::Rounds(rounds) => (rounds, None),
                            Cell::None(why) => (&[], Some(why.as_str())),
                        };
                        JsonCell {
                            library: peer,
                            value: median.map(|ns| unit.of(ns)),
                            nanoseconds: median,
                            rounds,
                            reason,
                            ratio: first.zip(median).map(|(first, other)| other / first),
                            allocations: allocations.map(|(count, _)| count),
                            allocated_octets: allocations.map(|(_, octets)| octets),
                        }
                    })
                    .collect();
                serde_json::json!({
                    "row": measured.row.name(),
                    "unit": unit.name(),
                    "libraries": cells,
                })
            })
            .collect();
        let machine: serde_json::Map<_, _> = self
            .machine
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone().into()))
            .collect();
        let not_run: Vec<_> = self
            .not_run
            .iter()
            .map(|(what, why)| serde_json::json!({ "what": what, "why": why }))
            .collect();
        let all = serde_json::json!({ "machine": machine, "not_run": not_run, "rows": rows });
        serde_json::to_string_pretty(&all).expect("plain values")
    }
}

impl Measured {
    /// How many times as much the first library does in the same time as each of the others.
    pub fn ratios(&self) -> Vec<Option<f64>> {
        let first = self.cells.first().and_then(Cell::median);
        self.cells
            .iter()
            .skip(1)
            .map(|cell| Some(cell.median()? / first?))
            .collect()
    }
}

fn number(value: f64) -> String {
    match value {
        v if v >= 1000.0 => {
            let whole = v.round() as u64;
            let mut out = String::new();
            for (n, digit) in whole.to_string().chars().rev().enumerate() {
                if n > 0 && n % 3 == 0 {
                    out.insert(0, ' ');
                }
                out.insert(0, digit);
            }
            out
        }
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A Markdown table, aligned for a terminal.
fn table(out: &mut String, lines: &[Vec<String>]) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let width = |line: &Vec<String>| line.get(column).map_or(0, |c| c.chars().count());
            lines.iter().map(width).max().unwrap_or(0)
        })
        .collect();
    for (n, line) in lines.iter().enumerate() {
        for (column, width) in widths.iter().enumerate() {
            let cell = line.get(column).map_or("", String::as_str);
            let _ = match column {
                0 => write!(out, "| {cell:<width$} "),
                _ => write!(out, "| {cell:>width$} "),
            };
        }
        out.push_str("|\n");
        if n == 0 {
            for (column, width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width + 1);
                let _ = match column {
                    0 => write!(out, "|{dashes}-"),
                    _ => write!(out, "|{dashes}:"),
                };
            }
            out.push_str("|\n");
        }
    }
}

/// Microseconds for one operation, for the reader who thinks in them.
pub fn unit_of_profile(unit: Unit, nanoseconds: f64) -> String {
    format!("{} {}", number(unit.of(nanoseconds)), unit.name())
}
