//! KRB-CRED.

use super::super::cred::{inside_authenticator, seal};
use super::*;
use crate::ap::BindingKeys;
use crate::ap::tests::forge::{Forge, principal};
use crate::credentials::Credentials;
use crate::crypto::{Enctype, KeyUsage};
use crate::random::OsRandom;
use crate::wire::{
    AddrType, EncKrbCredPart, EncryptedData, KrbCred, Message, OctetString, TicketFlags,
};

/// Credentials with every field, told apart by `seed`.
pub(super) fn credentials(seed: u8) -> Credentials {
    let mut forge = Forge::right();
    forge.server = principal(&format!("krbtgt/REALM{seed}.EXAMPLE@EXAMPLE.COM"));
    forge.session_key = key(AES256, seed);
    let time = |offset| KerberosTime::from_secs(NOW.time().as_secs() + offset);
    Credentials {
        client: forge.client.clone(),
        server: forge.server.clone(),
        ticket: forge.ticket(),
        session_key: forge.session_key,
        flags: TicketFlags::FORWARDED | TicketFlags::FORWARDABLE,
        authtime: time(-60),
        starttime: Some(time(-30)),
        endtime: time(36_000),
        renew_till: Some(time(72_000)),
        addresses: vec![(AddrType::IPV4, vec![192, 0, 2, seed])],
        clock_offset: 0,
        second_ticket: None,
    }
}

fn same(a: &Credentials, b: &Credentials) {
    assert_eq!((&a.client, &a.server), (&b.client, &b.server));
    assert_eq!(a.ticket, b.ticket);
    assert_eq!(a.session_key, b.session_key);
    assert_eq!(a.flags, b.flags);
    assert_eq!(
        (a.authtime, a.starttime, a.endtime, a.renew_till),
        (b.authtime, b.starttime, b.endtime, b.renew_till)
    );
    assert_eq!(a.addresses, b.addresses);
}

/// The sealed part of a KRB-CRED, opened.
fn plain(octets: &[u8], key: &Key) -> Vec<u8> {
    let message = KrbCred::from_bytes(octets).unwrap();
    let cipher = message.enc_part.cipher.as_bytes();
    key.decrypt(KeyUsage(14), cipher).unwrap()
}

/// The same tickets around another part, as it is or sealed.
fn around(octets: &[u8], part: &[u8], key: Option<&Key>) -> Vec<u8> {
    let message = KrbCred::from_bytes(octets).unwrap();
    let (etype, cipher) = match key {
        None => (0, part.to_vec()),
        Some(key) => (
            key.enctype().0,
            key.encrypt(KeyUsage(14), part, &OsRandom).unwrap(),
        ),
    };
    let message = KrbCred {
        enc_part: EncryptedData {
            etype,
            kvno: None,
            cipher: OctetString(&cipher),
        },
        ..message
    };
    message.to_bytes().unwrap()
}

#[test]
fn ap_70_two_tickets_pair_by_position() {
    let (mut ours, mut theirs) = pair(Freshness::SequenceNumbers);
    let (first, second) = (credentials(41), credentials(42));
    let octets = ours.make_cred([&first, &second], None, NOW).unwrap();
    let received = theirs.read_cred(&octets, None, NOW).unwrap();
    let [one, two] = &received[..] else {
        panic!("{received:?}")
    };
    same(one, &first);
    same(two, &second);
    // Under the key in force, usage 14, [APPLICATION 29]; each has its key.
    let part = plain(&octets, keys().in_force());
    assert_eq!(part[0], 0x7d);
    let part = EncKrbCredPart::from_bytes(&part).unwrap();
    let keys: Vec<_> = part.ticket_info.iter().map(|i| i.key.keyvalue.0).collect();
    assert_eq!(keys, [&[41; 32], &[42; 32]]);
    // The numbers of the other messages are not touched.
    assert_eq!(ours.next_number(), 1000);
    assert!(matches!(
        ours.make_cred([], None, NOW),
        Err(Error::Misuse(_))
    ));
}

