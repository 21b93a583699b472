//! The rules of the manual, POSIX's expressions, and names that no rule may give.

use proptest::prelude::*;

use super::ere::Ere;
use super::{LocalNames, NoLocalName, Rule, RuleError};
use crate::principal::Principal;

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

fn rules(rules: &[&str]) -> LocalNames {
    let names = LocalNames::new("ATHENA.MIT.EDU");
    names.rules(rules.iter().copied()).unwrap()
}

fn mapped(names: &LocalNames, text: &str) -> Option<String> {
    names.map(&principal(text)).ok()
}

fn fault(rule: &str) -> (usize, &'static str) {
    let RuleError {
        rule: said,
        at,
        why,
    } = rule.parse::<Rule>().unwrap_err();
    assert_eq!(said, rule);
    (at, why)
}

/// The section of krb5.conf that MIT's manual explains. Its third rule asks for a `;` that its
/// string does not hold, and so applies to nothing; as it is meant, it is `(^root$)`.
#[test]
fn file_32_examples_of_the_manual() {
    let manual = [
        "RULE:[2:$1](johndoe)s/^.*$/guest/",
        "RULE:[2:$1;$2](^.*;admin$)s/;admin$//",
        "RULE:[2:$2](^.*;root)s/^.*$/root/",
        "DEFAULT",
    ];
    let as_printed = rules(&manual).permit("root");
    let mut meant = manual;
    meant[2] = "RULE:[2:$2](^root$)s/^.*$/root/";
    let as_meant = rules(&meant).permit("root");
    for (name, printed, meant) in [
        ("alice@ATHENA.MIT.EDU", Some("alice"), Some("alice")),
        ("alice/admin@ATHENA.MIT.EDU", Some("alice"), Some("alice")),
        ("johndoe/admin@ATHENA.MIT.EDU", Some("guest"), Some("guest")),
        ("johndoe/x@ATHENA.MIT.EDU", Some("guest"), Some("guest")),
        ("alice/root@ATHENA.MIT.EDU", None, Some("root")),
        ("alice/other@ATHENA.MIT.EDU", None, None),
        ("alice@OTHER.EDU", None, None),
        ("a/b/c@ATHENA.MIT.EDU", None, None),
    ] {
        assert_eq!(mapped(&as_printed, name).as_deref(), printed, "{name}");
        assert_eq!(mapped(&as_meant, name).as_deref(), meant, "{name}");
    }
    // "if the principal was johndoe/admin then [2:$2$1foo] would result in adminjohndoefoo"
    let names = rules(&["RULE:[2:$2$1foo]"]);
    let name = "johndoe/admin@ATHENA.MIT.EDU";
    assert_eq!(mapped(&names, name).as_deref(), Some("adminjohndoefoo"));
}

#[test]
fn file_32_default_is_for_one_component_of_the_local_realm() {
    for names in [
        LocalNames::new("R"),
        LocalNames::new("R").rules(["DEFAULT"]).unwrap(),
    ] {
        assert_eq!(mapped(&names, "alice@R").as_deref(), Some("alice"));
        for name in [
            "alice@S",
            "alice@r",
            "alice/R@R",
            "alice/admin@R",
            "a/b/c@R",
        ] {
            assert_eq!(names.map(&principal(name)), Err(NoLocalName::NoRule));
        }
    }
    // No rule at all: no name at all.
    let none = LocalNames::new("R").rules([]).unwrap();
    assert_eq!(mapped(&none, "alice@R"), None);
}

#[test]
fn file_32_rules_in_order() {
    let names = rules(&[
        "RULE:[1:$1@$0](.*@A)s/@.*/.a/",
        "RULE:[1:$1@$0](b.*@.*)s/@.*//",
        "RULE:[1:$1@$0](.*@B)s/@.*/.b/",
    ]);
    assert_eq!(mapped(&names, "bob@A").as_deref(), Some("bob.a"));
    assert_eq!(mapped(&names, "bob@B").as_deref(), Some("bob"));
    assert_eq!(mapped(&names, "eve@B").as_deref(), Some("eve.b"));
    assert_eq!(mapped(&names, "eve@C"), None);
}

