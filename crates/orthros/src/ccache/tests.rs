//! Caches of MIT krb5 and Heimdal; what a damaged file may do; what must not get out.

use proptest::prelude::*;
use serde_json::Value;

use super::{CachedCredential, CredentialCache, Version, Wanted};
use crate::credentials::Credentials;
use crate::crypto::{DEFAULT_ENCTYPES, Enctype, Key};
use crate::error::{Error, FileError};
use crate::principal::Principal;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{AddrType, Message, Ticket, TicketFlags};

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../vectors/", $name))
    };
}

const MIT: &[u8] = vector!("ccache/mit.ccache");
const MIT_V3: &[u8] = vector!("ccache/mit_v3.ccache");
const OFFSET: &[u8] = vector!("ccache/offset.ccache");
const REMOVED: &[u8] = vector!("ccache/removed.ccache");
const HEIMDAL: &[u8] = vector!("ccache/heimdal.ccache");
const SAMBA: &[u8] = vector!("pac/ad.example.test/alice-web/ccache");
const FILES: [(&str, &[u8]); 5] = [
    ("mit", MIT),
    ("mit_v3", MIT_V3),
    ("offset", OFFSET),
    ("removed", REMOVED),
    ("heimdal", HEIMDAL),
];
/// A moment at which the tickets of the files are valid.
const NOW: i64 = 1_795_540_000;

