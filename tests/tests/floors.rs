//! The laws of ARCHITECTURE.md that a machine can read: an arrow goes only to a lower floor, one
//! file of the core touches the machine, a file holds one concept, nothing is promised.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the core, from the ground up. Neighbours do not see each other.
const FLOORS: &[&[&str]] = &[
    &["time", "secret", "random", "cursor"],
    &["wire"],
    &["crypto", "principal"],
    &["error"],
    &["cause", "credentials", "step"],
    &["keytab", "ccache", "config", "pac", "local_name"],
    &["ap"],
    &["client", "kdc", "gss"],
    &["spnego", "channel", "report"],
    &["sasl"],
    &["env", "manual"],
];

/// The modules that read octets of others: no `unwrap`, no `expect`, no index may be in them.
const PARSERS: &[&str] = &[
    "wire",
    "crypto",
    "keytab",
    "ccache",
    "pac",
    "local_name",
    "ap",
    "client",
    "kdc",
    "gss",
    "spnego",
    "channel",
    "sasl",
];

/// The one module that touches the machine: clock, files, environment.
const MACHINE: &str = "env";

/// What only that module may name.
const OF_THE_MACHINE: &[&str] = &[
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
];

/// Addresses are values, and so is a time to convert from; neither touches anything. The source of
/// randomness asks whether it is still the process that drew.
fn plain_value(module: &str, path: &str) -> bool {
    match path {
        "std::process" => module == "random",
        "std::net::IpAddr" | "std::net::Ipv4Addr" | "std::net::Ipv6Addr" => true,
        "std::net::SocketAddr" => true,
        "std::time::SystemTime" => module == "time",
        _ => false,
    }
}

/// What no module of the core may call: it prints nothing.
const PRINTING: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

// ------------------------------------------------------------------------------------- reading

/// The code of a file as tokens: identifiers, `::`, and single characters. Comments, the contents
/// of strings and modules under `#[cfg(test)]` are left out.
fn tokens(source: &str) -> Vec<String> {
    without_tests(split(source))
}

fn split(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            'r' | 'b' if raw_string(&chars, i).is_some() => {
                i = raw_string(&chars, i).unwrap_or(i + 1);
                out.push("\"".into());
            }
            '"' => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
                out.push("\"".into());
            }
            // A character, not a lifetime.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            c if c.is_alphanumeric() || c == '_' => {
                let start = i;
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                out.push(chars[start..i].iter().collect());
            }
            ':' if at(i + 1) == ':' => {
                out.push("::".into());
                i += 2;
            }
            c if c.is_whitespace() => i += 1,
            c => {
                out.push(c.into());
                i += 1;
            }
        }
    }
    out
}

/// Where the raw string that begins at `i` ends.
fn raw_string(chars: &[char], mut i: usize) -> Option<usize> {
    if chars.get(i) == Some(&'b') {
        i += 1;
    }
    if chars.get(i) != Some(&'r') {
        return None;
    }
    i += 1;
    let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    i += 1;
    let closes = |i: usize| {
        chars[i] == '"'
            && chars[i + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
    };
    while i < chars.len() && !closes(i) {
        i += 1;
    }
    Some(i + 1 + hashes)
}

/// Takes out what follows each `#[cfg(test)]`: a module in braces, or the one item.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut out = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !tokens[i..].iter().take(mark.len()).eq(mark.iter()) {
            out.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += mark.len();
        let mut depth = 0;
        while i < tokens.len() {
            match tokens[i].as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            let ends = depth == 0 && matches!(tokens[i].as_str(), ";" | "}");
            i += 1;
            if ends {
                break;
            }
        }
    }
    out
}