#[test]
fn file_32_parts_of_a_rule() {
    let one = |rule: &str, name: &str| mapped(&rules(&[rule]), name);
    for (rule, name, local) in [
        // Several substitutions, with blanks between them; the first match, and every one.
        ("RULE:[1:$1]s/a/b/", "aaa@R", Some("baa")),
        ("RULE:[1:$1]s/a/b/g", "aaa@R", Some("bbb")),
        ("RULE:[1:$1]s/a/b/gs/b/c/", "aaa@R", Some("cbb")),
        ("RULE:[1:$1] s/a/b/  s/b/c/g", "aba@R", Some("cca")),
        ("RULE:[1:$1]s/x//", "axb@R", Some("ab")),
        // What is put in is text: nothing in it has a meaning.
        ("RULE:[1:$1]s/x/$1\\&/", "x@R", Some("$1\\&")),
        // Behind a match begins a new text, as with MIT krb5.
        ("RULE:[1:$1]s/^a/b/g", "aac@R", Some("bbc")),
        // A match of nothing.
        ("RULE:[1:$1]s/x*/-./g", "abc@R", None),
        ("RULE:[1:$1]s/x*/_/g", "abc@R", Some("_a_b_c")),
        ("RULE:[1:$1]s/$/.x/", "abc@R", Some("abc.x")),
        // The expression matches all of the string or not at all.
        ("RULE:[1:$1](b)", "abc@R", None),
        ("RULE:[1:$1](.b.)", "abc@R", Some("abc")),
        ("RULE:[1:$1](a|abc)", "abc@R", Some("abc")),
        ("RULE:[1:$1]()", "abc@R", None),
        // Without a string it is the name without the realm.
        ("RULE:(a.*)s/x/y/", "ax@R", Some("ay")),
        ("RULE:s/.*/guest/", "a/b@R", Some("guest")),
        // Numbers of components, and which of them.
        ("RULE:[3:$3.$2.$1.$0]", "a/b/c@R", Some("c.b.a.R")),
        ("RULE:[3:$3]", "a/b@R", None),
        ("RULE:[1:x]", "a@R", Some("x")),
        // Kafka's letters.
        ("RULE:[1:$1]/L", "Alice@R", Some("alice")),
        ("RULE:[1:$1]/U", "Alice@R", Some("ALICE")),
        ("RULE:[1:$1](.*)s/A/B//L", "AliceA@R", Some("blicea")),
        ("RULE:[1:$1](.*)s/A/B/g/L", "AliceA@R", Some("bliceb")),
        ("RULE:[1:$1](.*)s/a/b/g/U", "aaa@R", Some("BBB")),
        // KELVIN SIGN does not become a k.
        ("RULE:[1:$1]/L", "\u{212a}evin@R", Some("\u{212a}evin")),
    ] {
        assert_eq!(one(rule, name).as_deref(), local, "{rule} {name}");
    }
}

#[test]
fn file_32_rules_that_are_none() {
    for rule in [
        "",
        "default",
        "DEFAULT ",
        "RULE",
        "RULE:",
        "RULE: ",
        "DB:/etc/x",
        "/L",
        "RULE:x",
        "RULE:/L",
    ] {
        assert!(rule.parse::<Rule>().is_err(), "{rule:?}");
    }
    let open = "RULE:[1:$1";
    assert_eq!(fault(open), (10, "the bracket is not closed"));
    assert_eq!(fault("RULE:[1:$2]"), (8, "there is no such component"));
    assert_eq!(fault("RULE:[1:$x]"), (8, "no number behind the $"));
    assert_eq!(fault("RULE:[x:$1]").1, "not a number of components");
    assert_eq!(fault("RULE:[-1:$1]").1, "not a number of components");
    assert_eq!(
        fault("RULE:[1]").1,
        "no colon behind the number of components"
    );
    assert_eq!(
        fault("RULE:[1:$1](a"),
        (11, "the parenthesis is not closed")
    );
    let why = "not s/regex/text/ with an optional g, /L or /U";
    for rule in [
        "RULE:[1:$1](a)b",
        "RULE:[1:$1]s/a",
        "RULE:[1:$1]s/a/b",
        "RULE:[1:$1]s/a/b/x",
        "RULE:[1:$1]s/a/b/gg",
        "RULE:[1:$1]/l",
        "RULE:[1:$1]/L/U",
        "RULE:[1:$1]/Ls/a/b/",
    ] {
        assert_eq!(fault(rule).1, why, "{rule}");
    }
}

