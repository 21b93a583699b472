//! Security case 118: nothing that is printed, logged or serialised holds a run of four octets of a
//! key or password, in any notation. And every public type that holds a secret and can be printed
//! is among what is printed here.

mod carriers;
mod exchange;
mod guard;
mod parties;

use std::sync::OnceLock;

use orthros::time::Timestamp;
use orthros_tests::secrecy::{Listener, Shown, found, index, needles};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PASSWORD: &str = "Wq7#zX9!kJ4_vT2%";
/// What is said in the sessions: it is as secret as a key.
const MESSAGE: &[u8] = b"\xF1\x07^9~Q\xB3\x1Fz&\xD8%\x02\xC4+6\xEE|";

/// Every value of every type, printed; and what was traced at every level meanwhile, in every
/// thread.
fn everything() -> &'static Shown {
    static SHOWN: OnceLock<Shown> = OnceLock::new();
    SHOWN.get_or_init(|| {
        let listener = Listener::default();
        tracing::subscriber::set_global_default(listener.clone()).expect("nobody listens yet");
        let mut shown = Shown::default();
        shown.secrets.push(MESSAGE.to_vec());
        let world = exchange::exchange(&mut shown);
        parties::parties(&mut shown, &world);
        carriers::carriers(&mut shown, &world);
        shown.text("the trace", listener.heard());
        shown
    })
}

#[test]
fn case_118_nothing_printed_holds_a_key_or_password() {
    let shown = everything();
    assert!(shown.secrets.len() > 8, "{} secrets", shown.secrets.len());
    assert!(shown.texts.len() > 300, "{} texts", shown.texts.len());
    let leaks = shown.leaks();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn case_118_every_public_type_that_holds_a_secret_is_scanned() {
    let (secret, missing) = guard::missing(&everything().types);
    assert!(secret.len() > 30, "{secret:?}");
    assert!(
        missing.is_empty(),
        "these hold a secret and are not scanned:\n{}",
        missing.join("\n")
    );
}

#[test]
fn the_scan_finds_every_notation() {
    let secret = vec![0x9f, 0x03, 0xd2, 0x41, 0x7e, 0xb5, 0x18, 0xc6];
    let needles = needles(std::slice::from_ref(&secret));
    let index = index(&needles);
    for leak in [
        format!("{secret:?}"),
        format!("{secret:#?}"),
        format!("{secret:x?}"),
        "key 9f03d2417eb518c6".to_owned(),
        "KEY 9F:03:D2:41".to_owned(),
        "d2 41 7e b5".to_owned(),
        "0xd2, 0x41, 0x7e, 0xb5".to_owned(),
        "nwPSQX61GMY=".to_owned(),
        // "x" and "xx" before it.
        "eJ8D0kF+tRjG".to_owned(),
        "eHifA9JBfrUYxg==".to_owned(),
        secret.escape_ascii().to_string(),
    ] {
        assert!(!found(&leak, &index).is_empty(), "{leak}");
    }
    assert!(found("nothing of the kind, 9f03d2, 1234", &index).is_empty());
}
