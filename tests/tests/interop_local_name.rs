//! `auth_to_local` beside MIT krb5's: the same rules and principals through
//! `krb5_aname_to_localname` and through ours, and the same results, but for the differences that
//! are listed here.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use orthros::local_name::{LocalNames, NoLocalName};
use orthros::principal::Principal;
use orthros_tests::mit::program_or_not_run;
use serde_json::{Value, json};

const REALM: &str = "EXAMPLE.COM";

const PRINCIPALS: &[&str] = &[
    "alice@EXAMPLE.COM",
    "alice@USERS.ORG",
    "alice@example.com",
    "Alice.Smith@EXAMPLE.COM",
    "alice/admin@EXAMPLE.COM",
    "alice/admin@USERS.ORG",
    "root@EXAMPLE.COM",
    "root/admin@EXAMPLE.COM",
    "ROOT@EXAMPLE.COM",
    "host/web.example.com@EXAMPLE.COM",
    "a/b/c@EXAMPLE.COM",
    "banana@EXAMPLE.COM",
    "abc@EXAMPLE.COM",
    "1000@EXAMPLE.COM",
    "0x10@EXAMPLE.COM",
    "a-b_c@EXAMPLE.COM",
    r"bob\@corp@EXAMPLE.COM",
    r"bob\/x@EXAMPLE.COM",
    "webserver$@EXAMPLE.COM",
    "-rf@EXAMPLE.COM",
    "aaaa@EXAMPLE.COM",
];

/// Each a section of rules.
const RULES: &[&[&str]] = &[
    &[],
    &["DEFAULT"],
    &["RULE:[1:$1]"],
    &["RULE:[1:$1@$0]"],
    &["RULE:[2:$1]"],
    &["RULE:[2:$2]"],
    &["RULE:[2:$1/$2]"],
    &["RULE:[3:$1-$2-$3]"],
    &["RULE:[1:x$1y]"],
    &["RULE:[1:$0]"],
    &["RULE:[1:]"],
    &["RULE:"],
    &["RULE:(.*)"],
    &["RULE:(alice.*)"],
    // The manual's.
    &[
        "RULE:[2:$1](johndoe)s/^.*$/guest/",
        "RULE:[2:$1;$2](^.*;admin$)s/;admin$//",
        "RULE:[2:$2](^.*;root)s/^.*$/root/",
        "DEFAULT",
    ],
    &[r"RULE:[1:$1@$0](^.*@USERS\.ORG$)s/@.*//", "DEFAULT"],
    &[r"RULE:[1:$1@$0](.*@EXAMPLE\.COM)s/@.*//"],
    &[r"RULE:[1:$1@$0](^[a-z]+@EXAMPLE\.COM$)s/@EXAMPLE\.COM$//"],
    // A regular expression must match all, the leftmost and longest way.
    &["RULE:[1:$1](al)", "RULE:[1:$1](al.*)"],
    &["RULE:[1:$1](ban|banana)"],
    &["RULE:[1:$1](alice|)"],
    &["RULE:[1:$1](a|al|ali|alice)s/a|al|ali/X/"],
    &["RULE:[1:$1](.*)s/a|ab//"],
    &["RULE:[1:$1](.*)s/ab|a//"],
    &["RULE:[1:$1](.*)s/an/AN/g"],
    &["RULE:[1:$1](.*)s/an/AN/"],
    &["RULE:[1:$1](.*)s/(an)*/X/"],
    &["RULE:[1:$1](.*)s/(an)+/X/"],
    &["RULE:[1:$1](.*)s/aa/b/g"],
    &["RULE:[1:$1](.*)s/l*//"],
    &["RULE:[1:$1](.*)s/a{2,3}/X/"],
    &["RULE:[1:$1](.*)s/a{2}/X/g"],
    &[r"RULE:[1:$1](.*)s/\./_/"],
    &[r"RULE:[1:$1](.*)s/\.//g", "DEFAULT"],
    &["RULE:[1:$1](.*)s/[.]/_/"],
    &["RULE:[1:$1](.*)s/[^a-z]//g"],
    &["RULE:[1:$1](.*)s/[]a]/X/g"],
    &["RULE:[1:$1](.*)s/[a-]/X/g"],
    &["RULE:[1:$1]([a-c]{3})"],
    &["RULE:[1:$1]([[:alpha:]]+)"],
    &["RULE:[1:$1]([[:alnum:]]+)s/[[:digit:]]/N/g"],
    &["RULE:[1:$1]([[:upper:]][[:lower:]]+.*)"],
    &["RULE:[1:$1](a.*)s/$/x/"],
    &["RULE:[1:$1](a.*)s/^/x/"],
    &["RULE:[1:$1](a.*)s/^a/x/g"],
    &["RULE:[1:$1](^a.*)"],
    &["RULE:[1:$1](.*e$)"],
    &["RULE:[1:$1](a?b?c?)"],
    &["RULE:[1:$1](.....)"],
    &["RULE:[1:$1](.*)s/./x/g"],
    &["RULE:[1:$1](.*)s/.$//"],
    &["RULE:[1:$1](.*)s/a/b/s/b/c/"],
    &["RULE:[1:$1](.*)s/a/b/g s/b/c/"],
    &["RULE:[1:$1](.*)s/a/b/gs/b/c/g"],
    &["RULE:[1:$1](.*)s/a/&&/"],
    &["RULE:[1:$1](.*)s/al/a.l/"],
    // The first that applies decides, whatever it gives.
    &[
        "RULE:[1:$1](alice)s/alice/bob/",
        "RULE:[1:$1](alice)",
        "DEFAULT",
    ],
    &["RULE:[1:$1](nobody)", "DEFAULT", "RULE:[2:$1]"],
    &["RULE:[1:$1](alice)s/^.*$/root/"],
    &["RULE:[1:$1](.*)s/.*//"],
    &["RULE:[0:$0]"],
    // What is no rule, or means nothing.
    &["RULE:[1:$3]"],
    &["RULE:[1:$1"],
    &["RULE:[x:$1]"],
    &["RULE:[1:$1](a"],
    &["RULE:[1:$1](a[)"],
    &["RULE:[1:$1](*a)"],
    &["RULE:[1:$1](a**)"],
    &["RULE:[1:$1](.*)s/a"],
    &["RULE:[1:$1](.*)s/a/b"],
    &["RULE:[1:$1](.*)x"],
    &["RULE:[1:$1$$]"],
    &["RULE:[1:$1]((a)(b)(c))"],
    &["RULE:[1:$1]/L"],
    &["FOO:x"],
];