fn parse(octets: &[u8]) -> CredentialCache {
    CredentialCache::parse(octets, "test.ccache").unwrap()
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn file_error(error: Error) -> FileError {
    match error {
        Error::File(error) => *error,
        other => panic!("{other:?}"),
    }
}

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

fn at(seconds: i64) -> KerberosTime {
    KerberosTime::from_secs(seconds)
}

fn credentials(server: &str, endtime: i64) -> Credentials {
    Credentials {
        client: principal("alice@R"),
        server: principal(server),
        ticket: b"ticket".to_vec(),
        session_key: Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &[7; 32]).unwrap(),
        flags: TicketFlags::FORWARDABLE,
        authtime: at(1000),
        starttime: None,
        endtime: at(endtime),
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

fn ticket(server: &str, endtime: i64) -> CachedCredential {
    CachedCredential::from(&credentials(server, endtime))
}

fn cache(tickets: impl IntoIterator<Item = CachedCredential>) -> CredentialCache {
    let mut cache = CredentialCache::new(principal("alice@R"));
    for ticket in tickets {
        cache.store(ticket);
    }
    cache
}

fn written(cache: &CredentialCache) -> Vec<u8> {
    cache.to_bytes().unwrap().expose().to_vec()
}

// -------------------------------------------------------------------------------------- reading

/// Everything that MIT's library reads in the file, and nothing else.
#[test]
fn file_09_reads_what_mit_and_heimdal_write() {
    let expected: Value = serde_json::from_slice(vector!("ccache/expected.json")).unwrap();
    for (name, octets) in FILES {
        let cache = parse(octets);
        let expected = &expected[name];
        assert_eq!(
            cache.default_principal().to_string(),
            expected["default_principal"]
        );
        let version = if name == "mit_v3" {
            Version::V3
        } else {
            Version::V4
        };
        assert_eq!(cache.version(), version);
        let offset = expected["kdc_offset"]
            .as_array()
            .map(|offset| offset[0].as_i64().unwrap() * 1_000_000 + offset[1].as_i64().unwrap());
        // MIT writes an offset of zero where it knows none.
        assert_eq!(cache.kdc_offset().filter(|o| *o != 0), offset, "{name}");
        let expected = expected["credentials"].as_array().unwrap();
        assert!(expected.len() > 2);
        assert_eq!(cache.all().count(), expected.len(), "{name}");
        assert_eq!(cache.unreadable(), 0);
        for (ours, theirs) in cache.all().zip(expected) {
            assert_eq!(ours.client.to_string(), theirs["client"]);
            assert_eq!(ours.server.to_string(), theirs["server"]);
            assert_eq!(i64::from(ours.enctype().0), theirs["etype"]);
            assert_eq!(hex(ours.expose_key_octets()), theirs["key"]);
            assert_eq!(ours.authtime.as_secs(), theirs["authtime"]);
            assert_eq!(
                ours.starttime.map_or(0, KerberosTime::as_secs),
                theirs["starttime"]
            );
            assert_eq!(ours.endtime.as_secs(), theirs["endtime"]);
            assert_eq!(
                ours.renew_till.map_or(0, KerberosTime::as_secs),
                theirs["renew_till"]
            );
            assert_eq!(ours.is_skey, theirs["is_skey"]);
            assert_eq!(u64::from(ours.flags.0), theirs["flags"]);
            assert_eq!(hex(&ours.ticket), theirs["ticket"]);
            assert_eq!(hex(&ours.second_ticket), theirs["second_ticket"]);
            let addresses = theirs["addresses"].as_array().unwrap();
            assert_eq!(ours.addresses.len(), addresses.len());
            for ((kind, octets), theirs) in ours.addresses.iter().zip(addresses) {
                assert_eq!(i64::from(kind.0), theirs[0]);
                assert_eq!(hex(octets), theirs[1]);
            }
            assert_eq!(theirs["authdata"].as_array().unwrap().len(), 0);
            assert!(ours.authorization_data.is_empty());
        }
    }
}

#[test]
fn file_09_reads_the_caches_of_the_recorded_conversations() {
    let expected: Value =
        serde_json::from_slice(vector!("pac/ad.example.test/alice-web/expected.json")).unwrap();
    let cache = parse(SAMBA);
    assert_eq!(
        cache.default_principal().to_string(),
        expected["client_in_ccache"]
    );
    let server = principal(expected["server_in_ccache"].as_str().unwrap());
    let moment = expected["enc_ticket_part"]["authtime"].as_i64().unwrap();
    let found = cache
        .find(&server, Timestamp::from_secs(moment), DEFAULT_ENCTYPES)
        .unwrap();
    assert_eq!(
        hex(found.session_key().unwrap().expose()),
        expected["session_key_in_ccache"]["key"]
    );
    assert_eq!(
        found.endtime.as_secs(),
        expected["enc_ticket_part"]["endtime"]
    );
    assert_eq!(
        found.ticket,
        vector!("pac/ad.example.test/alice-web/ticket.der")
    );
    let names: Vec<_> = found.flags.names().collect();
    assert_eq!(Value::from(names), expected["enc_ticket_part"]["flags"]);
    let tgt = cache
        .tgt(Timestamp::from_secs(moment), DEFAULT_ENCTYPES)
        .unwrap();
    assert_eq!(
        tgt.server.to_string(),
        "krbtgt/AD.EXAMPLE.TEST@AD.EXAMPLE.TEST"
    );
}

#[test]
fn file_09_other_beginnings_are_refused() {
    for (octets, what) in [
        (&[5, 1, 0, 0][..], "version 1"),
        (
            &[5, 2, 0, 0],
            "a keytab, or a credential cache of version 2",
        ),
        (&[5, 5, 0, 0], "not a credential cache"),
        (b"-----", "not a credential cache"),
        (b"\x05", "1 are left"),
        (b"", "0 are left"),
    ] {
        let error = file_error(CredentialCache::parse(octets, "/tmp/krb5cc_0").unwrap_err());
        assert_eq!((error.path.as_str(), error.at), ("/tmp/krb5cc_0", Some(0)));
        assert!(error.what.contains(what), "{error}");
    }
}

#[test]
fn file_10_kdc_offset_and_unknown_header_fields() {
    let mut octets = vec![5, 4, 0, 19];
    octets.extend([0, 9, 0, 3, 1, 2, 3]);
    octets.extend([0, 1, 0, 8, 0xff, 0xff, 0xff, 0xfe, 0, 7, 0xa1, 0x20]);
    octets.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'R', 0, 0, 0, 1, b'a']);
    let mut cache = parse(&octets);
    assert_eq!(cache.kdc_offset(), Some(-1_500_000));
    assert_eq!(written(&cache), octets);

    for offset in [
        0,
        1,
        -1,
        999_999,
        -1_000_001,
        3_599_708_744,
        i64::from(i32::MAX) * 1_000_000 + 999_999,
        i64::from(i32::MIN) * 1_000_000,
    ] {
        cache.set_kdc_offset(offset);
        let again = parse(&written(&cache));
        assert_eq!(again.kdc_offset(), Some(offset));
        assert_eq!(again.header.len(), 2, "the unknown field stays");
    }
    // Of another length it is not the offset, and is kept.
    let mut short = octets.clone();
    short.splice(2..23, [0, 8, 0, 1, 0, 4, 0, 0, 0, 1]);
    let cache = parse(&short);
    assert_eq!(cache.kdc_offset(), None);
    assert_eq!(written(&cache), short);
    // Fields must fill the header.
    let mut torn = octets;
    torn[3] = 18;
    assert!(CredentialCache::parse(&torn, "torn").is_err());
}

