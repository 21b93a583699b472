//! Delegated credentials, sent and received.

use super::exchange::{
    MUTUAL_REQUIRED, accepted, acceptor, authenticator, credentials, established, first, initiator,
    with_checksum,
};
use crate::ap::tests::forge::{AES256, Forge, NOW, key, principal};
use crate::credentials::Credentials;
use crate::crypto::KeyUsage;
use crate::gss::delegation::krb_cred;
use crate::gss::{ContextFlags, GssChecksum, Initiator, MajorStatus, Role};
use crate::random::OsRandom;
use crate::time::KerberosTime;
use crate::wire::{
    ApOptions, Authenticator, EncryptedData, KrbCred, Message, OctetString, TicketFlags,
};

pub(super) fn forwarded() -> Credentials {
    let mut forge = Forge::right();
    forge.server = principal("krbtgt/EXAMPLE.COM@EXAMPLE.COM");
    forge.session_key = key(AES256, 99);
    forge.flags = forge.flags | TicketFlags::FORWARDED | TicketFlags::FORWARDABLE;
    Credentials {
        renew_till: Some(KerberosTime::from_secs(NOW.time().as_secs() + 99_999)),
        starttime: Some(NOW.time()),
        addresses: vec![(crate::wire::AddrType(2), vec![10, 0, 0, 1])],
        ..credentials(&forge)
    }
}

#[test]
fn gss_32_35_delegation() {
    let (ours, theirs) = established(initiator().delegate(forwarded()), acceptor());
    assert!(ours.flags().contains(ContextFlags::DELEG));
    assert!(theirs.flags().contains(ContextFlags::DELEG));
    let [received] = &theirs.info().delegated[..] else {
        panic!()
    };
    let sent = forwarded();
    assert_eq!(received.client, sent.client);
    assert_eq!(received.server, sent.server);
    assert_eq!(received.session_key, sent.session_key);
    assert_eq!(received.flags, sent.flags);
    assert_eq!(
        (received.authtime, received.starttime, received.endtime),
        (sent.authtime, sent.starttime, sent.endtime)
    );
    assert_eq!(received.renew_till, sent.renew_till);
    assert_eq!(received.addresses, sent.addresses);
    assert!(ours.info().delegated.is_empty());
}

#[test]
fn gss_32_with_the_session_key() {
    let (token, _) = first(initiator().delegate(forwarded()));
    let octets = authenticator(&token);
    let part = Authenticator::from_bytes(&octets).unwrap();
    let cksum = part.cksum.unwrap();
    let checksum = GssChecksum::parse(cksum.checksum.as_bytes()).unwrap();
    let cred = KrbCred::from_bytes(checksum.delegation.unwrap()).unwrap();
    assert!(part.subkey.is_some());
    let session = Forge::right().session_key;
    assert!(
        session
            .decrypt(KeyUsage(14), cred.enc_part.cipher.as_bytes())
            .is_ok()
    );
}

#[test]
fn gss_18_a_tgt_too_big_is_not_delegated() {
    let mut big = forwarded();
    let mut forge = Forge::right();
    forge.ticket_data = vec![(1, vec![0; 65_000])];
    big.ticket = forge.ticket();
    let (ours, theirs) = established(initiator().delegate(big), acceptor());
    assert!(!ours.flags().contains(ContextFlags::DELEG));
    assert!(!theirs.flags().contains(ContextFlags::DELEG));
    assert!(theirs.info().delegated.is_empty());
}

#[test]
fn gss_35_damaged_delegation_is_refused() {
    let good = krb_cred(&forwarded(), &Forge::right().session_key, &OsRandom).unwrap();
    let present = |cred: &[u8]| {
        let checksum = GssChecksum {
            flags: ContextFlags::MUTUAL,
            delegation: Some(cred),
            ..GssChecksum::default()
        };
        let token = with_checksum(Some((0x8003, checksum.to_bytes())), MUTUAL_REQUIRED);
        acceptor().accept(&token, NOW)
    };
    assert!(present(&good).is_ok());
    for at in (0..good.len()).step_by(13).chain([good.len() - 1]) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        // Nothing protects the ticket in the clear part; its service will refuse it.
        if let Err(refusal) = present(&bad) {
            assert_eq!(
                refusal.error.gss_major(Role::Acceptor),
                MajorStatus::FAILURE
            );
        }
        assert!(present(&good[..at]).is_err());
    }
    let other = krb_cred(&forwarded(), &key(AES256, 55), &OsRandom);
    assert!(present(&other.unwrap()).is_err());
    // AP-73: with the subkey.
    let subkey = Forge::right().subkey.unwrap();
    let sealed = krb_cred(&forwarded(), &subkey, &OsRandom);
    let (_, context) = accepted(present(&sealed.unwrap()));
    assert_eq!(context.info().delegated.len(), 1);
}