/// What becomes of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Name(String),
    NoRule,
    /// The rules, or this one, cannot be used.
    Error,
    /// Of ours alone: the name is one that no rule may give.
    Refused(String),
}

fn ours(rules: &[&str], names: &[(&str, &str)], principal: &str) -> Answer {
    let mut map = LocalNames::new(REALM);
    if !rules.is_empty() {
        map = match map.rules(rules.iter().copied()) {
            Ok(map) => map,
            Err(_) => return Answer::Error,
        };
    }
    for (name, local) in names {
        map = map.name(Principal::parse(name, Some(REALM)).unwrap(), *local);
    }
    match map.map(&Principal::parse(principal, None).unwrap()) {
        Ok(name) => Answer::Name(name),
        Err(NoLocalName::NoRule) => Answer::NoRule,
        Err(NoLocalName::Unsafe { name, .. }) => Answer::Refused(name),
        Err(other) => panic!("{other}"),
    }
}

/// `None` and `not run` without Python or MIT's library.
fn theirs(cases: &[Value]) -> Option<Vec<Vec<Answer>>> {
    let python = program_or_not_run("local names beside MIT krb5", "python3")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/local_name.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({ "realm": REALM, "cases": cases }).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(asked.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("libkrb5.so.3") {
        println!("not run: local names beside MIT krb5: its library is not installed");
        return None;
    }
    assert!(output.status.success(), "{said}");
    let found: Vec<Vec<Value>> = serde_json::from_slice(&output.stdout).unwrap();
    let answer = |value: Value| match value {
        Value::String(name) => Answer::Name(name),
        Value::Null => Answer::NoRule,
        _ => Answer::Error,
    };
    let rows = found
        .into_iter()
        .map(|row| row.into_iter().map(answer).collect());
    Some(rows.collect())
}

/// The names that MIT's rules give here and ours never do (security case 16): empty, with `@` or
/// `/`, like an option, a number, or the superuser's.
const UNSAFE: &[&str] = &[
    "",
    "-b_c",
    "-r",
    "-rf",
    "-rf@EXAMPLE.COM",
    "0x1",
    "0x10",
    "0x10@EXAMPLE.COM",
    "100",
    "1000",
    "1000@EXAMPLE.COM",
    "Alice.Smith@EXAMPLE.COM",
    "ROOT",
    "ROOT@EXAMPLE.COM",
    "Xbob/x",
    "Xbob@corp",
    "a-b_c@EXAMPLE.COM",
    "a/b/c",
    "aaaa@EXAMPLE.COM",
    "abc@EXAMPLE.COM",
    "alice/admin",
    "alice@EXAMPLE.COM",
    "alice@USERS.ORG",
    "alice@example.com",
    "banana@EXAMPLE.COM",
    "bob/",
    "bob/x",
    "bob/x@EXAMPLE.COM",
    "bob@cor",
    "bob@corp",
    "bob@corp@EXAMPLE.COM",
    "bob\\/x",
    "cob/x",
    "cob@corp",
    "coc/x",
    "coc@corp",
    "host/web.example.com",
    "root",
    "root/admin",
    "root@EXAMPLE.COM",
    "webserver$@EXAMPLE.COM",
    "xbob/xy",
    "xbob@corpy",
];

/// What is no rule. Ours says so when the rules are read; MIT's says nothing until the rule is
/// asked, passes over one whose expression it cannot compile, and maps by the others.
const NO_RULES: &[&str] = &[
    "RULE:[0:$0]",
    "RULE:[1:$3]",
    "RULE:[1:$1",
    "RULE:[x:$1]",
    "RULE:[1:$1](a",
    "RULE:[1:$1](a[)",
    "RULE:[1:$1](*a)",
    "RULE:[1:$1](.*)s/a",
    "RULE:[1:$1](.*)s/a/b",
    "RULE:[1:$1](.*)x",
    // MIT's expression ends at the first `)`, so that parentheses in parentheses mean nothing.
    "RULE:[1:$1]((a)(b)(c))",
    "FOO:x",
];

/// Rules about which we differ, each with the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "RULE:[1:$1$$]",
        "a `$` without a number is refused; MIT puts the realm there",
    ),
    ("RULE:[1:$1]/L", "Kafka's: MIT has none"),
];

