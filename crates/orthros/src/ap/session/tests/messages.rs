//! KRB-SAFE and KRB-PRIV.

use super::*;
use crate::crypto::{Enctype, KeyUsage};
use crate::random::OsRandom;
use crate::wire::{
    AddrType, Checksum, EncKrbPrivPart, EncryptedData, KrbPriv, KrbSafe, KrbSafeBody, Message,
    OctetString, Raw, primitive::to_der,
};

/// What a message says about itself; the right one first.
#[derive(Clone)]
struct Said {
    time: Option<Timestamp>,
    usec: bool,
    number: Option<u32>,
    s_address: HostAddr,
    r_address: Option<HostAddr>,
}

impl Said {
    /// The initiator's first message in [`pair`].
    fn right() -> Self {
        Self {
            time: Some(NOW),
            usec: true,
            number: Some(1000),
            s_address: host("192.0.2.1"),
            r_address: None,
        }
    }

    fn private_under(&self, key: &Key, usage: KeyUsage) -> Vec<u8> {
        let part = EncKrbPrivPart {
            user_data: OctetString(b"data"),
            timestamp: self.time.map(Timestamp::time),
            usec: self.time.filter(|_| self.usec).map(Microseconds::from),
            seq_number: self.number.map(UInt32),
            s_address: self.s_address.to_wire(),
            r_address: self.r_address.as_ref().map(HostAddr::to_wire),
        };
        let part = part.to_bytes().unwrap();
        let cipher = key.encrypt(usage, &part, &OsRandom).unwrap();
        let message = KrbPriv {
            pvno: 5,
            msg_type: 21,
            enc_part: EncryptedData {
                etype: key.enctype().0,
                kvno: None,
                cipher: OctetString(&cipher),
            },
        };
        message.to_bytes().unwrap()
    }

    fn private(&self) -> Vec<u8> {
        self.private_under(keys().in_force(), KeyUsage(13))
    }

    fn body(&self) -> Vec<u8> {
        let body = KrbSafeBody {
            user_data: OctetString(b"data"),
            timestamp: self.time.map(Timestamp::time),
            usec: self.time.filter(|_| self.usec).map(Microseconds::from),
            seq_number: self.number.map(UInt32),
            s_address: self.s_address.to_wire(),
            r_address: self.r_address.as_ref().map(HostAddr::to_wire),
        };
        to_der("KRB-SAFE-BODY", &body).unwrap()
    }

    fn safe_under(&self, key: &Key, usage: KeyUsage) -> Vec<u8> {
        let body = self.body();
        let mac = key.mac(usage).unwrap();
        let checksum = mac.checksum(&[&with_checksum(&body, 0, &[])]);
        with_checksum(&body, mac.checksum_type().0, &checksum)
    }

    fn safe(&self) -> Vec<u8> {
        self.safe_under(keys().in_force(), KeyUsage(15))
    }
}

fn with_checksum(body: &[u8], cksumtype: i32, checksum: &[u8]) -> Vec<u8> {
    let message = KrbSafe {
        pvno: 5,
        msg_type: 20,
        safe_body: Raw::new(body).unwrap(),
        cksum: Checksum {
            cksumtype,
            checksum: OctetString(checksum),
        },
    };
    message.to_bytes().unwrap()
}

/// Both kinds of message are refused in the same way by an acceptor of this kind.
#[track_caller]
fn both_refused(freshness: Freshness, said: &Said, expected: i32) -> Fault {
    let (_, mut acceptor) = pair(freshness);
    let by_priv = fault(acceptor.read_priv(&said.private(), NOW), expected);
    let by_safe = fault(acceptor.read_safe(&said.safe(), NOW), expected);
    assert_eq!(by_priv, by_safe);
    // Nothing is changed by a message that is refused.
    assert!(acceptor.read_priv(&Said::right().private(), NOW).is_ok());
    by_priv
}

#[track_caller]
fn both_read(freshness: Freshness, said: &Said) {
    let (_, mut acceptor) = pair(freshness);
    assert!(acceptor.read_priv(&said.private(), NOW).is_ok());
    let (_, mut acceptor) = pair(freshness);
    assert_eq!(acceptor.read_safe(&said.safe(), NOW).unwrap(), b"data");
}