#[test]
fn file_11_flags_are_those_of_the_ticket() {
    let cache = parse(MIT);
    let tgt = cache.tgt(now(), DEFAULT_ENCTYPES).unwrap();
    // klist says FRIA, and has no letter for enc-pa-rep.
    let names: Vec<_> = tgt.flags.names().collect();
    assert_eq!(
        names,
        [
            "forwardable",
            "renewable",
            "initial",
            "pre-authent",
            "enc-pa-rep"
        ]
    );
    assert_eq!(TicketFlags::FORWARDABLE.0, 0x4000_0000);
}

#[test]
fn file_12_times_are_unsigned() {
    let far = 0xF000_0000;
    let mut ticket = ticket("x@R", far);
    ticket.authtime = at(far - 1);
    ticket.renew_till = Some(at(far + 1));
    let again = parse(&written(&cache([ticket])));
    let read = again.credentials().next().unwrap();
    assert_eq!(read.endtime, at(far));
    assert_eq!(read.renew_till, Some(at(far + 1)));
    assert_eq!(read.starttime, None);
    assert_eq!(read.valid_from(), at(far - 1));
    assert!(read.is_current(Timestamp::from_secs(far - 1)));
    // Later than 2106 is as late as can be said.
    let mut ticket = self::ticket("x@R", KerberosTime::LAST.as_secs());
    ticket.starttime = Some(at(5));
    let again = parse(&written(&cache([ticket])));
    let read = again.credentials().next().unwrap();
    assert_eq!(read.endtime, at(i64::from(u32::MAX)));
    assert_eq!(read.valid_from(), at(5));
}

#[test]
fn file_13_settings_are_not_tickets() {
    let krbtgt = principal("krbtgt/FILES.TEST@FILES.TEST");
    for octets in [MIT, MIT_V3, OFFSET] {
        let cache = parse(octets);
        let servers: Vec<_> = cache.credentials().map(|c| c.server.name()).collect();
        assert_eq!(servers, ["krbtgt/FILES.TEST", "HTTP/web.files.test", "bob"]);
        assert_eq!(cache.config("fast_avail", Some(&krbtgt)), Some(&b"yes"[..]));
        assert_eq!(cache.config("pa_type", Some(&krbtgt)), Some(&b"2"[..]));
        assert_eq!(cache.config("pa_type", None), None);
        assert_eq!(cache.config("refresh_time", None), None);
    }
    assert_eq!(
        parse(HEIMDAL).config("start_realm", None),
        Some(&b"FILES.TEST"[..])
    );
}

#[test]
fn file_13_settings_are_set_replaced_and_removed() {
    let krbtgt = principal("krbtgt/FILES.TEST@FILES.TEST");
    let mut cache = parse(MIT);
    cache.set_config("pa_type", Some(&krbtgt), b"151").unwrap();
    cache
        .set_config("proxy_impersonator", None, b"svc@FILES.TEST")
        .unwrap();
    assert!(cache.remove_config("fast_avail", Some(&krbtgt)));
    assert!(!cache.remove_config("fast_avail", Some(&krbtgt)));
    assert!(cache.set_config("a\0b", None, b"").is_err());
    let again = parse(&written(&cache));
    let settings: Vec<_> = again
        .config_entries()
        .map(|e| (e.key, e.principal, e.value))
        .collect();
    assert_eq!(
        settings,
        [
            ("pa_type", Some("krbtgt/FILES.TEST@FILES.TEST"), &b"151"[..]),
            ("proxy_impersonator", None, b"svc@FILES.TEST"),
        ]
    );
    // The tickets are as they were, and no search finds a setting.
    assert!(again.credentials().eq(parse(MIT).credentials()));
    let server = again.all().find(|c| c.is_config()).unwrap().server.clone();
    assert!(
        again
            .search(&Wanted::new(&server), Timestamp::from_secs(-1))
            .is_none()
    );
    // Removing tickets leaves the settings.
    cache.retain(|_| false);
    assert_eq!(cache.config_entries().count(), 2);
}