#[test]
fn ap_70_tickets_and_keys_in_equal_number() {
    let (mut ours, mut theirs) = pair(Freshness::Timestamps);
    let two = ours.make_cred([&credentials(1), &credentials(2)], None, NOW);
    let one = ours.make_cred([&credentials(1)], None, NOW);
    let (two, one) = (two.unwrap(), one.unwrap());
    let keys = keys();
    let key = keys.in_force();
    for (tickets, part) in [(&two, &one), (&one, &two)] {
        let mixed = around(tickets, &plain(part, key), Some(key));
        assert!(matches!(
            theirs.read_cred(&mixed, None, NOW),
            Err(Error::Malformed(_))
        ));
    }
}

#[test]
fn ap_71_time_and_nonce() {
    let (mut ours, mut theirs) = pair(Freshness::SequenceNumbers);
    let sent = credentials(1);
    let late = ours.make_cred([&sent], None, NOW).unwrap();
    let after = |seconds| NOW.offset(secs(seconds));
    for now in [after(301), after(-301)] {
        let fault = fault(theirs.read_cred(&late, None, now), 37);
        assert!(matches!(fault, Fault::Skew { sent: Some(_), .. }));
    }
    assert!(theirs.read_cred(&late, None, after(300)).is_ok());
    assert_eq!(code(theirs.read_cred(&late, None, NOW)), 34);
    // Without a time.
    let timeless = seal(&[&sent], keys().in_force(), None, None, &OsRandom).unwrap();
    let fault_of = fault(theirs.read_cred(&timeless, None, NOW), 37);
    assert!(matches!(fault_of, Fault::Skew { sent: None, .. }));
    // A nonce counts for those who asked for one.
    let mut answer = |nonce| ours.make_cred([&sent], nonce, NOW).unwrap();
    let (right, wrong, none) = (answer(Some(7)), answer(Some(8)), answer(None));
    assert_eq!(
        fault(theirs.read_cred(&wrong, Some(7), NOW), 42),
        Fault::Nonce
    );
    assert_eq!(
        fault(theirs.read_cred(&none, Some(7), NOW), 42),
        Fault::Nonce
    );
    assert!(theirs.read_cred(&right, Some(7), NOW).is_ok());
    assert!(theirs.read_cred(&wrong, None, NOW).is_ok());
}

#[test]
fn ap_72_in_the_clear_only_inside_an_authenticator() {
    let (mut ours, mut theirs) = pair(Freshness::Timestamps);
    let sent = credentials(1);
    let octets = ours.make_cred([&sent], None, NOW).unwrap();
    let clear = around(&octets, &plain(&octets, keys().in_force()), None);
    assert_eq!(
        fault(theirs.read_cred(&clear, None, NOW), 60),
        Fault::InTheClear
    );
    // There it is: only the GSS acceptor has such keys to show.
    let keys = keys();
    let inside = BindingKeys {
        session: &keys.session,
        subkey: keys.initiator_subkey.as_ref(),
        client_supplies_bindings: false,
    };
    let received = inside_authenticator(&clear, &inside).unwrap();
    same(&received[0], &sent);
    // A kvno is not looked at.
    let message = KrbCred::from_bytes(&clear).unwrap();
    let with_kvno = KrbCred {
        enc_part: EncryptedData {
            kvno: Some(UInt32(9)),
            ..message.enc_part
        },
        ..message
    };
    assert!(inside_authenticator(&with_kvno.to_bytes().unwrap(), &inside).is_ok());
    // What says that it is encrypted must be.
    let message = KrbCred::from_bytes(&clear).unwrap();
    let pretended = KrbCred {
        enc_part: EncryptedData {
            etype: 18,
            ..message.enc_part
        },
        ..message
    };
    assert!(inside_authenticator(&pretended.to_bytes().unwrap(), &inside).is_err());
}

