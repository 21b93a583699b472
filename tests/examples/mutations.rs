//! `./check mutations`: switches off one check of the acceptor after the other, and runs the tests
//! each time. A check whose absence no test notices is a finding.
//!
//! The checks are those of `tests/mutations.txt`. They are changed in a copy of the workspace,
//! which is compiled once; a variable of the environment says which of them is off.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use orthros_tests::mutations::Mutations;

/// A test run that takes longer hangs; that is noticed too.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which check is off.
const VARIABLE: &str = "ORTHROS_MUTATION";

const SWITCH: &str = r#"
/// Which check is off.
mod mutation {
    pub(crate) fn off(number: usize) -> bool {
        static OFF: std::sync::LazyLock<Option<usize>> = std::sync::LazyLock::new(|| {
            std::env::var("ORTHROS_MUTATION").ok()?.parse().ok()
        });
        *OFF == Some(number)
    }
}
"#;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutations: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let list = Mutations::parse(&fs::read_to_string(root.join("tests/mutations.txt"))?)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let target = root.join(target);
    let copy = target.join("mutations");
    copy_workspace(&root, &copy, &list)?;
    let started = Instant::now();
    let tests = build(&copy, &target.join("mutations-built"))?;
    println!("built in {} s", started.elapsed().as_secs());

    let started = Instant::now();
    let output = command(&tests, &copy, &[], None).output()?;
    if !output.status.success() {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        return Err("the tests fail with every check in place".into());
    }
    println!("one run: {:.1} s", started.elapsed().as_secs_f64());

    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= list.checks.len() {
                        return;
                    }
                    let first = list.checks.get(number).map(|check| &check.tests[..]);
                    let verdict = noticed(&tests, &copy, first.unwrap_or_default(), number);
                    if let Ok(mut verdicts) = verdicts.lock() {
                        verdicts.insert(number, verdict);
                    }
                }
            });
        }
    });
    let verdicts = verdicts.into_inner()?;
    let mut survived = 0;
    for (number, check) in list.checks.iter().enumerate() {
        let line = match verdicts.get(&number) {
            Some(Ok(Some(tests))) => tests.clone(),
            Some(Ok(None)) => {
                survived += 1;
                "SURVIVED: no test notices".to_owned()
            }
            Some(Err(error)) => return Err(error.to_string().into()),
            None => return Err("a check was not tried".into()),
        };
        println!("{:<44} {line}", check.name);
    }
    println!(
        "{} checks, {survived} survived, {:.0} s",
        list.checks.len(),
        started.elapsed().as_secs_f64()
    );
    Ok(survived == 0)
}

/// Copies what git knows of the workspace, with every check behind its switch. Files that are the
/// same already keep their times, so that cargo compiles what has changed.
fn copy_workspace(
    root: &Path,
    copy: &Path,
    list: &Mutations,
) -> Result<(), Box<dyn std::error::Error>> {
    let files = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()?;
    if !files.status.success() {
        return Err("git ls-files failed".into());
    }
    for file in String::from_utf8(files.stdout)?.split_terminator('\0') {
        if file.starts_with("fuzz/") {
            continue;
        }
        let (from, to) = (root.join(file), copy.join(file));
        // Deleted, and not yet in the index.
        if !from.exists() {
            continue;
        }
        let mut octets = fs::read(&from)?;
        if list.checks.iter().any(|check| check.file == file) {
            octets = list.apply(file, &String::from_utf8(octets)?)?.into_bytes();
        }
        if file == "crates/orthros/src/lib.rs" {
            octets.extend_from_slice(SWITCH.as_bytes());
        }
        if fs::read(&to).is_ok_and(|there| there == octets) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, octets)?;
    }
    Ok(())
}

/// Builds the tests of the core in the copy; where their program is. `target` is not the
/// workspace's own: cargo knows a package by its place within its workspace, and would take the
/// copy's tests for those of the original.
fn build(copy: &Path, target: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "test",
            "--locked",
            "-p",
            "orthros",
            "--lib",
            "--all-features",
            "--no-run",
        ])
        .args(["--message-format=json-render-diagnostics", "--target-dir"])
        .arg(target)
        .current_dir(copy)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the copy does not compile".into());
    }
    let program = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    Ok(program.ok_or("cargo names no test program")?)
}

fn command(tests: &Path, copy: &Path, filters: &[String], off: Option<usize>) -> Command {
    let mut command = Command::new(tests);
    command
        .args(filters)
        .arg("--test-threads=1")
        .current_dir(copy.join("crates/orthros"))
        .env_remove(VARIABLE)
        .stdin(Stdio::null());
    if let Some(number) = off {
        command.env(VARIABLE, number.to_string());
    }
    command
}

/// Which tests notice that the check is off: of those of its file, or if none of them does, of all.
fn noticed(
    tests: &Path,
    copy: &Path,
    first: &[String],
    number: usize,
) -> io::Result<Option<String>> {
    match killed_by(tests, copy, first, number)? {
        None if !first.is_empty() => killed_by(tests, copy, &[], number),
        verdict => Ok(verdict),
    }
}

/// Which of these tests notice that the check is off; `None` if no test does.
fn killed_by(
    tests: &Path,
    copy: &Path,
    filters: &[String],
    number: usize,
) -> io::Result<Option<String>> {
    let mut child = command(tests, copy, filters, Some(number))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let reader = std::thread::spawn(move || io::read_to_string(&mut stdout));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Some("a test hangs".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let output = reader.join().map_err(|_| io::ErrorKind::Other)??;
    if status.success() {
        return Ok(None);
    }
    let failed: Vec<&str> = output
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .collect();
    Ok(Some(match failed.as_slice() {
        [] => format!("the tests end with {status}"),
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }))
}
