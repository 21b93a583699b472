//! Names as text: what parses, prints, and parses again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::principal::Principal;
use orthros_fuzz::{bounded, say};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for realm in [None, Some("EXAMPLE.TEST")] {
        match Principal::parse(text, realm) {
            Ok(name) => {
                let printed = name.to_string();
                let again = Principal::parse(&printed, None).expect("what we print");
                assert_eq!(again, name, "{printed:?}");
                assert_eq!(again.to_string(), printed);
                std::hint::black_box((name.default_salt(), name.is_krbtgt()));
                let wire = Principal::from_wire(&name.realm_to_wire(), &name.to_wire());
                assert_eq!(wire.expect("our own"), name);
            }
            Err(error) => say(&error),
        }
    }
}));
