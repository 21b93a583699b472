//! A keytab: what parses, is written and parsed again is the same, and no error shows a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::keytab::{Keytab, KeytabEntry};
use orthros_fuzz::recorded::{SERVICE, service};
use orthros_fuzz::{ENCTYPES, bounded, hides, key, refused, say_rejection};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let (mut keytab, broken) = Keytab::parse_lossy(input, "FILE:fuzz.keytab");
    match Keytab::parse(input, "FILE:fuzz.keytab") {
        Ok(_) => assert!(broken.is_none()),
        Err(error) => refused(&error, &[&SERVICE]),
    }
    hides(&format!("{keytab:?}"), &[&SERVICE]);

    let written = keytab.to_bytes();
    let again = Keytab::parse(written.expose(), "FILE:again").expect("what we write");
    assert_eq!(again.to_bytes().expose(), written.expose());
    assert!(again.entries().eq(keytab.entries()), "other entries");
    assert!(again.unreadable().eq(keytab.unreadable()));

    for principal in keytab.principals().into_iter().take(2) {
        let newest = keytab.newest_kvno(principal);
        assert!(newest.is_some());
        std::hint::black_box(keytab.newest_keys(principal).len());
        for enctype in [ENCTYPES[1], ENCTYPES[4]] {
            for kvno in [None, newest] {
                if let Err(rejection) = keytab.find(principal, kvno, enctype) {
                    say_rejection(rejection);
                }
            }
        }
    }

    // A change keeps everything else.
    let before: Vec<KeytabEntry> = keytab.entries().map(|(_, entry)| entry.clone()).collect();
    let principal = service();
    let entry = KeytabEntry::new(principal, 7, key(ENCTYPES[0]), 1);
    if keytab.add(entry.clone()).is_ok() {
        let octets = keytab.to_bytes();
        let written = Keytab::parse(octets.expose(), "FILE:changed").expect("what we write");
        let mut after: Vec<KeytabEntry> = written.entries().map(|(_, e)| e.clone()).collect();
        let at = after.iter().position(|found| *found == entry);
        after.remove(at.expect("the new entry"));
        assert_eq!(after, before);
        let (index, _) = written
            .entries()
            .find(|(_, found)| **found == entry)
            .expect("the new entry");
        assert!(keytab.remove(index));
        assert_eq!(keytab.entries().count(), before.len());
    }
}));