#[test]
fn both_directions_and_both_kinds() {
    for freshness in [
        Freshness::Timestamps,
        Freshness::SequenceNumbers,
        Freshness::Both,
    ] {
        let (mut ours, mut theirs) = pair(freshness);
        for n in 0..5u8 {
            let message = ours.make_priv(&[n; 7], NOW).unwrap();
            assert_eq!(theirs.read_priv(&message, NOW).unwrap().expose(), [n; 7]);
            let message = theirs.make_safe(&[n; 9], NOW).unwrap();
            assert_eq!(ours.read_safe(&message, NOW).unwrap(), [n; 9]);
            let message = ours.make_safe(&[], NOW).unwrap();
            assert_eq!(theirs.read_safe(&message, NOW).unwrap(), b"");
        }
    }
}

/// Every enctype of this build, RC4 too where it was compiled in.
#[test]
fn every_enctype() {
    let newer = crate::crypto::DEFAULT_ENCTYPES.iter().copied();
    let all = newer.chain([Enctype::RC4_HMAC]);
    for enctype in all.filter(|enctype| enctype.is_supported()) {
        let keys = SessionKeys {
            acceptor_subkey: Some(key(enctype, 3)),
            ..keys()
        };
        let config = || SessionConfig::new(Freshness::Timestamps, hosts("192.0.2.1", "192.0.2.1"));
        let (mut ours, mut theirs) = between(keys, config(), config());
        let safe = ours.make_safe(b"data", NOW).unwrap();
        let private = ours.make_priv(b"data", NOW).unwrap();
        assert_eq!(code(ours.read_safe(&safe, NOW)), 34);
        assert_eq!(code(ours.read_priv(&private, NOW)), 34);
        assert_eq!(theirs.read_safe(&safe, NOW).unwrap(), b"data");
        assert_eq!(theirs.read_priv(&private, NOW).unwrap().expose(), b"data");
        let sent = super::credentials::credentials(1);
        let cred = ours.make_cred([&sent], None, NOW).unwrap();
        assert_eq!(theirs.read_cred(&cred, None, NOW).unwrap().len(), 1);
    }
}

#[test]
fn ap_57_the_key_in_force_protects() {
    let key = |seed| key(AES256, seed);
    for (initiator, acceptor, expected) in [
        (None, None, 1),
        (Some(2), None, 2),
        (None, Some(3), 3),
        (Some(2), Some(3), 3),
    ] {
        let keys = SessionKeys {
            initiator_subkey: initiator.map(key),
            acceptor_subkey: acceptor.map(key),
            ..keys()
        };
        let (mut ours, _) = between(
            keys,
            directional(Freshness::Both),
            directional(Freshness::Both),
        );
        let octets = ours.make_priv(b"data", NOW).unwrap();
        let message = KrbPriv::from_bytes(&octets).unwrap();
        let opened = key(expected).decrypt(KeyUsage(13), message.enc_part.cipher.as_bytes());
        assert!(opened.is_ok());
    }
}

#[test]
fn ap_58_numbers_wrap() {
    let keys = SessionKeys {
        initiator_seq: u32::MAX - 1,
        ..keys()
    };
    let config = || directional(Freshness::SequenceNumbers);
    let (mut ours, mut theirs) = between(keys, config(), config());
    for expected in [u32::MAX - 1, u32::MAX, 0, 1] {
        assert_eq!(ours.next_number(), expected);
        let message = ours.make_safe(b"x", NOW).unwrap();
        let safe = KrbSafe::from_bytes(&message).unwrap();
        let body: KrbSafeBody<'_> =
            crate::wire::primitive::from_der("KRB-SAFE-BODY", safe.safe_body.as_bytes()).unwrap();
        assert_eq!(body.seq_number, Some(UInt32(expected)));
        assert!(theirs.read_safe(&message, NOW).is_ok());
    }
}

