//! auth_to_local: rules, a line each, before the first NUL, and a principal behind it.
//!
//! The rules are the operator's, not a peer's: what they hold is bounded by the program of an
//! expression, and not by the length of their text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::local_name::LocalNames;
use orthros::principal::Principal;
use orthros_fuzz::say;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (rules, name) = text
        .split_once('\0')
        .unwrap_or((text, "alice@EXAMPLE.TEST"));
    let Ok(principal) = Principal::parse(name, Some("EXAMPLE.TEST")) else {
        return;
    };
    match LocalNames::new("EXAMPLE.TEST").rules(rules.lines()) {
        Ok(names) => match names.map(&principal) {
            Ok(local) => {
                assert!(
                    !local.is_empty() && !local.contains(['@', '/', '\0']),
                    "{local:?}"
                );
                assert_ne!(local, "root");
            }
            Err(none) => say(&none),
        },
        Err(error) => say(&error),
    }
});