#[test]
fn file_13_removed_records_are_skipped() {
    let cache = parse(REMOVED);
    let servers: Vec<_> = cache.credentials().map(|c| c.server.name()).collect();
    assert_eq!(servers, ["krbtgt/FILES.TEST", "bob"]);
    let keys: Vec<_> = cache.config_entries().map(|e| e.key).collect();
    assert_eq!(keys, ["fast_avail", "start_realm"]);
    assert!(REMOVED.windows(12).any(|w| w == b"X-RMED-CONF:"));
    assert!(!written(&cache).windows(12).any(|w| w == b"X-RMED-CONF:"));
}

#[test]
fn file_14_user_to_user() {
    let cache = parse(MIT);
    let bob = principal("bob@FILES.TEST");
    let ticket = cache.credentials().last().unwrap();
    assert!(ticket.is_skey);
    assert_eq!(ticket.server, bob);
    let second = Ticket::from_bytes(&ticket.second_ticket).unwrap();
    assert_eq!(second.sname.name_string[0].0, "krbtgt");
    // It is no ordinary ticket, and none for another TGT of bob's.
    assert!(cache.search(&Wanted::new(&bob), now()).is_none());
    let wanted = Wanted::new(&bob).user_to_user(&ticket.second_ticket);
    assert_eq!(cache.search(&wanted, now()), Some(ticket));
    let wanted = Wanted::new(&bob).user_to_user(b"another");
    assert!(cache.search(&wanted, now()).is_none());
    let credentials = cache.to_credentials(ticket).unwrap();
    assert_eq!(
        credentials.second_ticket.as_ref(),
        Some(&ticket.second_ticket)
    );
    assert_eq!(CachedCredential::from(&credentials), *ticket);
}

// --------------------------------------------------------------------------------------- search

#[test]
fn file_16_name_realm_enctype_and_end() {
    let x = principal("x@R");
    let mut aes128 = credentials("x@R", 9000);
    aes128.session_key = Key::new(Enctype::AES128_CTS_HMAC_SHA1_96, &[1; 16]).unwrap();
    let mut other_client = ticket("x@R", 9500);
    other_client.client = principal("bob@R");
    let cache = cache([
        ticket("x@R", 5000),
        ticket("x@R", 8000),
        ticket("x@R", 7000),
        ticket("x@OTHER", 9999),
        ticket("x/y@R", 9999),
        (&aes128).into(),
        other_client,
    ]);
    let end = |enctypes: &[Enctype], now| {
        cache
            .find(&x, Timestamp::from_secs(now), enctypes)
            .map(|c| c.endtime.as_secs())
    };
    let aes256 = [Enctype::AES256_CTS_HMAC_SHA1_96];
    // The latest end wins; other enctypes, realms, names and clients do not.
    assert_eq!(end(&aes256, 1000), Some(8000));
    assert_eq!(end(DEFAULT_ENCTYPES, 1000), Some(9000));
    assert_eq!(end(&[], 1000), None);
    assert_eq!(end(&aes256, 7999), Some(8000));
    // A ticket that ends now has ended.
    assert_eq!(end(&aes256, 8000), None);
    let wanted = Wanted::new(&x).in_any_realm();
    let found = cache.search(&wanted, Timestamp::from_secs(1000)).unwrap();
    assert_eq!(found.server, principal("x@OTHER"));
    let bob = principal("bob@R");
    let wanted = Wanted::new(&x).client(&bob);
    let found = cache.search(&wanted, Timestamp::from_secs(1000)).unwrap();
    assert_eq!(found.client, bob);
}

/// Tickets end by the KDC's clock.
#[test]
fn file_16_the_offset_counts() {
    let x = principal("x@R");
    let mut cache = cache([ticket("x@R", 5000)]);
    cache.set_kdc_offset(100_000_000);
    assert!(
        cache
            .find(&x, Timestamp::from_secs(4899), DEFAULT_ENCTYPES)
            .is_some()
    );
    assert!(
        cache
            .find(&x, Timestamp::from_secs(4900), DEFAULT_ENCTYPES)
            .is_none()
    );
}