#[test]
fn ap_61_a_checksum_over_the_body_alone() {
    let body = Said::right().body();
    let mac = keys().in_force().mac(KeyUsage(15)).unwrap();
    let message = with_checksum(&body, mac.checksum_type().0, &mac.checksum(&[&body]));
    let (_, mut acceptor) = pair(Freshness::Both);
    assert_eq!(acceptor.read_safe(&message, NOW).unwrap(), b"data");
}

#[test]
fn ap_62_checksum_types() {
    let body = Said::right().body();
    let whole = with_checksum(&body, 0, &[]);
    let ours = keys().in_force().mac(KeyUsage(15)).unwrap();
    let of_other_enctypes = [15, 17, 18, 19, 20, -137, -138].map(|cksumtype| {
        let checksum = ours.checksum(&[&whole]);
        with_checksum(&body, cksumtype, &checksum)
    });
    let md5 = crate::crypto::md5(&[&whole]);
    let unkeyed = [
        with_checksum(&body, 7, &md5),
        with_checksum(&body, 1, &md5[..4]),
        with_checksum(&body, 14, &[0; 20]),
        with_checksum(&body, 0, &[]),
        with_checksum(&body, 4711, &ours.checksum(&[&whole])),
    ];
    for message in of_other_enctypes.into_iter().chain(unkeyed) {
        let (_, mut acceptor) = pair(Freshness::Both);
        let fault = fault(acceptor.read_safe(&message, NOW), 50);
        assert!(matches!(fault, Fault::ChecksumType { .. }));
    }
    // The right type, of another key, usage or length.
    let other_key = Said::right().safe_under(&key(AES256, 99), KeyUsage(15));
    let other_usage = Said::right().safe_under(keys().in_force(), KeyUsage(13));
    let checksum = ours.checksum(&[&whole]);
    let shorter = with_checksum(&body, 16, &checksum[..11]);
    let empty = with_checksum(&body, 16, &[]);
    for message in [other_key, other_usage, shorter, empty] {
        let (_, mut acceptor) = pair(Freshness::Both);
        assert_eq!(
            fault(acceptor.read_safe(&message, NOW), 41),
            Fault::Checksum
        );
    }
}

#[test]
fn ap_63_priv_has_no_tag_2() {
    let (mut ours, _) = pair(Freshness::Both);
    let octets = ours.make_priv(b"data", NOW).unwrap();
    // [APPLICATION 21] SEQUENCE { [0] 5, [1] 21, [3] ...
    let [0x75, _, 0x30, _, rest @ ..] = &octets[..] else {
        panic!("{octets:02x?}");
    };
    assert_eq!(
        rest[..11],
        [0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 21, 0xa3],
        "{octets:02x?}"
    );
    let message = KrbPriv::from_bytes(&octets).unwrap();
    assert_eq!(message.enc_part.kvno, None);
    let (cipher, key) = (message.enc_part.cipher.as_bytes(), keys());
    let key = key.in_force();
    let part = key.decrypt(KeyUsage(13), cipher).unwrap();
    assert_eq!(part[0], 0x7c, "[APPLICATION 28]");
    for usage in [11, 12, 14, 15, 22, 24] {
        assert!(key.decrypt(KeyUsage(usage), cipher).is_err());
    }
}

#[test]
fn ap_63_another_key_usage_or_enctype_does_not_open() {
    let (right, keys) = (Said::right(), keys());
    for message in [
        right.private_under(keys.in_force(), KeyUsage(14)),
        right.private_under(&keys.session, KeyUsage(13)),
        right.private_under(keys.initiator_subkey.as_ref().unwrap(), KeyUsage(13)),
        right.private_under(&key(Enctype::AES128_CTS_HMAC_SHA1_96, 3), KeyUsage(13)),
    ] {
        let (_, mut acceptor) = pair(Freshness::Both);
        assert_eq!(
            fault(acceptor.read_priv(&message, NOW), 31),
            Fault::Integrity
        );
    }
}

