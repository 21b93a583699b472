//! `./check rows`: every row of the requirement tables and every security case, with the test that
//! proves it, or the reason why there is none.
//!
//! A test proves a row that its name holds (`ap_28_skew_edges`, `gss_12_and_gss_13_flags`,
//! `case_031_...`), or that the comment above it names (`AP-28`, `security case 31`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `AP-28` as `("AP", 28)`; a security case as `("CASE", 31)`.
type Row = (String, u32);

fn shown((family, number): &Row) -> String {
    match family.as_str() {
        "CASE" => format!("CASE-{number:03}"),
        _ => format!("{family}-{number:02}"),
    }
}

/// The rows of the tables, and of each what it is about.
fn rows(spec: &Path) -> BTreeMap<Row, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(spec).expect("the tables").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let cases = path
            .file_stem()
            .is_some_and(|stem| stem == "security-cases");
        let text = fs::read_to_string(&path).expect("a table");
        for line in text.lines() {
            let mut cells = line.split('|').map(str::trim);
            let (Some(""), Some(id)) = (cells.next(), cells.next()) else {
                continue;
            };
            let row = match (id.split_once('-'), id.parse()) {
                (Some((family, number)), _) if !family.is_empty() => {
                    match (
                        family.bytes().all(|c| c.is_ascii_uppercase()),
                        number.parse(),
                    ) {
                        (true, Ok(number)) => (family.to_owned(), number),
                        _ => continue,
                    }
                }
                (_, Ok(number)) if cases => ("CASE".to_owned(), number),
                _ => continue,
            };
            let what = cells.next().unwrap_or_default().to_owned();
            assert!(all.insert(row, what).is_none(), "{id} is there twice");
        }
    }
    all
}

/// The tests of a source, each with the comment above it.
fn tests_of(source: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let function = line.strip_prefix("async ").unwrap_or(line);
        let Some(rest) = function.strip_prefix("fn ") else {
            continue;
        };
        let name: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let above: Vec<&str> = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("//") || line.starts_with("#["))
            .copied()
            .collect();
        let is_test = |line: &&&str| {
            line.starts_with("#[test]")
                || line.starts_with("#[tokio::test")
                || **line == "#[ test ]"
        };
        if above.iter().any(|line| is_test(&line)) {
            let comment: Vec<&str> = above
                .into_iter()
                .rev()
                .filter_map(|line| line.strip_prefix("//"))
                .collect();
            all.push((name, comment.join(" ")));
        }
    }
    all
}

/// The rows that the name of a test holds.
fn rows_in_name(name: &str, families: &BTreeSet<String>) -> Vec<Row> {
    let mut found = Vec::new();
    let mut family: Option<String> = None;
    for word in name.split('_') {
        let number = word.parse::<u32>();
        // A number of an error or of bits goes with a word of its own: `kdc_07_code_90`.
        match (&family, number) {
            // `case_031`, and `ap_43_44`: of one family. `..._kdc_3` is a third KDC.
            (Some(family), Ok(number)) if word.len() >= 2 => found.push((family.clone(), number)),
            _ => {
                let upper = word.to_ascii_uppercase();
                family = families.contains(&upper).then_some(upper);
            }
        }
    }
    found
}