#[test]
fn ap_73_the_subkey_then_the_session_key() {
    let keys = keys();
    let sealed = |key: &Key, n: i64| {
        let sent = credentials(1);
        let time = NOW.offset(n);
        seal(&[&sent], key, Some(time), None, &OsRandom).unwrap()
    };
    let (_, mut theirs) = pair(Freshness::Timestamps);
    let mut read = |octets: &[u8]| theirs.read_cred(octets, None, NOW);
    assert!(read(&sealed(keys.in_force(), 1)).is_ok());
    assert!(read(&sealed(&keys.session, 2)).is_ok());
    let other_enctype = key(Enctype::AES128_CTS_HMAC_SHA1_96, 1);
    for (n, other) in [&key(AES256, 99), &other_enctype].into_iter().enumerate() {
        let refused = fault(read(&sealed(other, 3 + n as i64)), 31);
        assert_eq!(refused, Fault::Integrity);
    }
}

#[test]
fn changed_and_cut() {
    let (mut ours, mut theirs) = pair(Freshness::Timestamps);
    let octets = ours.make_cred([&credentials(1)], None, NOW).unwrap();
    let sealed = KrbCred::from_bytes(&octets).unwrap();
    let cipher = sealed.enc_part.cipher.as_bytes();
    for at in 0..cipher.len() {
        let mut changed = octets.clone();
        let from_end = cipher.len() - at;
        let at = changed.len() - from_end;
        changed[at] ^= 4;
        assert_eq!(
            fault(theirs.read_cred(&changed, None, NOW), 31),
            Fault::Integrity
        );
    }
    for len in 0..octets.len() {
        assert!(theirs.read_cred(&octets[..len], None, NOW).is_err());
    }
    let message = KrbCred::from_bytes(&octets).unwrap();
    let other = KrbCred {
        pvno: 4,
        ..message.clone()
    };
    assert_eq!(
        code(theirs.read_cred(&other.to_bytes().unwrap(), None, NOW)),
        39
    );
    let other = KrbCred {
        msg_type: 21,
        ..message
    };
    assert_eq!(
        code(theirs.read_cred(&other.to_bytes().unwrap(), None, NOW)),
        40
    );
    assert!(theirs.read_cred(&octets, None, NOW).is_ok());
}

/// Without the names nobody could use the ticket.
#[test]
fn what_is_needed_to_use_a_ticket_must_be_there() {
    type Leave = fn(&mut crate::wire::KrbCredInfo<'_>);
    let leave: [Leave; 5] = [
        |info| info.prealm = None,
        |info| info.pname = None,
        |info| info.srealm = None,
        |info| info.sname = None,
        |info| info.endtime = None,
    ];
    let (mut ours, mut theirs) = pair(Freshness::Timestamps);
    let octets = ours.make_cred([&credentials(1)], None, NOW).unwrap();
    let keys = keys();
    let octets_plain = plain(&octets, keys.in_force());
    for leave in leave {
        let mut part = EncKrbCredPart::from_bytes(&octets_plain).unwrap();
        leave(&mut part.ticket_info[0]);
        let part = part.to_bytes().unwrap();
        let without = around(&octets, &part, Some(keys.in_force()));
        assert!(matches!(
            theirs.read_cred(&without, None, NOW),
            Err(Error::Malformed(_))
        ));
    }
}

/// The tickets are not sealed, so anybody can change them on the way.
#[test]
fn ap_70_what_is_passed_on_is_a_ticket() {
    let (mut ours, mut theirs) = pair(Freshness::Timestamps);
    let sent = credentials(1);
    let mut octets = ours.make_cred([&sent], None, NOW).unwrap();
    let at = octets
        .windows(sent.ticket.len())
        .position(|window| window == sent.ticket)
        .unwrap();
    // The tag of tkt-vno: behind those of Ticket and its SEQUENCE.
    let vno = at
        + octets[at..]
            .iter()
            .position(|octet| *octet == 0xA0)
            .unwrap();
    octets[vno] = 0xA7;
    assert!(matches!(
        theirs.read_cred(&octets, None, NOW),
        Err(Error::Malformed(_))
    ));
}
