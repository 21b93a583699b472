//! Which types can be printed and hold a secret, by the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

struct Type {
    name: String,
    public: bool,
    printable: bool,
    fields: String,
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "tests" {
            sources(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") && entry.file_name() != "tests.rs" {
            all.push(path);
        }
    }
}

/// The types that a source defines.
fn types_of(source: &str) -> Vec<Type> {
    let source = source
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines: Vec<&str> = source.lines().collect();
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let public = line.starts_with("pub ");
        let rest = line.strip_prefix("pub ").unwrap_or(line);
        let rest = match rest.starts_with("pub(") {
            true => rest.split_once(") ").map_or(rest, |(_, rest)| rest),
            false => rest,
        };
        let Some(rest) = rest
            .strip_prefix("struct ")
            .or_else(|| rest.strip_prefix("enum "))
        else {
            continue;
        };
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let mut fields = rest[name.len()..].to_owned();
        if !line.ends_with(';') && !line.ends_with('}') {
            for line in lines[at + 1..]
                .iter()
                .take_while(|line| !line.starts_with(['}', ')']))
            {
                fields.push('\n');
                fields.push_str(line.split("//").next().unwrap_or_default());
            }
        }
        let above = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with(['#', '/']));
        let derived = above
            .into_iter()
            .any(|line| line.starts_with("#[derive") && line.contains("Debug"));
        let implemented = source.contains(&format!("Debug for {name}"));
        all.push(Type {
            name,
            public,
            printable: derived || implemented,
            fields,
        });
    }
    all
}

/// Whether `name` stands in the text as a word, not as a part of a path.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let behind = text[at + name.len()..].chars().next().unwrap_or(' ');
        !(before.is_alphanumeric() || before == '_' || behind.is_alphanumeric() || behind == '_')
    })
}

/// `crates/orthros/src/ap/mod.rs` as `orthros::ap`.
fn module(crates: &Path, path: &Path) -> String {
    let path = path.strip_prefix(crates).unwrap_or(path).with_extension("");
    let parts: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().replace('-', "_"))
        .filter(|part| !matches!(part.as_str(), "src" | "mod" | "lib" | "main"))
        .collect();
    parts.join("::")
}

/// The types that hold a secret by their fields and can be printed, and those among them that are
/// not in `shown`.
pub fn missing(shown: &BTreeSet<String>) -> (BTreeSet<String>, Vec<String>) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    for name in ["orthros", "orthros-net", "orthros-kdc", "orthros-cli"] {
        sources(&crates.join(name).join("src"), &mut files);
    }
    let mut all = Vec::new();
    for path in &files {
        let source = fs::read_to_string(path).expect("a source");
        all.extend(
            types_of(&source)
                .into_iter()
                .map(|t| (module(&crates, path), t)),
        );
    }
    // What is secret in itself, and then, over and over, whoever holds it.
    let mut secret: BTreeSet<String> = ["Key", "Secret", "Zeroizing", "EncryptionKey"]
        .map(str::to_owned)
        .into_iter()
        .collect();
    loop {
        let more: Vec<String> = all
            .iter()
            .filter(|(_, t)| !secret.contains(&t.name))
            .filter(|(_, t)| secret.iter().any(|secret| names(&t.fields, secret)))
            .map(|(_, t)| t.name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        secret.extend(more);
    }
    let missing = all
        .iter()
        .filter(|(module, t)| t.public || module.starts_with("orthros_cli"))
        .filter(|(_, t)| t.printable && secret.contains(&t.name))
        .map(|(module, t)| format!("{module}::{}", t.name))
        .filter(|path| !shown.contains(path))
        .collect();
    (secret, missing)
}