#[test]
fn ap_64_version_and_type() {
    let (right, safe) = (Said::right().private(), Said::right().safe());
    let private = KrbPriv::from_bytes(&right).unwrap();
    let protected = KrbSafe::from_bytes(&safe).unwrap();
    let (_, mut acceptor) = pair(Freshness::Both);
    let priv4 = KrbPriv {
        pvno: 4,
        ..private.clone()
    };
    let safe4 = KrbSafe {
        pvno: 4,
        ..protected.clone()
    };
    assert_eq!(
        code(acceptor.read_priv(&priv4.to_bytes().unwrap(), NOW)),
        39
    );
    assert_eq!(
        code(acceptor.read_safe(&safe4.to_bytes().unwrap(), NOW)),
        39
    );
    let priv_of = |msg_type| KrbPriv {
        msg_type,
        ..private.clone()
    };
    let safe_of = |msg_type| KrbSafe {
        msg_type,
        ..protected.clone()
    };
    for msg_type in [0, 14, 22, -21, 4711] {
        let message = priv_of(msg_type).to_bytes().unwrap();
        assert_eq!(code(acceptor.read_priv(&message, NOW)), 40);
        let message = safe_of(msg_type).to_bytes().unwrap();
        assert_eq!(code(acceptor.read_safe(&message, NOW)), 40);
    }
    // Each in the other's place, by its tag.
    assert_eq!(code(acceptor.read_priv(&safe, NOW)), 40);
    assert_eq!(code(acceptor.read_safe(&right, NOW)), 40);
    assert_eq!(code(acceptor.read_cred(&right, None, NOW)), 40);
    let retagged = private.to_bytes_tagged(20).unwrap();
    assert!(acceptor.read_safe(&retagged, NOW).is_err());
}

#[test]
fn ap_65_neither_time_nor_number() {
    let stripped = Said {
        time: None,
        number: None,
        ..Said::right()
    };
    for freshness in [
        Freshness::Timestamps,
        Freshness::SequenceNumbers,
        Freshness::Both,
    ] {
        assert_eq!(both_refused(freshness, &stripped, 41), Fault::Undated);
    }
}

/// What is sent is what was agreed on.
#[test]
fn ap_65_what_messages_carry() {
    for (freshness, time, number) in [
        (Freshness::Timestamps, true, false),
        (Freshness::SequenceNumbers, false, true),
        (Freshness::Both, true, true),
    ] {
        let (mut ours, _) = pair(freshness);
        let octets = ours.make_safe(b"data", NOW).unwrap();
        let safe = KrbSafe::from_bytes(&octets).unwrap();
        let body: KrbSafeBody<'_> =
            crate::wire::primitive::from_der("KRB-SAFE-BODY", safe.safe_body.as_bytes()).unwrap();
        assert_eq!(body.timestamp.is_some(), time);
        assert_eq!(body.usec.is_some(), time);
        assert_eq!(body.seq_number.is_some(), number);
        assert!(body.r_address.is_none());
    }
}

#[test]
fn ap_66_times() {
    use Freshness::*;
    let at = |micros: i64| Said {
        time: Some(NOW.offset(micros)),
        ..Said::right()
    };
    both_read(Both, &at(secs(300)));
    both_read(Both, &at(secs(-300)));
    for micros in [
        secs(301),
        secs(-301),
        secs(300) + 1,
        secs(-300) - 1,
        secs(86_400),
    ] {
        let fault = both_refused(Both, &at(micros), 37);
        assert!(matches!(fault, Fault::Skew { sent: Some(_), .. }));
        // It is checked though it had not to be there.
        both_refused(SequenceNumbers, &at(micros), 37);
    }
    let none = Said {
        time: None,
        ..Said::right()
    };
    both_read(SequenceNumbers, &none);
    for freshness in [Timestamps, Both] {
        let fault = both_refused(freshness, &none, 37);
        assert!(matches!(fault, Fault::Skew { sent: None, .. }));
    }
    // An absent usec is 0 (MSG-05): the whole second.
    let no_usec = Said {
        usec: false,
        ..Said::right()
    };
    both_read(Both, &no_usec);
}

