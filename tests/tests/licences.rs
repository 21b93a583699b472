//! What Orthros brings in: permissive licences only, and for the core not much.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than their text and a name.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// How many crates a build of the core compiles, itself included.
const CORE_AT_MOST: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn packages(manifest: &str) -> Vec<Value> {
    let text = cargo(&[
        "metadata",
        "--locked",
        "--format-version=1",
        "--manifest-path",
        manifest,
    ]);
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// Whether an SPDX expression can be met with permissive licences. `/` is an old way to write OR.
fn permitted(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let value = alternatives(&words, &mut at);
    value && at == words.len()
}

/// `a OR b`, where AND binds closer.
fn alternatives(words: &[&str], at: &mut usize) -> bool {
    let mut any = together(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        any |= together(words, at);
    }
    any
}

/// `a AND b`.
fn together(words: &[&str], at: &mut usize) -> bool {
    let mut all = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        all &= one(words, at);
    }
    all
}

/// One licence, with its exception, or an expression in parentheses.
fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let value = alternatives(words, at);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return value && closed;
    }
    let mut licence = (*word).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*at), words.get(*at + 1)) {
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    PERMISSIVE.contains(&licence.as_str())
}

#[test]
fn every_dependency_is_permissively_licensed() {
    let mut refused = Vec::new();
    let mut dependencies = 0;
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        // What has no source is this project's own.
        for package in packages(manifest).iter().filter(|p| !p["source"].is_null()) {
            dependencies += 1;
            let licence = package["license"].as_str().unwrap_or("no licence");
            if !permitted(licence) {
                refused.push(format!("{}: {licence}", package["id"]));
            }
        }
    }
    assert!(dependencies > 30, "only {dependencies} dependencies");
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

#[test]
fn every_crate_of_ours_carries_both_licences() {
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(root().join(name).is_file(), "{name}");
    }
    for package in packages("Cargo.toml")
        .iter()
        .filter(|p| p["source"].is_null())
    {
        let published = package["publish"].is_null();
        let licence = package["license"].as_str();
        assert!(
            !published || licence == Some("MIT OR Apache-2.0"),
            "{}",
            package["id"]
        );
    }
}

/// The crates that a build of `package` compiles.
fn tree(package: &str, features: &[&str]) -> Vec<String> {
    let arguments = [
        "tree",
        "--locked",
        "-p",
        package,
        "-e",
        "normal,build",
        "--prefix",
        "none",
    ];
    let text = cargo(&[&arguments[..], features].concat());
    let mut crates: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    crates.sort();
    crates.dedup();
    crates
}

#[test]
fn the_core_is_small() {
    let crates = tree("orthros", &[]);
    assert!(
        crates.len() <= CORE_AT_MOST,
        "{} crates: {crates:?}",
        crates.len()
    );
    assert!(crates.iter().any(|name| name == "der"), "{crates:?}");
}

#[test]
fn a_blocking_user_builds_no_runtime() {
    let crates = tree("orthros-net", &["--no-default-features"]);
    for runtime in ["tokio", "mio", "async-io"] {
        assert!(!crates.iter().any(|name| name == runtime), "{crates:?}");
    }
}

#[test]
fn the_test_reads_licence_expressions() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        "MIT OR Apache-2.0 AND GPL-3.0",
    ] {
        assert!(permitted(good), "{good}");
    }
    for bad in [
        "",
        "no licence",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND LGPL-2.1",
        "Apache-2.0 WITH Some-exception",
        "(MIT",
        "MIT)",
        "MIT MIT",
    ] {
        assert!(!permitted(bad), "{bad}");
    }
}