/// A key that this build does not have opens nothing.
#[test]
fn file_16_unusable_keys_are_not_found_and_survive() {
    let mut octets = written(&cache([ticket("x@R", 5000)]));
    let key = octets.windows(32).position(|w| w == [7; 32]).unwrap();
    octets[key - 5] = 26;
    let cache = parse(&octets);
    let ticket = cache.credentials().next().unwrap();
    assert_eq!(ticket.enctype(), Enctype::CAMELLIA256_CTS_CMAC);
    assert!(ticket.session_key().is_none());
    let x = principal("x@R");
    assert!(
        cache
            .search(&Wanted::new(&x), Timestamp::from_secs(1))
            .is_none()
    );
    assert!(matches!(
        cache.to_credentials(ticket),
        Err(Error::Crypto(_))
    ));
    assert_eq!(written(&cache), octets);
}

#[test]
fn the_tgt_is_that_of_the_start_realm() {
    let later = Timestamp::from_secs(NOW - 3600);
    assert!(parse(MIT).tgt(now(), DEFAULT_ENCTYPES).is_some());
    // start_realm = FILES.OTHER, of which there is no TGT.
    assert!(parse(OFFSET).tgt(later, DEFAULT_ENCTYPES).is_none());
    let mut cache = parse(OFFSET);
    cache.remove_config("start_realm", None);
    assert!(cache.tgt(later, DEFAULT_ENCTYPES).is_some());
}

// -------------------------------------------------------------------------------------- writing

#[test]
fn file_09_what_was_read_is_written_octet_for_octet() {
    for (name, octets) in [
        ("mit", MIT),
        ("offset", OFFSET),
        ("heimdal", HEIMDAL),
        ("samba", SAMBA),
    ] {
        assert!(written(&parse(octets)) == plain(octets), "{name}");
    }
}

/// The cache with 1 for every is-skey flag that is set: MIT writes 8, the bit of the KDC option.
fn plain(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for ticket in parse(&octets).credentials().filter(|c| c.is_skey) {
        let mut before = ticket.renew_till.unwrap().as_secs().to_be_bytes()[4..].to_vec();
        before.push(8);
        before.extend(ticket.flags.0.to_be_bytes());
        let at = octets.windows(9).position(|w| w == before).unwrap();
        octets[at + 4] = 1;
    }
    octets
}

/// Version 3 is written as version 4, with the same contents; its records can be made.
#[test]
fn file_09_version_3() {
    let old = parse(MIT_V3);
    let new = parse(&written(&old));
    assert_eq!(new.version(), Version::V4);
    assert!(new.all().eq(old.all()));
    let records: Vec<u8> = old
        .all()
        .flat_map(|c| c.to_bytes(Version::V3).unwrap().expose().to_vec())
        .collect();
    assert!(plain(MIT_V3).ends_with(&records));
    // Nothing but version and default principal is before them.
    assert_eq!(MIT_V3.len() - records.len(), 2 + 12 + 10 + 4 + 5);
}

#[test]
fn credentials_come_back_as_they_were_stored() {
    let mut stored = credentials("x@R", 5000);
    stored.starttime = Some(at(1500));
    stored.renew_till = Some(at(9000));
    stored.addresses = vec![(AddrType::IPV4, vec![127, 0, 0, 1]), (AddrType(-3), vec![])];
    stored.clock_offset = -1_250_000;
    let cache = parse(&written(&CredentialCache::with_credentials(&stored)));
    assert_eq!(cache.default_principal(), &stored.client);
    let ticket = cache.credentials().next().unwrap();
    let read = cache.to_credentials(ticket).unwrap();
    assert_eq!(format!("{read:?}"), format!("{stored:?}"));
    assert_eq!(read.session_key, stored.session_key);
    // A type that the file cannot hold.
    stored.addresses = vec![(AddrType(40_000), vec![])];
    let cache = CredentialCache::with_credentials(&stored);
    assert!(matches!(cache.to_bytes(), Err(Error::Unsupported(_))));
}