#[test]
fn case_016_names_that_no_rule_gives() {
    let all = rules(&["RULE:[1:$1]", "RULE:[1:$1]s/.*/fallback/"]);
    for name in [
        "root",
        "Root",
        "ROOT",
        "a\\@b",
        "a\\/b",
        "0",
        "1000",
        "+5",
        "0x0",
        "0X3e8",
        "0x",
        "+",
        "-1",
        "-l",
        ".",
        "..",
        "a b",
        "a\\tb",
        "a\\nb",
        "a:b",
        "a,b",
        "\u{661}\u{662}",
    ] {
        let name = principal(&format!("{name}@ATHENA.MIT.EDU"));
        for names in [&all, &LocalNames::new("ATHENA.MIT.EDU")] {
            let verdict = names.map(&name);
            assert!(
                matches!(verdict, Err(NoLocalName::Unsafe { .. })),
                "{name}: {verdict:?}"
            );
        }
    }
    let empty = rules(&["RULE:[1:$1]s/.*//", "DEFAULT"]);
    let why = empty.map(&principal("alice@ATHENA.MIT.EDU")).unwrap_err();
    assert!(matches!(why, NoLocalName::Unsafe { ref name, .. } if name.is_empty()));
    for name in [
        "alice", "a1", "1a", "0xg", "root2", "a-b", "a.b", "_x", "a$", "DOM\\\\a",
    ] {
        let name = format!("{name}@ATHENA.MIT.EDU");
        assert!(mapped(&all, &name).is_some(), "{name}");
    }
}

/// What the operator says of one principal, or lets through by name, is his word.
#[test]
fn case_016_what_the_operator_says() {
    let names = LocalNames::new("R").name(principal("admin@R"), "root");
    assert_eq!(mapped(&names, "admin@R").as_deref(), Some("root"));
    // It is of this principal: not of its name in another realm, as with MIT krb5.
    assert_eq!(mapped(&names, "admin@S"), None);
    let names = rules(&["RULE:[2:$2]"]).permit("root");
    assert_eq!(mapped(&names, "a/root@R").as_deref(), Some("root"));
    assert_eq!(mapped(&names, "a/Root@R"), None);
    assert_eq!(mapped(&names, "a/1@R"), None);
}

/// The default rule is off where the realm is another's, and where anything stricter is said.
#[test]
fn case_016_the_default_rule_is_no_fallback() {
    assert_eq!(mapped(&LocalNames::new("R"), "alice@S"), None);
    let names = LocalNames::new("R").name(principal("bob@R"), "bob");
    assert_eq!(mapped(&names, "bob@R").as_deref(), Some("bob"));
    assert_eq!(mapped(&names, "alice@R"), None);
    let names = LocalNames::new("R").rules(["RULE:[2:$1]"]).unwrap();
    assert_eq!(mapped(&names, "alice@R"), None);
    // Listed, it is a rule like others.
    let names = names.rules(["DEFAULT"]).unwrap();
    assert_eq!(mapped(&names, "alice@R").as_deref(), Some("alice"));
    // The rule that applies decides, though its name is refused.
    let names = rules(&["RULE:[1:$1](a.*)s/.*/root/", "RULE:[1:guest]"]);
    assert!(matches!(
        names.map(&principal("alice@R")),
        Err(NoLocalName::Unsafe { .. })
    ));
    assert_eq!(mapped(&names, "bob@R").as_deref(), Some("guest"));
}

#[test]
fn case_016_long_names() {
    let names = rules(&["RULE:[1:$1]s/a/aaaaaaaaaaaaaaaa/g"]);
    let long = |length: usize| format!("{}@ATHENA.MIT.EDU", "a".repeat(length));
    assert_eq!(mapped(&names, &long(16)).unwrap().len(), 256);
    assert_eq!(names.map(&principal(&long(17))), Err(NoLocalName::TooLong));
    assert_eq!(names.map(&principal(&long(257))), Err(NoLocalName::TooLong));
    let verdict = LocalNames::new("ATHENA.MIT.EDU").map(&principal(&long(257)));
    assert!(matches!(verdict, Err(NoLocalName::Unsafe { .. })));
}

fn find(regex: &str, text: &str) -> Option<(usize, usize)> {
    Ere::new(regex)
        .unwrap_or_else(|why| panic!("{regex}: {why}"))
        .find(text)
}

