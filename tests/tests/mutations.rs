//! The list of checks that `./check mutations` switches off is whole: a new refusal in one of its
//! files must stand in it.

use std::fs;
use std::path::{Path, PathBuf};

use orthros_tests::mutations::Mutations;

const FAMILIES: [&str; 9] = [
    "AP", "PAC", "KDC", "GSS", "NEG", "SASL", "CRY", "MSG", "CASE",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_refusal_of_these_files_is_switched_off_once() {
    let list = Mutations::parse(&read("tests/mutations.txt")).expect("mutations.txt");
    assert!(list.checks.len() > 40, "only {} checks", list.checks.len());
    let mut wrong = Vec::new();
    for file in &list.files {
        let source = read(file);
        if let Err(what) = list.apply(file, &source) {
            wrong.push(what);
            continue;
        }
        match list.uncovered(file, &source) {
            Ok(missed) => wrong.extend(missed),
            Err(what) => wrong.push(what),
        }
    }
    assert!(
        wrong.is_empty(),
        "tests/mutations.txt does not fit the source:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_check_is_named_after_a_row_and_once() {
    let list = Mutations::parse(&read("tests/mutations.txt")).expect("mutations.txt");
    let mut names: Vec<&str> = list
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    let number = names.len();
    for name in &names {
        let row = name.split([' ', ',']).next().unwrap_or_default();
        let (family, digits) = row.split_once('-').unwrap_or_default();
        assert!(
            FAMILIES.contains(&family) && digits.parse::<u32>().is_ok(),
            "{name}"
        );
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), number, "two checks have one name");
}

#[test]
fn the_list_is_applied_as_it_says() {
    let list = Mutations::parse(
        "file a.rs\nAP-01 one\n    - if a || b {\nAP-02 two\n    - check(x)?;\nAP-03 three\n    - } else if let Some(y) = z {\nAP-04 four\n    - tail\n    + match OFF { true => Ok(()), false => tail }\nby others: its callers\n    - Err(w)\n",
    )
    .expect("a list");
    let source = "fn f() {\n    if a || b {\n        return Err(q);\n    } else if let Some(y) = z {\n        return Err(r);\n    }\n    check(x)?;\n    let v = value(x)?;\n    tail\n}\nfn g() {\n    Err(w)\n}\n";
    let applied = list.apply("a.rs", source).expect("applied");
    for line in [
        "if !crate::mutation::off(0) && (a || b) {",
        "if !crate::mutation::off(1) { check(x)?; }",
        "} else if !crate::mutation::off(2) && let Some(y) = z {",
        "match crate::mutation::off(3) { true => Ok(()), false => tail }",
    ] {
        assert!(applied.lines().any(|l| l == line), "{applied}");
    }
    assert_eq!(list.uncovered("a.rs", source), Ok(vec![]));
    // A new refusal is found, of whatever form; a value is none.
    for (new, found) in [
        ("    if c {\n        return Err(s);\n    }\n", true),
        ("    check(y)?;\n", true),
        ("    check(\n        y,\n    )?;\n", true),
        ("    match y {\n        _ => Err(t),\n    }\n", true),
        ("    let w = check(\n        y,\n    )?;\n", false),
        ("    let w = check(y)?;\n", false),
    ] {
        let longer = source.replace("    tail\n", &format!("{new}    tail\n"));
        let missed = list.uncovered("a.rs", &longer).expect("the list fits");
        assert_eq!(missed.len(), usize::from(found), "{new} {missed:?}");
    }
    // A line that is gone is an error, not silence.
    assert!(list.apply("a.rs", "fn f() {}\n").is_err());
    assert!(list.apply("a.rs", &source.repeat(2)).is_err());
}
