//! `orthros dev`: what a command finds in its realm.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use orthros::ccache::CredentialCache;
use orthros::keytab::Keytab;

fn dev(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orthros"));
    command.arg("dev").args(arguments).stdin(Stdio::null());
    command
}

fn sh(arguments: &[&str], script: &str) -> Output {
    dev(&[arguments, &["--", "sh", "-c", script]].concat())
        .output()
        .unwrap()
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

#[test]
fn files_and_variables() {
    let script = r#"for f in "$KRB5_CONFIG" "${KRB5CCNAME#FILE:}" "${KRB5_KTNAME#FILE:}" \
        "${KRB5_CLIENT_KTNAME#FILE:}"; do test -s "$f" || exit 9; echo "$f"; done"#;
    let arguments = ["--user", "alice:secret", "--service", "HTTP/localhost"];
    let output = sh(&arguments, script);
    let shown = text(output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{shown}{}",
        text(output.stderr)
    );
    // All gone.
    for line in shown.lines() {
        assert!(!PathBuf::from(line).exists(), "{line}");
    }
}

#[test]
fn status_of_the_command_is_passed_on() {
    assert_eq!(sh(&[], "exit 7").status.code(), Some(7));
    assert_eq!(sh(&[], "kill -9 $$").status.code(), Some(137));
    let missing = dev(&["--", "/does/not/exist"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(3));
}

#[test]
fn contents_are_as_ordered() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("realm");
    let spec = directory.path().join("spec.toml");
    std::fs::write(
        &spec,
        r#"
            realm = "SPEC.TEST"
            [[principal]]
            name = "bob"
            password = "builder"
            enctypes = ["aes128-cts-hmac-sha1-96"]
            kvno = 7
            [[principal]]
            name = "nfs/box"
            kvno = 300
        "#,
    )
    .unwrap();
    let script = r#"cp "$KRB5_CONFIG" ../krb5.conf && cp ccache keytab client.keytab .."#;
    let output = dev(&[
        "--dir",
        place.to_str().unwrap(),
        "--spec",
        spec.to_str().unwrap(),
    ])
    .args([
        "--",
        "sh",
        "-c",
        &format!("cd {} && {script}", place.display()),
    ])
    .output()
    .unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    assert!(text(read("krb5.conf")).contains("default_realm = SPEC.TEST"));
    let cache = CredentialCache::parse(&read("ccache"), "ccache").unwrap();
    assert_eq!(cache.default_principal().to_string(), "bob@SPEC.TEST");
    assert_eq!(cache.credentials().count(), 1);
    let keytab = Keytab::parse(&read("keytab"), "keytab").unwrap();
    let names: Vec<String> = keytab
        .entries()
        .map(|(_, e)| e.principal().to_string())
        .collect();
    assert!(
        names.iter().all(|name| name == "nfs/box@SPEC.TEST"),
        "{names:?}"
    );
    assert!(keytab.entries().all(|(_, entry)| entry.kvno() == 300));
    let clients = Keytab::parse(&read("client.keytab"), "client.keytab").unwrap();
    let entries: Vec<_> = clients
        .entries()
        .map(|(_, e)| (e.enctype().0, e.kvno()))
        .collect();
    assert_eq!(entries, [(17, 7)]);
    // The realm's files are gone, the directory is not.
    assert!(place.exists() && std::fs::read_dir(&place).unwrap().next().is_none());
}

#[test]
fn nobodys_files_are_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("krb5.conf"), "mine").unwrap();
    let output = dev(&["--dir", directory.path().to_str().unwrap(), "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let kept = std::fs::read_to_string(directory.path().join("krb5.conf")).unwrap();
    assert_eq!(kept, "mine");
}

#[test]
fn bad_specs_are_refused_with_status_3() {
    let directory = tempfile::tempdir().unwrap();
    let spec = directory.path().join("spec.toml");
    for wrong in [
        "relam = 'X'",
        "[[principal]]\nname = 'a'\nenctypes = ['rot13']",
        "[[principal]]\nname = 'a'\nmax_life = 'long'",
        "[[principal]]\nname = 'a'\nextra_sids = ['S-1']",
        "not toml",
    ] {
        std::fs::write(&spec, wrong).unwrap();
        let output = dev(&["--spec", spec.to_str().unwrap(), "--", "true"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{wrong}");
        assert!(!output.stderr.is_empty());
    }
    let missing = dev(&["--spec", "/does/not/exist", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(3));
}

/// Without a command and without a terminal: variables, until a signal.
#[test]
fn stays_up_until_a_signal() {
    let mut child = dev(&["--user", "alice"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let shown: Vec<String> = lines.map(Result::unwrap).take(6).collect();
    let config = shown
        .iter()
        .find_map(|line| line.strip_prefix("export KRB5_CONFIG='"))
        .and_then(|rest| rest.strip_suffix('\''))
        .map(PathBuf::from)
        .unwrap();
    assert!(config.exists());
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!config.exists());
}

/// By the shell's own `kill`: not every machine has the program.
fn terminate(child: &Child) {
    let mut kill = Command::new("sh");
    kill.args(["-c", &format!("kill {}", child.id())]);
    assert!(kill.status().unwrap().success());
}

/// SIGTERM reaches the command, and the files go.
#[test]
fn sigterm_is_passed_on() {
    let mut child = dev(&[
        "--",
        "sh",
        "-c",
        "trap 'exit 5' TERM; echo \"$KRB5_CONFIG\"; while :; do sleep 0.1; done",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let config = PathBuf::from(line.trim());
    assert!(config.exists());
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(!config.exists());
}