#[test]
fn ap_66_a_time_is_taken_once() {
    let (_, mut acceptor) = pair(Freshness::Timestamps);
    let unnumbered = |micros| Said {
        number: None,
        time: Some(NOW.offset(micros)),
        ..Said::right()
    };
    assert!(acceptor.read_priv(&unnumbered(0).private(), NOW).is_ok());
    let (again, safe) = (unnumbered(0).private(), unnumbered(0).safe());
    for _ in 0..2 {
        let refused = fault(acceptor.read_priv(&again, NOW), 34);
        assert_eq!(refused, Fault::Repeat { sent: NOW });
        // A KRB-SAFE of that time is no other message.
        assert_eq!(code(acceptor.read_safe(&safe, NOW)), 34);
    }
    // Times need not be in order, and live as long as they are current.
    assert!(acceptor.read_priv(&unnumbered(-1).private(), NOW).is_ok());
    assert!(acceptor.read_safe(&unnumbered(1).safe(), NOW).is_ok());
    let end = NOW.plus(Duration::from_secs(300));
    assert_eq!(code(acceptor.read_priv(&again, end)), 34);
    assert_eq!(code(acceptor.read_priv(&again, end.offset(1))), 37);
    assert_eq!(code(acceptor.read_priv(&again, NOW)), 34);
}

#[test]
fn ap_66_numbers() {
    use Freshness::*;
    let numbered = |number| Said {
        number,
        ..Said::right()
    };
    both_read(SequenceNumbers, &numbered(Some(1000)));
    for number in [0, 999, 1001, 5000, u32::MAX] {
        let expected = Fault::Order {
            found: Some(number),
            expected: 1000,
        };
        for freshness in [Timestamps, SequenceNumbers, Both] {
            assert_eq!(
                both_refused(freshness, &numbered(Some(number)), 42),
                expected
            );
        }
    }
    let missing = Fault::Order {
        found: None,
        expected: 1000,
    };
    both_read(Timestamps, &numbered(None));
    for freshness in [SequenceNumbers, Both] {
        assert_eq!(both_refused(freshness, &numbered(None), 42), missing);
    }
    // A gap, a repetition, and an order that is another one.
    let (mut ours, mut theirs) = pair(SequenceNumbers);
    let messages = [1, 2, 3].map(|n: u8| ours.make_priv(&[n], NOW).unwrap());
    assert_eq!(code(theirs.read_priv(&messages[1], NOW)), 42);
    assert!(theirs.read_priv(&messages[0], NOW).is_ok());
    assert_eq!(code(theirs.read_priv(&messages[0], NOW)), 42);
    assert_eq!(code(theirs.read_priv(&messages[2], NOW)), 42);
    assert!(theirs.read_priv(&messages[1], NOW).is_ok());
    assert!(theirs.read_priv(&messages[2], NOW).is_ok());
}

#[test]
fn ap_10_the_peers_clock() {
    let config = |local, peer| SessionConfig::new(Freshness::Timestamps, hosts(local, peer));
    let ours = config("192.0.2.1", "192.0.2.2").clock_offset(secs(3600));
    let theirs = config("192.0.2.2", "192.0.2.1");
    let (mut ours, mut theirs) = between(keys(), ours, theirs);
    let there = NOW.offset(secs(3600));
    let message = ours.make_priv(b"data", NOW).unwrap();
    assert!(theirs.read_priv(&message, there).is_ok());
    let message = theirs.make_safe(b"data", there).unwrap();
    assert!(ours.read_safe(&message, NOW).is_ok());
}

#[test]
fn ap_66_memory_is_bounded() {
    let config = |local, peer| SessionConfig::new(Freshness::Timestamps, hosts(local, peer));
    let ours = config("192.0.2.1", "192.0.2.2");
    let theirs = config("192.0.2.2", "192.0.2.1").memory(3);
    let (mut ours, mut theirs) = between(keys(), ours, theirs);
    for _ in 0..3 {
        let message = ours.make_priv(b"data", NOW).unwrap();
        assert!(theirs.read_priv(&message, NOW).is_ok());
        assert!(theirs.make_priv(b"data", NOW).is_ok());
    }
    let message = ours.make_priv(b"data", NOW).unwrap();
    let refused = fault(theirs.read_priv(&message, NOW), 60);
    assert_eq!(refused, Fault::TooMany { remembered: 3 });
    assert!(matches!(
        theirs.make_priv(b"data", NOW),
        Err(Error::Misuse(_))
    ));
}