/// Every path in the tokens that begins with `crate`, `super` or `std`, with `{a, b::c}` written
/// out: `["crate", "wire", "ApReq"]`.
fn paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let inner = i > 0 && tokens[i - 1] == "::";
        let root = matches!(token.as_str(), "crate" | "super" | "std" | "core" | "alloc");
        if root && !inner && tokens.get(i + 1).is_some_and(|next| next == "::") {
            path(tokens, i, &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path, or a group of them, behind `prefix`; gives where it ends.
fn path(
    tokens: &[String],
    mut i: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let before = prefix.len();
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    loop {
        if token(i) == "{" {
            i += 1;
            while i < tokens.len() && token(i) != "}" {
                i = path(tokens, i, prefix, found);
                // `as name` and the comma
                while i < tokens.len() && token(i) != "," && token(i) != "}" {
                    i += 1;
                }
                if token(i) == "," {
                    i += 1;
                }
            }
            i += 1;
            break;
        }
        prefix.push(token(i).into());
        i += 1;
        let goes_on = token(i) == "::"
            && token(i + 1)
                .chars()
                .next()
                .is_some_and(|c| c == '{' || c == '*' || c == '_' || c.is_alphabetic());
        if !goes_on {
            found.push(prefix.clone());
            break;
        }
        i += 1;
    }
    prefix.truncate(before);
    i
}

/// What lib.rs gives another name to: `Error` is at home in `error`.
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let tokens = tokens(lib);
    let mut homes = BTreeMap::new();
    for (i, token) in tokens.iter().enumerate() {
        if token != "use" {
            continue;
        }
        let skip = usize::from(tokens.get(i + 1).is_some_and(|t| t == "crate")) * 2;
        let mut found = Vec::new();
        path(&tokens, i + 1 + skip, &mut Vec::new(), &mut found);
        for path in found {
            if let (Some(first), Some(last)) = (path.first(), path.last()) {
                homes.insert(last.clone(), first.clone());
            }
        }
    }
    homes
}

// ------------------------------------------------------------------------------------- judging

/// One file of the core.
struct File<'a> {
    /// `["gss", "token"]` for `gss/token.rs`, `["gss"]` for `gss/mod.rs`.
    module: Vec<&'a str>,
    source: &'a str,
}

/// What the file does that its floor forbids.
fn broken(file: &File<'_>, homes: &BTreeMap<String, String>) -> Vec<String> {
    let Some(top) = file.module.first() else {
        return Vec::new();
    };
    let Some(own) = floor(top) else {
        return vec![format!("module `{top}` stands on no floor")];
    };
    let mut broken = Vec::new();
    let tokens = tokens(file.source);
    for path in paths(&tokens) {
        let text = path.join("::");
        let is_at = |place: &str| text == place || text.starts_with(&format!("{place}::"));
        if *top != MACHINE
            && !plain_value(top, &text)
            && OF_THE_MACHINE.iter().any(|place| is_at(place))
        {
            broken.push(format!("`{text}`: only {MACHINE}.rs touches the machine"));
        }
        let climbed = path.iter().take_while(|part| *part == "super").count();
        let target = match path[0].as_str() {
            "crate" => path.get(1),
            // `super` out of a top-level module leads to the crate's root.
            "super" if climbed >= file.module.len() => path.get(climbed),
            _ => None,
        };
        let Some(target) = target else { continue };
        let home = homes.get(target).unwrap_or(target);
        match floor(home) {
            _ if home == top => {}
            Some(other) if other < own => {}
            Some(other) if other == own => {
                broken.push(format!("`{text}`: `{top}` and `{home}` are neighbours"));
            }
            Some(_) => broken.push(format!("`{text}`: `{home}` stands above `{top}`")),
            // A name of a module that has come in with `use super::*`.
            None if path[0] == "super" => {}
            None => broken.push(format!("`{text}`: `{home}` stands on no floor")),
        }
    }
    for three in tokens.windows(3) {
        if *top != MACHINE && three[0] == "SystemTime" && three[1] == "::" && three[2] == "now" {
            broken.push(format!(
                "`SystemTime::now`: only {MACHINE}.rs touches the machine"
            ));
        }
    }
    for pair in tokens.windows(2) {
        if pair[1] == "!" && PRINTING.contains(&pair[0].as_str()) {
            broken.push(format!("`{}!`: the core prints nothing", pair[0]));
        }
        if pair[0] == "getrandom" && pair[1] == "::" && *top != "random" {
            broken.push("`getrandom`: randomness comes from the configuration".into());
        }
    }
    broken
}