#[test]
fn ap_72_a_clear_krb_cred_inside_the_authenticator() {
    let session = Forge::right().session_key;
    let cred = krb_cred(&forwarded(), &session, &OsRandom).unwrap();
    let sealed = KrbCred::from_bytes(&cred).unwrap();
    let plain = session
        .decrypt(KeyUsage(14), sealed.enc_part.cipher.as_bytes())
        .unwrap();
    let clear = KrbCred {
        enc_part: EncryptedData {
            etype: 0,
            kvno: None,
            cipher: OctetString(&plain),
        },
        ..sealed
    };
    let cred = clear.to_bytes().unwrap();
    let checksum = GssChecksum {
        delegation: Some(&cred),
        ..GssChecksum::default()
    };
    let token = with_checksum(Some((0x8003, checksum.to_bytes())), ApOptions::NONE);
    let (_, context) = accepted(acceptor().accept(&token, NOW));
    assert_eq!(context.info().delegated.len(), 1);
    assert!(context.flags().contains(ContextFlags::DELEG));
}

/// The default is none (security case 28's half of GSS-API): nothing asks, nothing is wanted.
#[test]
fn gss_33_without_a_forwarded_tgt() {
    assert!(!initiator().wants_forwarded_tgt());
    let (ours, theirs) = established(initiator(), acceptor());
    assert!(!ours.flags().contains(ContextFlags::DELEG));
    assert!(theirs.info().delegated.is_empty());
    // It was asked for, and the KDC gave none: the context goes on without.
    let deleg = ContextFlags::DELEG;
    for asked in [deleg, deleg | ContextFlags::DELEG_POLICY] {
        let asking = initiator().flags(asked | ContextFlags::MUTUAL);
        assert!(asking.wants_forwarded_tgt());
        let (ours, theirs) = established(asking, acceptor());
        for context in [&ours, &theirs] {
            assert!(context.flags().contains(ContextFlags::MUTUAL));
            assert_eq!(context.flags().and(asked), ContextFlags::NONE);
            assert!(context.info().delegated.is_empty());
        }
    }
}

/// Whether it is asked for, recommended, and given; and what the initiator then has.
#[test]
fn gss_34_deleg_policy() {
    let (deleg, policy) = (ContextFlags::DELEG, ContextFlags::DELEG_POLICY);
    let none = ContextFlags::NONE;
    for (asked, recommended, wants, ours_has) in [
        (none, false, false, deleg),
        (none, true, false, deleg),
        (deleg, false, true, deleg),
        (deleg, true, true, deleg),
        (policy, false, false, none),
        (policy, true, true, deleg | policy),
        (deleg | policy, false, true, deleg),
        (deleg | policy, true, true, deleg | policy),
    ] {
        let case = format!("{asked:?} {recommended}");
        let mut ticket = credentials(&Forge::right());
        if recommended {
            ticket.flags = ticket.flags | TicketFlags::OK_AS_DELEGATE;
        }
        let asking = Initiator::new(ticket).flags(asked | ContextFlags::MUTUAL);
        assert_eq!(asking.wants_forwarded_tgt(), wants, "{case}");
        let given = asking.delegate(forwarded());
        assert!(!given.wants_forwarded_tgt());
        let (ours, theirs) = established(given, acceptor());
        assert_eq!(ours.flags().and(deleg | policy), ours_has, "{case}");
        // The acceptor learns what it was given, not why (RFC 5896 §3).
        assert_eq!(
            theirs.flags().and(deleg | policy),
            ours_has.and(deleg),
            "{case}"
        );
        let count = usize::from(ours_has.contains(deleg));
        assert_eq!(theirs.info().delegated.len(), count, "{case}");
    }
}

/// GSS-18: neither flag is there where the TGT does not fit.
#[test]
fn gss_18_a_recommended_acceptor_and_a_tgt_too_big() {
    let mut big = forwarded();
    let mut forge = Forge::right();
    forge.ticket_data = vec![(1, vec![0; 65_000])];
    big.ticket = forge.ticket();
    let mut ticket = credentials(&Forge::right());
    ticket.flags = ticket.flags | TicketFlags::OK_AS_DELEGATE;
    let both = ContextFlags::DELEG | ContextFlags::DELEG_POLICY;
    let initiator = Initiator::new(ticket).flags(both | ContextFlags::MUTUAL);
    let (ours, theirs) = established(initiator.delegate(big), acceptor());
    assert_eq!(ours.flags().and(both), ContextFlags::NONE);
    assert!(theirs.info().delegated.is_empty());
}

/// GSS-35: what was delegated is a cache for whoever asks for one.
#[test]
fn gss_35_delegated_credentials_in_a_cache() {
    use crate::ccache::CredentialCache;
    use crate::crypto::DEFAULT_ENCTYPES;
    let sent = forwarded();
    let (_, theirs) = established(initiator().delegate(sent.clone()), acceptor());
    let [received] = &theirs.info().delegated[..] else {
        panic!()
    };
    let octets = CredentialCache::with_credentials(received)
        .to_bytes()
        .unwrap();
    let cache = CredentialCache::parse(octets.expose(), "delegated").unwrap();
    assert_eq!(cache.default_principal(), &sent.client);
    let tgt = cache.tgt(NOW, DEFAULT_ENCTYPES).unwrap();
    let again = cache.to_credentials(tgt).unwrap();
    assert_eq!(again.ticket, sent.ticket);
    assert_eq!(again.session_key, sent.session_key);
    assert!(again.flags.contains(TicketFlags::FORWARDED));
}
