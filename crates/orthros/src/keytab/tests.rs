//! Keytabs of MIT krb5, Heimdal and Samba; what a damaged file may do; what must not get out.

use proptest::prelude::*;
use serde_json::Value;

use super::{Keytab, KeytabEntry};
use crate::crypto::{Enctype, Key};
use crate::error::{Error, FileError, KeyVerdict, Rejection};
use crate::principal::Principal;
use crate::wire::ErrorCode;

const AES256: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
const AES128: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../vectors/", $name))
    };
}

const FULL: &[u8] = vector!("keytab/full.keytab");
const HOLES: &[u8] = vector!("keytab/holes.keytab");
const REUSED: &[u8] = vector!("keytab/reused.keytab");
const MIXED: &[u8] = vector!("keytab/mixed.keytab");
const HEIMDAL: &[u8] = vector!("keytab/heimdal.keytab");
const FILES: [(&str, &[u8]); 5] = [
    ("full", FULL),
    ("holes", HOLES),
    ("reused", REUSED),
    ("mixed", MIXED),
    ("heimdal", HEIMDAL),
];
/// Whose keys are in the manifest of their domain.
const SAMBA: [(&str, &[u8]); 4] = [
    (
        "keytabs/aes128svc.keytab",
        vector!("pac/ad.example.test/keytabs/aes128svc.keytab"),
    ),
    (
        "keytabs/alice.keytab",
        vector!("pac/ad.example.test/keytabs/alice.keytab"),
    ),
    (
        "keytabs/krbtgt.keytab",
        vector!("pac/ad.example.test/keytabs/krbtgt.keytab"),
    ),
    (
        "keytabs/websvc.keytab",
        vector!("pac/ad.example.test/keytabs/websvc.keytab"),
    ),
];

fn expected() -> Value {
    serde_json::from_slice(vector!("keytab/expected.json")).unwrap()
}

fn parse(octets: &[u8]) -> Keytab {
    Keytab::parse(octets, "test.keytab").unwrap()
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn entry(name: &str, kvno: u32, timestamp: u32) -> KeytabEntry {
    let key = Key::new(AES256, &[kvno as u8; 32]).unwrap();
    KeytabEntry::new(principal(name), kvno, key, timestamp)
}

fn keytab(entries: impl IntoIterator<Item = KeytabEntry>) -> Keytab {
    let mut keytab = Keytab::new();
    for entry in entries {
        keytab.add(entry).unwrap();
    }
    keytab
}

fn file_error(error: Error) -> FileError {
    match error {
        Error::File(error) => *error,
        other => panic!("{other:?}"),
    }
}

/// A record of an entry, without its length.
fn record(kvno: u8, behind: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 1, b'R', 0, 1, b'x', 0, 0, 0, 1, 0, 0, 0, 7, kvno];
    out.extend([0, 17, 0, 16]);
    out.extend([0xaa; 16]);
    out.extend(behind);
    out
}

fn file(records: &[(i32, &[u8])]) -> Vec<u8> {
    let mut out = vec![5, 2];
    for (length, octets) in records {
        out.extend(length.to_be_bytes());
        out.extend(*octets);
    }
    out
}

// -------------------------------------------------------------------------------------- reading

#[test]
fn file_01_reads_what_mit_and_heimdal_write() {
    let expected = expected();
    for (name, octets) in FILES {
        let keytab = parse(octets);
        let entries = expected[name].as_array().unwrap();
        assert!(!entries.is_empty());
        assert_eq!(keytab.len(), entries.len(), "{name}");
        assert_eq!(keytab.unreadable().count(), 0);
        for ((index, entry), (n, expected)) in keytab.entries().zip(entries.iter().enumerate()) {
            assert_eq!(index, n + 1);
            assert_eq!(entry.principal().to_string(), expected["principal"]);
            assert_eq!(u64::from(entry.timestamp()), expected["timestamp"]);
            assert_eq!(u64::from(entry.kvno()), expected["kvno"]);
            assert_eq!(i64::from(entry.enctype().0), expected["etype"]);
            assert_eq!(hex(entry.expose_key_octets()), expected["key"]);
            assert_eq!(entry.key().is_some(), entry.enctype().is_supported());
        }
    }
}