#[test]
fn ap_67_addresses_of_hosts() {
    use Freshness::Both;
    let from = |s_address: HostAddr| Said {
        s_address,
        ..Said::right()
    };
    let odd = |addr_type, address: &[u8]| HostAddr {
        addr_type: AddrType(addr_type),
        address: address.to_vec(),
    };
    for wrong in [
        host("192.0.2.3"),
        host("192.0.2.2"),
        host("2001:db8::1"),
        odd(2, &[192, 0, 2]),
        odd(2, &[]),
        odd(3, &[0, 0, 0, 0]),
        odd(24, &[192, 0, 2, 1]),
        odd(20, b"WORKSTATION     "),
    ] {
        let fault = both_refused(Both, &from(wrong), 38);
        assert!(matches!(
            fault,
            Fault::Address {
                field: "s-address",
                ..
            }
        ));
    }
    // The recipient's is compared if it is there ...
    let to = |text: &str| Said {
        r_address: Some(host(text)),
        ..Said::right()
    };
    both_read(Both, &to("192.0.2.2"));
    let fault = both_refused(Both, &to("192.0.2.9"), 38);
    assert!(matches!(
        fault,
        Fault::Address {
            field: "r-address",
            ..
        }
    ));
    // ... against each of ours ...
    let read = |theirs: HostAddresses, said: &Said| {
        let config = SessionConfig::new(Both, theirs);
        let mut acceptor = Session::acceptor(keys(), config).unwrap();
        acceptor.read_priv(&said.private(), NOW)
    };
    let theirs = || hosts("192.0.2.2", "192.0.2.1");
    let both = theirs().also_local(host("192.0.2.9"));
    assert!(read(both, &to("192.0.2.9")).is_ok());
    // ... and demanded where policy says so.
    assert_eq!(code(read(theirs().demand_recipient(), &Said::right())), 38);
    assert!(read(theirs().demand_recipient(), &to("192.0.2.2")).is_ok());
    // A peer behind address translation.
    let any = || HostAddresses::with_any_peer(host("192.0.2.2")).unwrap();
    assert!(read(any(), &from(host("198.51.100.7"))).is_ok());
    assert_eq!(code(read(any(), &from(odd(3, &[0, 0, 0, 0])))), 38);
    // What we send.
    let config = SessionConfig::new(Both, hosts("192.0.2.1", "192.0.2.2").name_recipient());
    let mut ours = Session::initiator(keys(), config).unwrap();
    let message = ours.make_priv(b"data", NOW).unwrap();
    let demanding = SessionConfig::new(Both, theirs().demand_recipient());
    let mut acceptor = Session::acceptor(keys(), demanding).unwrap();
    assert!(acceptor.read_priv(&message, NOW).is_ok());
}

#[test]
fn ap_68_directions() {
    use Freshness::Both;
    let (mut ours, mut theirs) = between(keys(), directional(Both), directional(Both));
    let message = ours.make_safe(b"data", NOW).unwrap();
    let s_address = |octets: &[u8]| {
        let safe = KrbSafe::from_bytes(octets).unwrap();
        let body: KrbSafeBody<'_> =
            crate::wire::primitive::from_der("KRB-SAFE-BODY", safe.safe_body.as_bytes()).unwrap();
        (
            body.s_address.addr_type.0,
            body.s_address.address.as_bytes().to_vec(),
            body.r_address.is_some(),
        )
    };
    assert_eq!(s_address(&message), (3, vec![0, 0, 0, 0], false));
    assert!(theirs.read_safe(&message, NOW).is_ok());
    let answer = theirs.make_safe(b"data", NOW).unwrap();
    assert_eq!(s_address(&answer), (3, vec![0, 0, 0, 1], false));
    // Our own message is not the peer's, be its number what it may.
    let own = Said {
        number: Some(5000),
        time: Some(NOW.offset(9)),
        s_address: HostAddr {
            addr_type: AddrType::DIRECTIONAL,
            address: vec![0, 0, 0, 0],
        },
        r_address: None,
        usec: true,
    };
    assert_eq!(code(ours.read_priv(&own.private(), NOW)), 38);
    assert_eq!(code(ours.read_safe(&own.safe(), NOW)), 38);
    assert_eq!(code(ours.read_safe(&message, NOW)), 38);
    assert!(ours.read_safe(&answer, NOW).is_ok());
    // Only four octets, only 0 and 1, no hosts, and no direction as the recipient's address.
    let direction = |octets: &[u8]| HostAddr {
        addr_type: AddrType::DIRECTIONAL,
        address: octets.to_vec(),
    };
    for (s_address, r_address) in [
        (direction(&[0]), None),
        (direction(&[0, 0, 0, 2]), None),
        (direction(&[1, 0, 0, 0]), None),
        (direction(&[0, 0, 0, 0, 1]), None),
        (host("192.0.2.1"), None),
        (direction(&[0, 0, 0, 1]), Some(direction(&[0, 0, 0, 0]))),
        (direction(&[0, 0, 0, 1]), Some(host("192.0.2.1"))),
    ] {
        let message = Said {
            number: Some(5001),
            s_address,
            r_address,
            ..own.clone()
        };
        assert_eq!(code(ours.read_priv(&message.private(), NOW)), 38);
    }
}