/// All Rust files under `folder`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("a folder that can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && name != "corpus" && !name.starts_with('.') {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

// --------------------------------------------------------------------------------------- tests

#[test]
fn arrows_go_only_to_lower_floors_and_one_file_touches_the_machine() {
    let src = root().join("crates/orthros/src");
    let homes = reexports(&read(&src.join("lib.rs")));
    let mut broken_here = Vec::new();
    let mut seen = 0;
    for path in rust_files(&src) {
        let inside = path
            .strip_prefix(&src)
            .expect("under src")
            .with_extension("");
        let mut module: Vec<&str> = inside
            .iter()
            .map(|part| part.to_str().expect("UTF-8"))
            .collect();
        if matches!(module.last(), Some(&"mod" | &"lib")) {
            module.pop();
        }
        // `tests.rs` and `tests/` are under `#[cfg(test)]`.
        if module.contains(&"tests") {
            continue;
        }
        seen += 1;
        let source = read(&path);
        for what in broken(
            &File {
                module,
                source: &source,
            },
            &homes,
        ) {
            broken_here.push(format!("{}: {what}", inside.display()));
        }
    }
    assert!(seen > 20, "only {seen} files were read");
    assert!(broken_here.is_empty(), "\n{}", broken_here.join("\n"));
}

#[test]
fn parsers_of_outside_octets_forbid_panics() {
    let src = root().join("crates/orthros/src");
    for module in PARSERS {
        let folder = src.join(module).join("mod.rs");
        let file = src.join(module).with_extension("rs");
        let Some(path) = [folder, file].into_iter().find(|path| path.exists()) else {
            continue;
        };
        let tokens = tokens(&read(&path));
        for lint in ["unwrap_used", "expect_used", "indexing_slicing"] {
            let denied = tokens.iter().any(|token| token == lint);
            assert!(denied, "{}: does not deny clippy::{lint}", path.display());
        }
    }
}

#[test]
fn the_core_forbids_unsafe_code() {
    let lib = read(&root().join("crates/orthros/src/lib.rs"));
    assert!(lib.contains("#![forbid(unsafe_code)]"));
}

/// Nothing runs under another user than it was started as, so that no failure to become one can go
/// unnoticed.
#[test]
fn case_121_nothing_changes_its_user() {
    for path in rust_files(&root().join("crates")) {
        for token in tokens(&read(&path)) {
            let changes = ["uid", "gid", "groups"]
                .iter()
                .any(|what| token.ends_with(what))
                && (token.starts_with("set") || token.starts_with("init"));
            // With it a command can be started as somebody else.
            let of_command = token == "CommandExt";
            assert!(!changes && !of_command, "{}: {token}", path.display());
        }
    }
}

#[test]
fn a_file_holds_one_concept_and_promises_nothing() {
    // Written so that this file does not hold them.
    let promises = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
    ];
    let mut files = Vec::new();
    for folder in ["crates", "tests", "bench", "fuzz", "examples"] {
        files.extend(rust_files(&root().join(folder)));
    }
    assert!(files.len() > 40, "only {} files were found", files.len());
    for path in files {
        let source = read(&path);
        let lines = source.lines().count();
        assert!(lines <= 900, "{}: {lines} lines", path.display());
        for promise in promises {
            assert!(!source.contains(promise), "{}: `{promise}`", path.display());
        }
    }
}