#[test]
fn file_01_reads_what_samba_writes() {
    let manifest: Value =
        serde_json::from_slice(vector!("pac/ad.example.test/manifest.json")).unwrap();
    for (name, octets) in SAMBA {
        let keytab = parse(octets);
        let expected = manifest["keytabs"][name].as_array().unwrap();
        assert_eq!(keytab.len(), expected.len(), "{name}");
        for ((_, entry), expected) in keytab.entries().zip(expected) {
            assert_eq!(entry.principal().to_string(), expected["principal"]);
            assert_eq!(u64::from(entry.kvno()), expected["kvno"]);
            assert_eq!(entry.enctype().name().unwrap(), expected["etype"]);
            assert_eq!(hex(entry.expose_key_octets()), expected["key"]);
        }
    }
}

#[test]
fn file_01_other_beginnings_are_refused() {
    for (octets, what) in [
        (&[5, 1, 0, 0][..], "version 1"),
        (&[5, 3], "a credential cache"),
        (&[5, 4, 0, 0], "a credential cache"),
        (&[5, 5], "not a keytab"),
        (b"PK\x03\x04", "not a keytab"),
        (b"\x05", "1 are left"),
        (b"", "0 are left"),
    ] {
        let error = file_error(Keytab::parse(octets, "/etc/x.keytab").unwrap_err());
        assert_eq!((error.path.as_str(), error.at), ("/etc/x.keytab", Some(0)));
        assert!(error.what.contains(what), "{error}");
    }
    assert!(parse(&[5, 2]).is_empty());
}

#[test]
fn file_02_holes_zero_and_long_records() {
    let entry = record(1, &[]);
    let length = entry.len() as i32;
    let mut long = entry.clone();
    long.extend([0; 9]);
    // Holes at the start, in the middle and at the end.
    let octets = file(&[
        (-3, &[1, 2, 3]),
        (length, &entry),
        (-1, &[9]),
        (length + 9, &long),
        (-2, &[0, 0]),
    ]);
    let keytab = parse(&octets);
    let indices: Vec<_> = keytab.entries().map(|(index, _)| index).collect();
    assert_eq!(indices, [1, 2]);
    // What was in a hole is no longer.
    let expected = file(&[
        (-3, &[0; 3]),
        (length, &entry),
        (-1, &[0]),
        (length + 9, &long),
        (-2, &[0; 2]),
    ]);
    assert_eq!(keytab.to_bytes().expose(), expected);
    // Zero ends the data, whatever follows.
    let ended = file(&[(length, &entry), (0, &[0xff; 30])]);
    assert_eq!(parse(&ended).len(), 1);
}

#[test]
fn file_03_which_kvno_counts() {
    for (behind, kvno) in [
        (&[][..], 7),
        (&[0, 0, 1], 7),
        (&[0, 0, 1, 44], 300),
        (&[0, 0, 0, 7, 0, 0], 7),
        // Padding.
        (&[0, 0, 0, 0], 7),
        (&[0; 12], 7),
        (&[0xff; 4], u32::MAX),
    ] {
        let record = record(7, behind);
        let keytab = parse(&file(&[(record.len() as i32, &record)]));
        assert_eq!(
            keytab.entries().next().unwrap().1.kvno(),
            kvno,
            "{behind:?}"
        );
    }
}

#[test]
fn file_07_a_truncated_record_names_its_offset_and_leaves_the_earlier_ones() {
    let keytab = parse(FULL);
    let mut ends = Vec::new();
    let mut at = 2;
    while at < FULL.len() {
        let length = i32::from_be_bytes(FULL[at..at + 4].try_into().unwrap());
        at += 4 + length as usize;
        ends.push(at);
    }
    for cut in 2..FULL.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let (lossy, error) = Keytab::parse_lossy(&FULL[..cut], "cut");
        assert_eq!(lossy.len(), whole, "{cut}");
        assert!(lossy.entries().eq(keytab.entries().take(whole)));
        if cut == 2 || ends.contains(&cut) {
            assert!(error.is_none(), "{cut}: {error:?}");
            continue;
        }
        let at = file_error(error.unwrap()).at.unwrap();
        let start = ends.get(whole.wrapping_sub(1)).copied().unwrap_or(2);
        assert!((start..=start + 4).contains(&at), "{cut}: {at}");
        assert!(Keytab::parse(&FULL[..cut], "cut").is_err());
    }
}