/// The rows that a comment names: `AP-28`, `AP-28 to AP-31`, `AP-28, 29`, `security cases 9 and 12`.
fn rows_in_comment(comment: &str, families: &BTreeSet<String>) -> Vec<Row> {
    let mut found: Vec<Row> = Vec::new();
    let words: Vec<&str> = comment
        .split(|c: char| c.is_whitespace() || "(),.;:/".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let mut family: Option<String> = None;
    let mut to = false;
    for (at, word) in words.iter().enumerate() {
        let row = match word.split_once('-') {
            Some((name, number)) if families.contains(name) => {
                number.parse().ok().map(|number| (name.to_owned(), number))
            }
            _ => match (&family, word.parse()) {
                (Some(family), Ok(number)) => Some((family.clone(), number)),
                _ => None,
            },
        };
        match row {
            Some((name, number)) => {
                let from = found.last().filter(|(of, _)| to && *of == name);
                let from = from.map_or(number, |(_, from)| from + 1);
                found.extend((from.min(number)..=number).map(|n| (name.clone(), n)));
                family = Some(name);
                to = false;
            }
            None if *word == "to" => to = true,
            None if *word == "and" => {}
            None => {
                let case = matches!(*word, "case" | "cases")
                    && at.checked_sub(1).is_some_and(|at| {
                        words
                            .get(at)
                            .is_some_and(|before| before.eq_ignore_ascii_case("security"))
                    });
                family = case.then(|| "CASE".to_owned());
                to = false;
            }
        }
    }
    found
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

/// Which tests prove which rows.
fn proven(families: &BTreeSet<String>) -> BTreeMap<Row, Vec<String>> {
    let mut all: BTreeMap<Row, Vec<String>> = BTreeMap::new();
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    files.sort();
    for path in files {
        let source = fs::read_to_string(&path).expect("a source");
        let file = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        for (name, comment) in tests_of(&source) {
            let mut rows = rows_in_name(&name, families);
            rows.extend(rows_in_comment(&comment, families));
            rows.sort();
            rows.dedup();
            for row in rows {
                all.entry(row).or_default().push(format!("{name} ({file})"));
            }
        }
    }
    all
}

/// `tests/rows.txt`: `HTTP-01..HTTP-16, AP-23: why there is no test`.
fn left_out(text: &str) -> Result<BTreeMap<Row, String>, String> {
    let mut all = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (ids, reason) = line
            .split_once(": ")
            .ok_or_else(|| format!("no reason: {line}"))?;
        for id in ids.split(',').map(str::trim) {
            let (from, to) = id.split_once("..").unwrap_or((id, id));
            let part = |id: &str| {
                let (family, number) = id.split_once('-')?;
                Some((family.to_owned(), number.parse::<u32>().ok()?))
            };
            let (Some((family, from)), Some((same, to))) = (part(from), part(to)) else {
                return Err(format!("no row: {id}"));
            };
            if family != same || from > to {
                return Err(format!("no range: {id}"));
            }
            for number in from..=to {
                let row = (family.clone(), number);
                if all.insert(row, reason.to_owned()).is_some() {
                    return Err(format!("{family}-{number} stands there twice"));
                }
            }
        }
    }
    Ok(all)
}

#[test]
fn every_row_is_tested_or_left_out_with_a_reason() {
    let spec = root().join("../shared/spec");
    if !spec.is_dir() {
        println!("not run: (optional) the requirement tables, ../shared/spec, are not here");
        return;
    }
    let rows = rows(&spec);
    let families: BTreeSet<String> = rows.keys().map(|(family, _)| family.clone()).collect();
    let proven = proven(&families);
    let text = fs::read_to_string(root().join("tests/rows.txt")).expect("tests/rows.txt");
    let left_out = left_out(&text).unwrap_or_else(|what| panic!("tests/rows.txt: {what}"));

    let mut wrong = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (row, what) in &rows {
        let id = shown(row);
        let count = counts.entry(&row.0).or_default();
        match (proven.get(row), left_out.get(row)) {
            (Some(tests), None) => {
                count[0] += 1;
                println!("{id:<9} tested    {}", tests.join(", "));
            }
            (None, Some(reason)) => {
                count[1] += 1;
                println!("{id:<9} left out  {reason}");
            }
            (Some(tests), Some(_)) => {
                wrong.push(format!(
                    "{id} is tested ({}) and left out",
                    tests.join(", ")
                ));
            }
            (None, None) => {
                count[2] += 1;
                let what: String = what.chars().take(90).collect();
                println!("{id:<9} MISSING   {what}");
                wrong.push(format!("{id} has no test and no reason: {what}"));
            }
        }
    }
    // A range may span numbers that no table has.
    let known = |row: &Row| rows.contains_key(row) || row.0 == "CASE";
    for row in left_out.keys().filter(|row| !known(row)) {
        wrong.push(format!("{} is left out, and no table has it", shown(row)));
    }
    for (row, tests) in proven.iter().filter(|(row, _)| !rows.contains_key(row)) {
        wrong.push(format!(
            "{} is in no table: {}",
            shown(row),
            tests.join(", ")
        ));
    }
    println!("\nfamily  tested  left out  missing");
    for (family, [tested, out, missing]) in &counts {
        println!("{family:<6} {tested:>7} {out:>9} {missing:>8}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_test_reads_names_comments_and_reasons() {
    let families: BTreeSet<String> = ["AP", "GSS", "KDC", "CASE"]
        .map(str::to_owned)
        .into_iter()
        .collect();
    let row = |family: &str, number| (family.to_owned(), number);
    let name = |name| rows_in_name(name, &families);
    assert_eq!(name("ap_28_skew_edges"), [row("AP", 28)]);
    assert_eq!(
        name("gss_12_and_gss_13_flags"),
        [row("GSS", 12), row("GSS", 13)]
    );
    assert_eq!(name("ap_43_44_replays"), [row("AP", 43), row("AP", 44)]);
    assert_eq!(name("case_031_and_the_kdc_3"), [row("CASE", 31)]);
    assert_eq!(name("a_map_28"), []);
    let comment = |comment| rows_in_comment(comment, &families);
    assert_eq!(
        comment("The clock (AP-28, 29)."),
        [row("AP", 28), row("AP", 29)]
    );
    assert_eq!(
        comment("AP-28 to AP-30 hold"),
        [28, 29, 30].map(|n| row("AP", n))
    );
    assert_eq!(
        comment("security cases 9 and 12 of 40"),
        [row("CASE", 9), row("CASE", 12)]
    );
    assert_eq!(comment("two cases 9"), []);
    let tests = tests_of(
        "    /// Of AP-28.\n    #[test]\n    fn skew() {\n    fn helper() {\n#[tokio::test]\nasync fn b() {",
    );
    assert_eq!(
        tests,
        [
            ("skew".to_owned(), "/ Of AP-28.".to_owned()),
            ("b".to_owned(), String::new())
        ]
    );
    let out = left_out("# why\nAP-01..AP-02, GSS-07: not built\n").expect("rows");
    assert_eq!(out.len(), 3);
    for bad in [
        "AP-01",
        "AP-02..AP-01: x",
        "AP-01..GSS-02: x",
        "AP-01, AP-01: x",
        "nothing: x",
    ] {
        assert!(left_out(bad).is_err(), "{bad}");
    }
}