#[test]
fn the_test_sees_what_it_forbids() {
    let homes = reexports(
        "pub mod error; pub use error::{Error, Rejection as No}; pub use crate::step::Step;",
    );
    assert_eq!(homes["Error"], "error");
    assert_eq!(homes["Step"], "step");
    let judge = |module: &[&str], source: &str| {
        let module = module.to_vec();
        broken(&File { module, source }, &homes)
    };
    let clean = [
        // A lower floor, in every way to say it.
        (
            &["ap", "verify"][..],
            "use crate::wire::{ApReq, numbers::{self, ApOptions}};",
        ),
        (
            &["ap", "verify"],
            "use super::replay::Entry; use super::super::time::Timestamp;",
        ),
        (
            &["ap", "verify"],
            "fn f(e: crate::Error) -> crate::error::Error { e }",
        ),
        // Itself.
        (&["ap"], "use crate::ap::replay::Entry;"),
        // Words in comments and strings, and a test module.
        (
            &["wire"],
            "// crate::gss\n/* crate::ap /* std::fs */ */ //! std::net\nconst A: &str = \"crate::gss\";",
        ),
        (
            &["wire"],
            "const A: &str = r#\"use crate::gss; \"quoted\" \"#; const B: char = '\"'; const C: &[u8] = b\"\\\"std::fs\";",
        ),
        (
            &["wire"],
            "#[cfg(test)] mod tests { use crate::gss::X; fn f() { std::fs::read(); } } fn g<'a>() {}",
        ),
        (&["wire"], "#[cfg(test)]\nmod tests;\nuse std::fmt;"),
        (
            &["env"],
            "use std::{fs, net::UdpSocket, time::{Instant, SystemTime}}; use crate::gss;",
        ),
        (&["gss"], "use std::time::Duration; use std::sync::Arc;"),
        (&["random"], "fn f() { getrandom::fill(out) }"),
        (&["ap"], "use std::net::{IpAddr, Ipv4Addr};"),
        (
            &["time"],
            "impl From<std::time::SystemTime> for Timestamp {}",
        ),
        (&[], "pub use crate::gss::Acceptor;"),
    ];
    for (module, source) in clean {
        assert_eq!(judge(module, source), [""; 0], "{source}");
    }
    let dirty = [
        (&["wire", "ap"][..], "use crate::crypto::Key;", "above"),
        (
            &["wire", "ap"],
            "use crate::{time::KerberosTime, principal::{Principal}};",
            "above",
        ),
        (&["wire", "ap"], "use super::super::ap::X;", "above"),
        (&["wire"], "use super::ap::X;", "above"),
        (&["wire"], "fn f() -> crate::Error { .. }", "above"),
        (&["wire"], "fn f() -> crate::Step { .. }", "above"),
        (&["client"], "use crate::kdc::Entry;", "neighbours"),
        (
            &["crypto"],
            "use crate::principal::Principal;",
            "neighbours",
        ),
        (&["gss"], "use crate::elsewhere::X;", "no floor"),
        (&["elsewhere"], "", "no floor"),
        (&["gss"], "use std::{fmt, fs};", "touches the machine"),
        (&["ap"], "use std::net::UdpSocket;", "touches the machine"),
        (
            &["gss"],
            "let now = std::time::SystemTime::now();",
            "touches the machine",
        ),
        (
            &["time"],
            "let now = SystemTime::now();",
            "touches the machine",
        ),
        (
            &["gss"],
            "use std::time::{Duration, Instant};",
            "touches the machine",
        ),
        (
            &["gss"],
            "let t = std::thread::spawn(f);",
            "touches the machine",
        ),
        (&["gss"], "println!(\"\")", "prints nothing"),
        (&["gss"], "getrandom::fill(out)", "configuration"),
        (
            &["wire"],
            "#[cfg(test)] mod tests { } use crate::gss;",
            "above",
        ),
        (&["wire"], "const A: char = '\\''; use crate::gss;", "above"),
    ];
    for (module, source, why) in dirty {
        let broken = judge(module, source);
        assert!(!broken.is_empty(), "{source}");
        assert!(
            broken.iter().all(|what| what.contains(why)),
            "{source}: {broken:?}"
        );
    }
}