/// An entry's own lengths are checked against its record, not against the file.
#[test]
fn file_07_lengths_inside_a_record_do_not_reach_into_the_next() {
    let good = record(1, &[]);
    let mut bad = good.clone();
    // The length of the realm.
    bad[3] = 200;
    let octets = file(&[
        (good.len() as i32, &good),
        (bad.len() as i32, &bad),
        (good.len() as i32, &good),
        (-200, &[0; 200]),
    ]);
    let (keytab, error) = Keytab::parse_lossy(&octets, "bad");
    assert_eq!(keytab.len(), 1);
    let error = file_error(error.unwrap());
    assert_eq!(error.at, Some(2 + 4 + good.len() + 4 + 4));
    assert!(error.what.contains("realm takes 200 octets"), "{error}");
}

#[test]
fn case_116_record_sizes() {
    let good = record(1, &[]);
    let length = good.len() as i32;
    for size in [
        i32::MIN,
        i32::MIN + 1,
        i32::MAX,
        -length - 1,
        length + 1,
        -(1 << 30),
    ] {
        let octets = file(&[(length, &good), (size, &good)]);
        let (keytab, error) = Keytab::parse_lossy(&octets, "sizes");
        assert_eq!(keytab.len(), 1, "{size}");
        let error = file_error(error.unwrap());
        assert_eq!(error.at, Some(2 + 4 + good.len() + 4), "{size}");
    }
    for size in [0, -length] {
        let octets = file(&[(length, &good), (size, &good)]);
        assert_eq!(parse(&octets).len(), 1, "{size}");
    }
    // A record that is too small for any entry.
    for size in 1..length {
        let octets = file(&[(size, &good)]);
        assert!(Keytab::parse(&octets, "small").is_err(), "{size}");
    }
}