/// On one host addresses tell no direction: times and numbers have to.
#[test]
fn ap_68_our_own_messages_on_one_host() {
    let config = |freshness| SessionConfig::new(freshness, hosts("192.0.2.1", "192.0.2.1"));
    let equal_numbers = || SessionKeys {
        acceptor_seq: 1000,
        ..keys()
    };
    for freshness in [
        Freshness::Timestamps,
        Freshness::SequenceNumbers,
        Freshness::Both,
    ] {
        let (mut ours, mut theirs) = between(equal_numbers(), config(freshness), config(freshness));
        let (private, safe) = (
            ours.make_priv(b"data", NOW).unwrap(),
            ours.make_safe(b"data", NOW).unwrap(),
        );
        let cred = ours.make_cred([&super::credentials::credentials(1)], None, NOW);
        assert_eq!(
            fault(ours.read_priv(&private, NOW), 34),
            Fault::Reflected,
            "{freshness:?}"
        );
        assert_eq!(
            fault(ours.read_cred(&cred.unwrap(), None, NOW), 34),
            Fault::Reflected
        );
        // The peer's message of the same number, and perhaps the same time, is the peer's.
        let answer = theirs.make_priv(b"answer", NOW).unwrap();
        assert!(ours.read_priv(&answer, NOW).is_ok(), "{freshness:?}");
        // The next number is that of our KRB-SAFE.
        assert_eq!(fault(ours.read_safe(&safe, NOW), 34), Fault::Reflected);
        assert!(theirs.read_priv(&private, NOW).is_ok());
        assert!(theirs.read_safe(&safe, NOW).is_ok());
    }
}

/// Where only numbers could tell, and ours are forgotten, nothing is believed.
#[test]
fn ap_68_numbers_used_long_ago() {
    let config = || SessionConfig::new(Freshness::SequenceNumbers, hosts("192.0.2.1", "192.0.2.1"));
    let equal_numbers = SessionKeys {
        acceptor_seq: 1000,
        ..keys()
    };
    let (mut ours, mut theirs) = between(equal_numbers, config(), config());
    let first = ours.make_safe(b"data", NOW).unwrap();
    for _ in 0..1024 {
        ours.make_safe(b"data", NOW).unwrap();
    }
    assert_eq!(fault(ours.read_safe(&first, NOW), 34), Fault::Reflected);
    let answer = theirs.make_safe(b"data", NOW).unwrap();
    assert_eq!(fault(ours.read_safe(&answer, NOW), 34), Fault::Reflected);
}

