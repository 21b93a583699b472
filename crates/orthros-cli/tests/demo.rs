//! `orthros demo`: the exchange, and every way to break it.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_orthros"))
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = demo(&[arguments, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (value, output.status.code())
}

/// What `--break` provokes, the cause that must be named, the code in the protocol (RFC 4120
/// §7.5.9), and who refuses.
const BREAKAGES: &[(&str, &str, i64, &str)] = &[
    ("skew", "AP_CLOCK_SKEW", 37, "server"),
    ("kvno", "AP_KVNO_STALE_KEYTAB", 44, "server"),
    ("stale-ticket", "AP_KVNO_STALE_TICKET", 44, "server"),
    ("etype", "AP_ENCTYPE_TICKET", 14, "server"),
    ("wrong-key", "AP_WRONG_KEY", 31, "server"),
    ("no-key", "AP_NOKEY", 45, "server"),
    ("spn", "AP_NOT_US", 35, "server"),
    ("replay", "AP_REPLAY", 34, "server"),
    ("tamper-ticket", "AP_TICKET_MODIFIED", 31, "server"),
    (
        "tamper-authenticator",
        "AP_AUTHENTICATOR_MODIFIED",
        31,
        "server",
    ),
    ("client-mismatch", "AP_CLIENT_MISMATCH", 36, "server"),
    ("expired", "AP_TICKET_EXPIRED", 32, "server"),
    ("not-yet-valid", "AP_TICKET_NOT_YET_VALID", 33, "server"),
    ("invalid-flag", "AP_TICKET_INVALID", 33, "server"),
    ("address", "AP_ADDRESS", 38, "server"),
    ("binding", "GSS_BINDINGS_MISMATCH", 60, "server"),
    ("pac", "PAC_MODIFIED", 41, "server"),
    ("ntlm", "MALFORMED_NTLM_NEGOTIATE", 60, "server"),
    ("mutual", "AP_REPLY_MODIFIED", 31, "client"),
];

#[test]
fn six_steps_and_status_0() {
    for enctype in [
        "aes256-cts-hmac-sha1-96",
        "aes128-cts-hmac-sha1-96",
        "aes256-cts-hmac-sha384-192",
        "aes128-cts-hmac-sha256-128",
    ] {
        let (report, status) = json(&["--enctype", enctype]);
        assert_eq!(status, Some(0), "{report}");
        assert_eq!(report["ok"], true);
        let steps = report["steps"].as_array().unwrap();
        let numbers: Vec<_> = steps
            .iter()
            .map(|s| s["number"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        let ticket = steps[0]["facts"]["ticket"].as_str().unwrap();
        assert!(
            ticket.contains("HTTP/demo.test@DEMO.TEST  kvno 1"),
            "{ticket}"
        );
        assert!(ticket.contains(enctype), "{ticket}");
        let pac = steps[1]["facts"]["authorization"].as_str().unwrap();
        assert!(pac.contains("-1104, ") && pac.contains("verified"), "{pac}");
        assert!(steps[5]["what"].as_str().unwrap().contains("genuine"));
    }
}

#[test]
fn every_break_names_its_cause_and_no_two_the_same() {
    let mut causes = BTreeMap::new();
    for (what, cause, code, by) in BREAKAGES {
        let (report, status) = json(&["--break", what]);
        assert_eq!(status, Some(1), "{what}: {report}");
        let failure = &report["failure"];
        assert_eq!(failure["code"], *cause, "{what}: {report}");
        assert_eq!(failure["protocol_code"], *code, "{what}");
        assert_eq!(failure["by"], *by, "{what}");
        assert!(!failure["message"].as_str().unwrap().is_empty());
        for list in ["facts", "reasons", "fixes"] {
            assert!(
                !failure[list].as_array().unwrap().is_empty(),
                "{what}: {list}"
            );
        }
        // The client learns the code and nothing more.
        if *by == "server" && failure["client"].is_object() {
            let told = failure["client"]["protocol_code"].as_i64().unwrap();
            assert_eq!(told, *code, "{what}");
        }
        if let Some(other) = causes.insert(failure["code"].to_string(), what) {
            panic!("{what} and {other} have one cause");
        }
    }
}

/// The table above is whole.
#[test]
fn help_lists_every_break() {
    let help = String::from_utf8(demo(&["--help"]).stdout).unwrap();
    let listed: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter_map(|line| line.split(':').next())
        .collect();
    let mut tested: Vec<&str> = BREAKAGES.iter().map(|(what, ..)| *what).collect();
    let mut listed_sorted = listed;
    listed_sorted.sort_unstable();
    tested.sort_unstable();
    assert_eq!(listed_sorted, tested);
}

#[test]
fn text_shows_what_was_in_the_messages() {
    let output = demo(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in [
        "realm DEMO.TEST",
        "1  client → server  KRB_AP_REQ",
        "2  server           ticket decrypted with keytab entry #",
        "3  server           authenticator opened; clock offset",
        "4  server           mutual authentication requested: yes",
        "5  server → client  KRB_AP_REP",
        "6  client           server returned our time stamp",
        "hello alice",
        "done in",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(output.stderr.is_empty());
}

#[test]
fn a_broken_exchange_shows_both_sides() {
    let output = demo(&["--break", "kvno"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for part in [
        "FAILED  AP_KVNO_STALE_KEYTAB (KRB_AP_ERR_BADKEYVER, 44)",
        "told    PEER_BADKEYVER (KRB_AP_ERR_BADKEYVER, 44)",
        "Likely:",
        "Fix:",
        "other kvno",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn usage_errors_have_status_2() {
    assert_eq!(demo(&["--break", "nothing"]).status.code(), Some(2));
    assert_eq!(demo(&["--enctype", "des-cbc-crc"]).status.code(), Some(2));
    assert_eq!(demo(&["extra"]).status.code(), Some(2));
}

/// The last line is a command that can be typed as it stands: here, cargo's.
#[test]
fn how_to_run_it_again() {
    let closing = |arguments: &[&str]| {
        let text = String::from_utf8(demo(arguments).stdout).unwrap();
        text.lines().last().unwrap_or_default().to_owned()
    };
    let whole = closing(&[]);
    assert!(whole.contains(":  cargo run "), "{whole}");
    assert!(whole.contains(" -- demo --break kvno "), "{whole}");
    let broken = closing(&["--break", "kvno"]);
    assert!(broken.starts_with("next: cargo run "), "{broken}");
    assert!(broken.contains(" -- demo   shows"), "{broken}");
}