#[test]
fn case_117_every_prefix_and_every_length_field() {
    for (_, octets) in FILES.into_iter().chain(SAMBA) {
        for cut in 0..octets.len() {
            let _ = Keytab::parse(&octets[..cut], "prefix");
        }
        // Every place is a length field to somebody.
        for at in 0..octets.len() {
            for width in [1, 2, 4] {
                for value in [0u32, 1, u32::MAX, 0x7fff_ffff, 0x8000_0000] {
                    let mut changed = octets.to_vec();
                    let value = value.to_be_bytes();
                    for (to, from) in changed[at..].iter_mut().zip(&value[4 - width..]) {
                        *to = *from;
                    }
                    if let Ok(keytab) = Keytab::parse(&changed, "changed") {
                        let again = keytab.to_bytes();
                        assert!(again.len() <= octets.len());
                        assert_eq!(
                            Keytab::parse(again.expose(), "again").unwrap().len(),
                            keytab.len()
                        );
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn case_117_arbitrary_octets(mut octets in proptest::collection::vec(any::<u8>(), 2..300)) {
        octets[0] = 5;
        octets[1] = 2;
        let (keytab, _) = Keytab::parse_lossy(&octets, "arbitrary");
        let _ = format!("{keytab:?}");
        let written = keytab.to_bytes();
        prop_assert_eq!(parse(written.expose()).to_bytes(), written);
    }

    #[test]
    fn file_06_any_sequence_of_changes_leaves_a_valid_file(
        steps in proptest::collection::vec((0usize..6, 0usize..20), 0..40)
    ) {
        let mut keytab = Keytab::new();
        let mut names: Vec<String> = Vec::new();
        for (what, number) in steps {
            if what < 4 {
                let name = format!("{}@R", "n".repeat(number * 3 + 1));
                keytab.add(entry(&name, 1, 1)).unwrap();
                names.push(name);
            } else if keytab.remove(number) {
                names.clear();
                names.extend(keytab.entries().map(|(_, e)| e.principal().to_string()));
            } else {
                prop_assert!(number == 0 || number > keytab.len());
            }
            let written = parse(keytab.to_bytes().expose());
            prop_assert!(written.entries().eq(keytab.entries()));
            prop_assert_eq!(written.len(), names.len());
        }
    }
}

// -------------------------------------------------------------------------------------- writing

#[test]
fn file_02_what_was_read_is_written_octet_for_octet() {
    for (name, octets) in FILES.into_iter().chain(SAMBA) {
        assert_eq!(parse(octets).to_bytes().expose(), octets, "{name}");
    }
}

#[test]
fn file_04_both_kvno_fields_are_written() {
    let octets = keytab([entry("x@R", 300, 5)]).to_bytes();
    let record = &octets.expose()[6..];
    assert_eq!(record[16], 44);
    assert_eq!(record[record.len() - 4..], [0, 0, 1, 44]);
    assert_eq!(
        parse(octets.expose()).entries().next().unwrap().1.kvno(),
        300
    );
}

/// What we write for an entry is what MIT wrote for it.
#[test]
fn file_04_our_octets_are_those_of_mit() {
    let theirs = parse(MIXED);
    let ours = keytab(theirs.entries().map(|(_, entry)| entry.clone()));
    assert_eq!(ours.to_bytes().expose(), MIXED);
}

#[test]
fn file_06_holes_are_reused_as_mit_reuses_them() {
    let theirs = parse(REUSED);
    let added: Vec<_> = theirs
        .entries()
        .filter(|(_, e)| e.kvno() == 1)
        .map(|(_, e)| e.clone())
        .collect();
    let mut ours = parse(HOLES);
    let indices: Vec<_> = added
        .into_iter()
        .map(|entry| ours.add(entry).unwrap())
        .collect();
    assert_eq!(indices, [1, 6]);
    assert_eq!(ours.to_bytes().expose(), REUSED);
}

#[test]
fn file_06_removed_entries_become_holes_of_zeros_as_with_mit() {
    let mut keytab = parse(FULL);
    let gone = keytab.retain(|entry| entry.principal().component(0) == Some("HTTP"));
    assert_eq!(gone, 9);
    assert_eq!(keytab.to_bytes().expose(), HOLES);

    let mut keytab = parse(FULL);
    for index in [13, 12, 11, 10, 5, 4, 3, 2, 1] {
        assert!(keytab.remove(index));
    }
    assert_eq!(keytab.to_bytes().expose(), HOLES);
    assert!(!keytab.remove(0));
    assert!(!keytab.remove(5));
}

#[test]
fn file_06_a_hole_that_is_too_small_is_passed_over() {
    let mut keytab = keytab([entry("a@R", 1, 1), entry("b@R", 1, 1)]);
    keytab.remove(1);
    assert_eq!(keytab.add(entry("longer@R", 1, 1)).unwrap(), 2);
    assert_eq!(keytab.add(entry("c@R", 1, 1)).unwrap(), 1);
    let names: Vec<_> = keytab
        .entries()
        .map(|(_, e)| e.principal().name())
        .collect();
    assert_eq!(names, ["c", "b", "longer"]);
}

/// Entries that this build cannot use survive parsing, listing, change and writing.
#[test]
fn unusable_entries_survive() {
    let mut keytab = parse(MIXED);
    let unusable = |keytab: &Keytab| {
        keytab
            .entries()
            .filter(|(_, e)| e.key().is_none())
            .map(|(_, e)| e.clone())
            .collect::<Vec<_>>()
    };
    let before = unusable(&keytab);
    assert!(before.iter().any(|e| e.enctype() == Enctype(-12345)));
    assert!(before.iter().any(|e| e.enctype() == Enctype::DES3_CBC_SHA1));
    assert!(keytab.remove(1));
    keytab.add(entry("new@R", 1, 1)).unwrap();
    assert_eq!(unusable(&parse(keytab.to_bytes().expose())), before);
}

/// A key that is not as long as its enctype's keys is no key.
#[test]
fn a_key_of_the_wrong_length_is_kept_and_not_used() {
    let mut odd = record(1, &[]);
    odd[18] = 18;
    let octets = file(&[(odd.len() as i32, &odd)]);
    let keytab = parse(&octets);
    let (_, entry) = keytab.entries().next().unwrap();
    assert_eq!(entry.enctype(), AES256);
    assert!(entry.key().is_none());
    assert_eq!(entry.expose_key_octets(), [0xaa; 16]);
    assert_eq!(keytab.to_bytes().expose(), octets);
}

#[test]
fn names_that_no_principal_has_are_kept_and_counted() {
    let good = record(1, &[]);
    let mut latin1 = good.clone();
    latin1[7] = 0xe4;
    let mut nul = good.clone();
    nul[7] = 0;
    let no_realm = {
        let mut octets = vec![0, 1, 0, 0];
        octets.extend(&good[5..]);
        octets
    };
    let records = [&latin1, &good, &nul, &no_realm, &good];
    let octets = file(&records.map(|r| (r.len() as i32, r.as_slice())));
    let mut keytab = parse(&octets);
    assert_eq!(keytab.len(), 5);
    let indices: Vec<_> = keytab.entries().map(|(index, _)| index).collect();
    assert_eq!(indices, [2, 5]);
    let odd: Vec<_> = keytab.unreadable().collect();
    assert_eq!(odd.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(odd[0].1.contains("UTF-8") && odd[1].1.contains("NUL"));
    assert_eq!(keytab.to_bytes().expose(), octets);
    assert_eq!(keytab.retain(|_| false), 2);
    assert_eq!(keytab.len(), 3);
    // They can be removed by their index.
    assert!(keytab.remove(1));
    assert_eq!(keytab.unreadable().count(), 2);
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    let mut keytab = Keytab::new();
    let long = format!("{}@R", "x".repeat(65_536));
    assert!(matches!(
        keytab.add(entry(&long, 1, 1)),
        Err(Error::Misuse(_))
    ));
    assert!(keytab.is_empty());
    let just = format!("{}@R", "x".repeat(65_535));
    assert_eq!(keytab.add(entry(&just, 1, 1)).unwrap(), 1);
}

// --------------------------------------------------------------------------------------- lookup

#[test]
fn file_05_lookup_by_version() {
    let p = principal("x@R");
    // Index, kvno.
    let held = keytab([
        entry("x@R", 3, 1),
        entry("y@R", 5, 1),
        entry("x@R", 44, 2),
        entry("x@R", 259, 3),
        entry("x@R", 300, 4),
        entry("x@R", 0, 0),
    ]);
    let found = |kvno| {
        held.candidates(&p, kvno, AES256)
            .iter()
            .map(|(index, _)| *index)
            .collect::<Vec<_>>()
    };
    for (kvno, expected) in [
        (Some(3), &[1, 6][..]),
        // The full number before the number modulo 256, that before "any".
        (Some(259), &[4, 1, 6]),
        (Some(300), &[5, 3, 6]),
        (Some(44), &[3, 6]),
        // 515 = 3 modulo 256.
        (Some(515), &[1, 6]),
        // 259 is a full number, not a low octet.
        (Some(4), &[6]),
        // The newest, then the others.
        (None, &[5, 1, 3, 4, 6]),
        (Some(0), &[5, 1, 3, 4, 6]),
    ] {
        assert_eq!(found(kvno), expected, "{kvno:?}");
    }
    assert_eq!(held.find(&p, Some(300), AES256).unwrap().0, 5);
    assert_eq!(held.newest_kvno(&p), Some(300));
}

/// The heuristic for versions that have wrapped around at eight bits.
#[test]
fn file_05_newest_with_wrap_around() {
    let p = principal("x@R");
    for (versions, expected) in [
        (&[(1, 10), (2, 5)][..], 2),
        (&[(2, 10), (1, 10)], 2),
        // Small and not earlier than large: the small one is newer.
        (&[(255, 10), (1, 20)], 1),
        (&[(1, 20), (255, 10)], 1),
        (&[(255, 10), (1, 10)], 1),
        (&[(1, 10), (255, 10)], 1),
        // Small and earlier: nothing has wrapped.
        (&[(255, 10), (1, 9)], 255),
        // The limits: 127 and 241 wrap, 128 and 240 do not.
        (&[(241, 10), (127, 10)], 127),
        (&[(240, 10), (127, 10)], 240),
        (&[(241, 10), (128, 10)], 241),
        (&[(300, 10), (1, 10)], 1),
    ] {
        let held = keytab(
            versions
                .iter()
                .map(|(kvno, time)| entry("x@R", *kvno, *time)),
        );
        assert_eq!(held.newest_kvno(&p), Some(expected), "{versions:?}");
        let (_, found) = held.find(&p, None, AES256).unwrap();
        assert_eq!(found.kvno(), expected, "{versions:?}");
    }
}

#[test]
fn file_05_what_is_missing_is_said() {
    let held = parse(MIXED);
    let http = principal("HTTP/a.files.test@FILES.TEST");
    let other = principal("HTTP/b.files.test@FILES.TEST");

    let error = held.find(&other, Some(3), AES256).unwrap_err();
    let Rejection::NoKey { server, considered } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*server, other);
    assert_eq!(considered.len(), 8);
    assert!(
        considered
            .iter()
            .all(|c| c.verdict == KeyVerdict::OtherPrincipal)
    );
    assert_eq!(error.protocol_code(), ErrorCode::KRB_AP_ERR_NOKEY);

    let error = held.find(&http, Some(7), AES256).unwrap_err();
    let Rejection::KeyVersion {
        kvno,
        newest,
        considered,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*kvno, *newest), (7, 3));
    assert_eq!(considered[0].index, 1);
    assert_eq!(considered[0].verdict, KeyVerdict::OtherVersion);
    assert_eq!(considered[6].verdict, KeyVerdict::OtherPrincipal);
    assert_eq!(error.protocol_code(), ErrorCode::KRB_AP_ERR_BADKEYVER);

    let error = held.find(&http, Some(300), AES128).unwrap_err();
    let Rejection::KeyEnctype {
        enctype,
        considered,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(*enctype, AES128);
    assert_eq!(considered[0].verdict, KeyVerdict::OtherEnctype);
    assert_eq!(considered[1].verdict, KeyVerdict::OtherVersion);

    // A key that is there and cannot be used is not found.
    assert!(matches!(
        held.find(&http, Some(3), Enctype::DES3_CBC_SHA1),
        Err(Rejection::KeyEnctype { .. })
    ));
    assert!(matches!(
        Keytab::new().find(&http, None, AES256),
        Err(Rejection::NoKey { .. })
    ));
}

#[test]
fn file_08_the_first_principal_and_its_newest_keys() {
    let held = parse(vector!("pac/ad.example.test/keytabs/websvc.keytab"));
    let principals: Vec<_> = held.principals().iter().map(|p| p.to_string()).collect();
    assert_eq!(
        principals,
        [
            "HTTP/web.ad.example.test@AD.EXAMPLE.TEST",
            "websvc@AD.EXAMPLE.TEST"
        ]
    );
    let mut held = keytab([entry("x@R", 1, 1), entry("x@R", 2, 1), entry("y@R", 9, 1)]);
    let key = Key::new(AES128, &[9; 16]).unwrap();
    held.add(KeytabEntry::new(principal("x@R"), 2, key, 1))
        .unwrap();
    let enctypes: Vec<_> = held
        .newest_keys(&principal("x@R"))
        .iter()
        .map(|key| key.enctype())
        .collect();
    assert_eq!(enctypes, [AES256, AES128]);
    assert!(held.newest_keys(&principal("z@R")).is_empty());
}

// -------------------------------------------------------------------------------------- secrecy

/// `text` holds no four octets of `key` in a row, in any way Rust prints octets.
fn assert_hidden(text: &str, key: &[u8]) {
    let text = text.to_lowercase();
    for run in key.windows(4) {
        for shown in [
            hex(run),
            format!("{run:?}").trim_matches(['[', ']']).to_owned(),
        ] {
            assert!(!text.contains(&shown), "{shown} in {text}");
        }
    }
}

#[test]
fn case_118_nothing_shows_a_key() {
    for (_, octets) in FILES.into_iter().chain(SAMBA) {
        let keytab = parse(octets);
        let mut texts = vec![
            format!("{keytab:?}"),
            format!("{keytab:#?}"),
            format!("{:?}", keytab.to_bytes()),
        ];
        for (_, entry) in keytab.entries() {
            texts.push(format!("{entry:?} {entry:#?}"));
            let p = entry.principal();
            if let Err(rejection) = keytab.find(p, Some(77), AES256) {
                texts.push(format!("{rejection:?}"));
            }
        }
        // Errors at every place.
        for at in 2..octets.len() {
            for broken in [octets[..at].to_vec(), {
                let mut changed = octets.to_vec();
                changed[at] = 0xff;
                changed
            }] {
                let (part, error) = Keytab::parse_lossy(&broken, "broken");
                if let Some(error) = error {
                    texts.push(format!("{error} {error:?} {:?}", error.explain()));
                }
                if at % 16 == 0 {
                    texts.push(format!("{part:?}"));
                }
            }
        }
        texts.sort();
        texts.dedup();
        for (_, entry) in keytab.entries() {
            for text in &texts {
                assert_hidden(text, entry.expose_key_octets());
            }
        }
    }
}