#[test]
fn ap_69_addresses_that_no_message_names() {
    for text in ["::", "::1", "fe80::1"] {
        assert!(HostAddresses::new(host(text), host("192.0.2.2")).is_err());
        assert!(HostAddresses::new(host("192.0.2.2"), host(text)).is_err());
        assert!(HostAddresses::with_any_peer(host(text)).is_err());
        let any = HostAddresses::with_any_peer(host("2001:db8::2")).unwrap();
        let config = SessionConfig::new(Freshness::Both, any);
        let mut acceptor = Session::acceptor(keys(), config).unwrap();
        let named = Said {
            s_address: host(text),
            ..Said::right()
        };
        assert_eq!(code(acceptor.read_priv(&named.private(), NOW)), 38);
    }
    // IPv4 inside of IPv6 is IPv4.
    let config = SessionConfig::new(
        Freshness::Both,
        hosts("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
    );
    let mut ours = Session::initiator(keys(), config).unwrap();
    let (_, mut theirs) = pair(Freshness::Both);
    let message = ours.make_safe(b"data", NOW).unwrap();
    assert!(theirs.read_safe(&message, NOW).is_ok());
}

/// What Windows can do: KRB-PRIV with a number and no time.
#[test]
fn ap_83_priv_with_sequence_numbers() {
    let (mut ours, _) = pair(Freshness::SequenceNumbers);
    let octets = ours.make_priv(b"data", NOW).unwrap();
    let message = KrbPriv::from_bytes(&octets).unwrap();
    let plain = keys()
        .in_force()
        .decrypt(KeyUsage(13), message.enc_part.cipher.as_bytes())
        .unwrap();
    let part = EncKrbPrivPart::from_bytes(&plain).unwrap();
    assert!(part.timestamp.is_none() && part.usec.is_none());
    assert_eq!(part.seq_number, Some(UInt32(1000)));
}

/// The acceptor's first number without AP-REP.
#[test]
fn ap_59_numbers_that_nobody_said() {
    let one_leg = || SessionKeys {
        acceptor_seq: 1000,
        ..keys()
    };
    let config = || directional(Freshness::SequenceNumbers);
    let theirs = Session::acceptor(one_leg(), config()).unwrap();
    assert_eq!(theirs.next_number(), 1000);
    let (mut ours, mut theirs) = between(
        one_leg(),
        config().acceptor_starts_at(0),
        config().acceptor_starts_at(0),
    );
    assert_eq!((ours.next_number(), theirs.next_number()), (1000, 0));
    let message = theirs.make_safe(b"data", NOW).unwrap();
    assert!(ours.read_safe(&message, NOW).is_ok());
}

/// Security case 124: microseconds are neither scaled nor lost.
#[test]
fn case_124_microseconds_of_a_message() {
    for usec in [0, 1, 9, 10, 99_999, 100_000, 500_000, 999_998, 999_999] {
        let now = Timestamp::new(NOW.time(), usec);
        let (mut ours, mut theirs) = pair(Freshness::Timestamps);
        let octets = ours.make_safe(b"data", now).unwrap();
        let safe = KrbSafe::from_bytes(&octets).unwrap();
        let body: KrbSafeBody<'_> =
            crate::wire::primitive::from_der("KRB-SAFE-BODY", safe.safe_body.as_bytes()).unwrap();
        assert_eq!(body.usec.unwrap().get(), usec);
        assert_eq!(body.timestamp.unwrap(), NOW.time());
        assert!(theirs.read_safe(&octets, now).is_ok());
    }
    assert!(Microseconds::new(1_000_000).is_none());
}

/// Octets that are no message at all.
#[test]
fn octets_of_any_kind_are_refused() {
    let (_, mut acceptor) = pair(Freshness::Both);
    for octets in [
        &b""[..],
        b"\x74",
        b"\x74\x80\x00\x00",
        b"\x75\x02\x30\x00",
        b"\x76\x02\x30\x00",
        b"GET / HTTP/1.1\r\n",
        &[0x30, 0x80].repeat(500),
    ] {
        assert!(acceptor.read_safe(octets, NOW).is_err());
        assert!(acceptor.read_priv(octets, NOW).is_err());
        assert!(acceptor.read_cred(octets, None, NOW).is_err());
    }
}

#[test]
fn debug_shows_no_key() {
    let (ours, _) = pair(Freshness::Both);
    let shown = format!("{ours:?}");
    assert!(
        !shown.contains("3, 3, 3, 3") && !shown.contains("0303"),
        "{shown}"
    );
    assert!(shown.contains("Key("), "{shown}");
}