#[test]
fn names_that_no_principal_has_are_kept_and_counted() {
    for version in [Version::V3, Version::V4] {
        let mut octets = match version {
            Version::V3 => vec![5, 3],
            Version::V4 => vec![5, 4, 0, 0],
        };
        octets.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'R', 0, 0, 0, 5]);
        octets.extend(b"alice");
        let good = ticket("x@R", 5000);
        let record = |version| good.to_bytes(version).unwrap().expose().to_vec();
        let latin1 = |version| {
            let mut octets = record(version);
            let at = octets.iter().position(|o| *o == b'x').unwrap();
            octets[at] = 0xe4;
            octets
        };
        octets.extend(latin1(version));
        octets.extend(record(version));
        let mut cache = parse(&octets);
        assert_eq!((cache.unreadable(), cache.credentials().count()), (1, 1));
        cache.retain(|_| false);
        assert!(
            written(&cache).ends_with(&latin1(Version::V4)),
            "{version:?}"
        );
    }
    // The default principal must be one.
    let bad = [5, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, b'R'];
    let error = file_error(CredentialCache::parse_lossy(&bad, "x").unwrap_err());
    assert_eq!(error.at, Some(2));
    assert!(
        error.what.contains("the principal name is empty"),
        "{error}"
    );
}

// ------------------------------------------------------------------------------------ hostility

#[test]
fn file_07_case_117_every_prefix_names_its_offset_and_leaves_the_earlier_records() {
    for octets in [MIT, MIT_V3] {
        let whole = parse(octets);
        let mut ends = vec![octets.len()];
        for credential in whole.all().collect::<Vec<_>>().iter().rev() {
            let length = credential.to_bytes(whole.version()).unwrap().len();
            ends.insert(0, ends[0] - length);
        }
        for cut in 0..octets.len() {
            let parsed = CredentialCache::parse_lossy(&octets[..cut], "cut");
            let records = ends.iter().filter(|end| **end <= cut).count();
            if records == 0 {
                assert!(file_error(parsed.unwrap_err()).at.unwrap() <= cut);
                continue;
            }
            let (cache, error) = parsed.unwrap();
            assert!(cache.all().eq(whole.all().take(records - 1)), "{cut}");
            if ends.contains(&cut) {
                assert!(error.is_none());
            } else {
                let at = file_error(error.unwrap()).at.unwrap();
                assert!((ends[records - 1]..=cut).contains(&at), "{cut}: {at}");
                assert!(CredentialCache::parse(&octets[..cut], "cut").is_err());
            }
        }
    }
}

#[test]
fn case_117_every_length_field() {
    for octets in [MIT, MIT_V3, HEIMDAL] {
        // Every place is a length field to somebody.
        for at in 0..octets.len() {
            for width in [2, 4] {
                for value in [0u32, 1, u32::MAX] {
                    let mut changed = octets.to_vec();
                    let value = value.to_be_bytes();
                    for (to, from) in changed[at..].iter_mut().zip(&value[4 - width..]) {
                        *to = *from;
                    }
                    let _ = CredentialCache::parse_lossy(&changed, "changed");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn case_117_arbitrary_octets(
        tail in proptest::collection::vec(any::<u8>(), 0..300),
        v3 in any::<bool>()
    ) {
        let mut octets = if v3 { vec![5, 3] } else { vec![5, 4, 0, 0] };
        octets.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'R', 0, 0, 0, 1, b'a']);
        octets.extend(tail);
        let (cache, _) = CredentialCache::parse_lossy(&octets, "arbitrary").unwrap();
        let _ = format!("{cache:?}");
        let octets = written(&cache);
        prop_assert_eq!(written(&parse(&octets)), octets);
    }
}

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
    for (_, octets) in FILES.into_iter().chain([("samba", SAMBA)]) {
        let cache = parse(octets);
        let mut texts = vec![
            format!("{cache:?}"),
            format!("{cache:#?}"),
            format!("{:?}", cache.to_bytes()),
        ];
        for credential in cache.all() {
            texts.push(format!("{credential:?} {credential:#?}"));
            texts.push(format!("{:?}", cache.to_credentials(credential)));
        }
        for at in (2..octets.len()).step_by(5) {
            if let Err(error) = CredentialCache::parse(&octets[..at], "broken") {
                texts.push(format!("{error} {error:?} {:?}", error.explain()));
            }
        }
        texts.sort();
        texts.dedup();
        for credential in cache.all() {
            for text in &texts {
                assert_hidden(text, credential.expose_key_octets());
            }
        }
    }
}