#[test]
fn file_32_rules_give_what_mit_gives() {
    let cases: Vec<Value> = RULES
        .iter()
        .map(|rules| json!({ "rules": rules, "names": [], "principals": PRINCIPALS }))
        .collect();
    let Some(theirs) = theirs(&cases) else { return };
    let mut wrong = Vec::new();
    let mut compared = 0;
    let (mut refused, mut differ) = (
        std::collections::BTreeSet::new(),
        std::collections::BTreeSet::new(),
    );
    for (rules, theirs) in RULES.iter().zip(theirs) {
        for (principal, theirs) in PRINCIPALS.iter().zip(theirs) {
            compared += 1;
            let ours = ours(rules, &[], principal);
            if ours == theirs {
                continue;
            }
            match (&ours, &theirs) {
                (Answer::Refused(ours), Answer::Name(theirs)) if ours == theirs => {
                    refused.insert(ours.clone());
                    continue;
                }
                _ => {}
            }
            // Refused as a whole, and never a name with MIT.
            let none = rules.iter().any(|rule| NO_RULES.contains(rule));
            if none && ours == Answer::Error && !matches!(theirs, Answer::Name(_)) {
                continue;
            }
            if let Some((rule, _)) = DIFFERENCES.iter().find(|(rule, _)| rules.contains(rule)) {
                differ.insert(*rule);
                continue;
            }
            wrong.push(format!(
                "{rules:?} {principal}: ours {ours:?}, theirs {theirs:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}:\n{}\nrefused {refused:?}",
        wrong.len(),
        wrong.join("\n")
    );
    let expected: std::collections::BTreeSet<String> =
        UNSAFE.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(refused, expected);
    assert_eq!(differ.len(), DIFFERENCES.len());
}

/// An explicit name is for one principal (security case 16); MIT's is for a name in any realm.
#[test]
fn file_32_and_case_016_explicit_names() {
    let names = [("alice", "asmith")];
    let principals = [
        "alice@EXAMPLE.COM",
        "alice/admin@EXAMPLE.COM",
        "bob@EXAMPLE.COM",
    ];
    let case = |rules: &[&str]| json!({ "rules": rules, "names": names, "principals": principals });
    let Some(theirs) = theirs(&[case(&[]), case(&["DEFAULT"])]) else {
        return;
    };
    for (rules, theirs) in [&[][..], &["DEFAULT"][..]].iter().zip(theirs) {
        for (principal, theirs) in principals.iter().zip(theirs) {
            let ours = ours(rules, &names, principal);
            // Beside names, DEFAULT has to be said.
            if rules.is_empty() && *principal == "bob@EXAMPLE.COM" {
                assert_eq!(
                    (ours, theirs),
                    (Answer::NoRule, Answer::Name("bob".to_owned()))
                );
            } else {
                assert_eq!(ours, theirs, "{rules:?} {principal}");
            }
        }
    }
    assert_eq!(ours(&[], &names, "alice@USERS.ORG"), Answer::NoRule);
}