/// POSIX: the leftmost match, and of those the longest.
#[test]
fn expressions_match_leftmost_and_longest() {
    for (regex, text, found) in [
        ("a|ab", "xab", Some((1, 3))),
        ("(a|ab)(c|bcd)", "abcd", Some((0, 4))),
        ("a*", "baa", Some((0, 0))),
        ("a+", "baab", Some((1, 3))),
        ("a?b?", "ab", Some((0, 2))),
        ("(ab){2}", "ababab", Some((0, 4))),
        ("a{2,}", "aaaa", Some((0, 4))),
        ("a{,2}", "aaaa", Some((0, 2))),
        ("a{1,3}b", "aaaab", Some((1, 5))),
        ("(a*)*b", "aaab", Some((0, 4))),
        ("()", "a", Some((0, 0))),
        ("", "a", Some((0, 0))),
        ("(|a)b", "ab", Some((0, 2))),
        ("a**", "aa", Some((0, 2))),
        ("a{2}{2}", "aaaaa", Some((0, 4))),
        ("(){255}a", "a", Some((0, 1))),
        ("^a", "ba", None),
        ("a$", "ab", None),
        ("a^b|b$", "ab", Some((1, 2))),
        ("x|^b", "ab", None),
        ("^$", "", Some((0, 0))),
        ("[b-d]+", "abcde", Some((1, 4))),
        ("[^b]", "ba", Some((1, 2))),
        ("[]a]+", "]a[", Some((0, 2))),
        ("[^]a]", "]ab", Some((2, 3))),
        ("[a-]+", "-a-b", Some((0, 3))),
        ("[\\.]+", "a\\.b", Some((1, 3))),
        ("[[:alpha:]_]+", "1a_Z9", Some((1, 4))),
        ("[^[:digit:]]", "12x", Some((2, 3))),
        ("\\.", "a.b", Some((1, 2))),
        (".", "ä", Some((0, 2))),
        ("ä+", "xääy", Some((1, 5))),
        ("a)", "a)", Some((0, 2))),
        ("a}", "a}", Some((0, 2))),
    ] {
        assert_eq!(find(regex, text), found, "{regex} {text}");
    }
}

#[test]
fn expressions_that_mean_nothing() {
    for regex in [
        "*a",
        "+",
        "?",
        "{1}",
        "(*a)",
        "a|*",
        "^*",
        "$+",
        "(",
        "(a",
        "a(b|c",
        "[",
        "[a",
        "[]",
        "[^]",
        "[b-a]",
        "[[:nope:]]",
        "[[:alpha:]",
        "[[.a.]]",
        "[[=a=]]",
        "[a-[:alpha:]]",
        "\\",
        "a\\",
        "\\d",
        "\\w",
        "\\b",
        "\\1",
        "\\<",
        "\\`",
        "a{",
        "a{x}",
        "a{1",
        "a{2,1}",
        "a{,}",
        "a{256}",
        "a{-1}",
        "a{255}{255}",
        "(a{255}){255}",
    ] {
        assert!(Ere::new(regex).is_err(), "{regex}");
    }
    for nested in ["(".repeat(10_000), format!("a{}", "*".repeat(10_000))] {
        assert!(Ere::new(&nested).is_err());
    }
    let empty = "(".repeat(49) + &"){255}".repeat(49);
    assert!(Ere::new(&empty).is_ok());
}

/// One pass over the text: what makes others backtrack for ever is done at once.
#[test]
fn expressions_take_no_longer_than_text_times_size() {
    let regex = Ere::new("(a*)*(a|aa)+b?(a?){200}c").unwrap();
    assert_eq!(regex.find(&"a".repeat(5000)), None);
}

proptest! {
    #[test]
    fn file_32_any_rule_and_any_principal(rule in "RULE:\\[[0-3]:[$0-3a]{0,6}\\](\\([ab.*|^$]{0,6}\\))?(s/[ab.*()|^$\\[\\]{}1,-]{0,8}/[abr]{0,3}/g?){0,3}(/[LU])?", name in "[ab@/0\\-]{1,8}") {
        let Ok(rules) = LocalNames::new("R").rules([rule.as_str()]) else {
            return Ok(());
        };
        let Ok(name) = Principal::new("R", crate::wire::NameType::PRINCIPAL, [name]) else {
            return Ok(());
        };
        if let Ok(local) = rules.map(&name) {
            prop_assert!(!local.is_empty() && local != "root");
            prop_assert!(!local.contains(['@', '/']));
        }
    }

    #[test]
    fn any_text_is_a_rule_or_an_error(text: String) {
        let _ = text.parse::<Rule>();
        let _ = format!("RULE:{text}").parse::<Rule>();
        let _ = Ere::new(&text).map(|regex| regex.find(&text));
    }
}
