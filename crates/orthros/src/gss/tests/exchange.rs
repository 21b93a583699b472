//! The establishment of a context.

use std::sync::Arc;

use crate::ap::tests::forge::{AES128, AES256, Forge, NOW, key, principal};
use crate::ap::{self, ReplayCache, ReplayVerdict};
use crate::credentials::Credentials;
use crate::crypto::{DEFAULT_ENCTYPES, Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::gss::token::{TokenId, frame, unframe};
use crate::gss::{
    Acceptor, AcceptorBindings, AwaitReply, AwaitToken, ChannelBindings, ContextFlags, GssChecksum,
    Initiator, MajorStatus, Protection, Role, SecurityContext,
};
use crate::step::{Refusal, Step};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    ApOptions, ApRep, ApReq, Authenticator, EncApRepPart, EncryptedData, EncryptionKey, ErrorCode,
    KrbError, Message, Microseconds, OctetString, TicketFlags, UInt32,
};

/// A client's credentials with the ticket of `forge`.
pub(crate) fn credentials(forge: &Forge) -> Credentials {
    Credentials {
        client: forge.client.clone(),
        server: forge.server.clone(),
        ticket: forge.ticket(),
        session_key: forge.session_key.clone(),
        flags: forge.flags,
        authtime: KerberosTime::from_secs(NOW.time().as_secs() + forge.authtime),
        starttime: None,
        endtime: KerberosTime::from_secs(NOW.time().as_secs() + forge.endtime),
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

pub(crate) fn initiator() -> Initiator {
    Initiator::new(credentials(&Forge::right()))
}

pub(crate) fn acceptor() -> Acceptor {
    Acceptor::new(ap::Acceptor::new(Forge::right().config()))
}

pub(crate) fn first(initiator: Initiator) -> (Vec<u8>, AwaitReply) {
    match initiator.request(NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn accepted(
    result: Result<Step<AwaitToken, SecurityContext>, Refusal>,
) -> (Option<Vec<u8>>, SecurityContext) {
    match result.unwrap() {
        Step::Established { token, context } => (token, context),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn established(
    initiator: Initiator,
    acceptor: Acceptor,
) -> (SecurityContext, SecurityContext) {
    match initiator.request(NOW).unwrap() {
        Step::Established { token, context } => {
            let (reply, theirs) = accepted(acceptor.accept(&token.unwrap(), NOW));
            assert!(reply.is_none());
            (context, theirs)
        }
        Step::Continue { token, next } => {
            let (reply, theirs) = accepted(acceptor.accept(&token, NOW));
            match next.reply(&reply.unwrap(), NOW).unwrap() {
                Step::Established {
                    token: None,
                    context,
                } => (context, theirs),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn converse(ours: &mut SecurityContext, theirs: &mut SecurityContext) {
    for n in 0..3u8 {
        for protection in [Protection::Integrity, Protection::Confidentiality] {
            for (from, to) in [(0, 1), (1, 0)] {
                let ends = [&mut *ours, &mut *theirs];
                let token = ends[from].wrap(protection, &[n; 40]).unwrap();
                let unwrapped = ends[to].unwrap(&token).unwrap();
                assert_eq!(unwrapped.protection(), protection);
                assert_eq!(unwrapped.complete().unwrap(), [n; 40]);
                assert!(ends[from].unwrap(&token).is_err());
                let mic = ends[from].get_mic(&[n; 40]).unwrap();
                ends[to]
                    .verify_mic(&[n; 40], &mic)
                    .unwrap()
                    .complete()
                    .unwrap();
            }
        }
    }
}

/// The authenticator in a token, decrypted, with the ticket's session key.
pub(crate) fn authenticator(token: &[u8]) -> Vec<u8> {
    let (id, message) = unframe(token).unwrap();
    assert_eq!(id, TokenId::AP_REQ);
    let request = ApReq::from_bytes(message).unwrap();
    Forge::right()
        .session_key
        .decrypt(
            KeyUsage::AP_REQ_AUTHENTICATOR,
            request.authenticator.cipher.as_bytes(),
        )
        .unwrap()
}

/// What no token says and every context has.
const LOCAL: ContextFlags = ContextFlags(128 | 256);
const DEFAULT_FLAGS: ContextFlags = ContextFlags(0x3E);

#[test]
fn gss_11_mutual_two_tokens() {
    let (mut ours, mut theirs) = established(initiator(), acceptor());
    let expected = DEFAULT_FLAGS | LOCAL;
    for context in [&ours, &theirs] {
        assert_eq!(context.flags(), expected);
        assert_eq!(context.info().initiator, principal("alice@EXAMPLE.COM"));
        assert_eq!(
            context.info().acceptor,
            principal("HTTP/web.example.com@EXAMPLE.COM")
        );
        assert_eq!(context.lifetime(NOW).as_secs(), 35_999);
        let late = NOW.offset(36_001_000_000);
        assert_eq!(context.lifetime(late).as_secs(), 0);
    }
    assert_eq!(ours.info().role, Role::Initiator);
    assert!(ours.peer().is_none());
    assert_eq!(
        theirs.peer().unwrap().client(),
        &principal("alice@EXAMPLE.COM")
    );
    assert!(ours.info().keys.acceptor_subkey.is_some());
    converse(&mut ours, &mut theirs);
}

#[test]
fn gss_11_one_token_without_mutual() {
    let flags = DEFAULT_FLAGS.without(ContextFlags::MUTUAL);
    let (mut ours, mut theirs) = established(initiator().flags(flags), acceptor());
    for context in [&ours, &theirs] {
        assert_eq!(context.flags(), flags | LOCAL);
        let keys = &context.info().keys;
        assert!(keys.acceptor_subkey.is_none() && keys.initiator_subkey.is_some());
        // GSS-29.
        assert_eq!(keys.initiator_seq, keys.acceptor_seq);
    }
    converse(&mut ours, &mut theirs);
}

#[test]
fn gss_06_07_first_tokens() {
    let (token, _) = first(initiator());
    let octets = authenticator(&token);
    let part = Authenticator::from_bytes(&octets).unwrap();
    let cksum = part.cksum.unwrap();
    assert_eq!(cksum.cksumtype, 0x8003);
    let checksum = GssChecksum::parse(cksum.checksum.as_bytes()).unwrap();
    assert_eq!(checksum.flags, DEFAULT_FLAGS);
    assert_eq!(checksum.bindings, [0; 16]);
    assert_eq!(cksum.checksum.as_bytes().len(), 24);
    assert!(part.subkey.is_some());
    let first = u64::from(part.seq_number.unwrap().0);
    assert!(first > 0 && first < 1 << 30);

    let (reply, mut theirs) = accepted(acceptor().accept(&token, NOW));
    let (id, message) = unframe(reply.as_deref().unwrap())
        .map(|(id, m)| (id, m.to_vec()))
        .unwrap();
    assert_eq!(id, TokenId::AP_REP);
    let reply = ApRep::from_bytes(&message).unwrap();
    let sealed = reply.enc_part.cipher.as_bytes();
    let octets = Forge::right()
        .session_key
        .decrypt(KeyUsage::AP_REP, sealed)
        .unwrap();
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    let number = u64::from(part.seq_number.unwrap().0);
    assert_eq!(theirs.sender().next_number(), number);
}

#[test]
fn gss_13_only_what_is_asked_for_and_available() {
    let asked = ContextFlags(0xFFFF_FFFF)
        .without(ContextFlags::ANON | ContextFlags::DCE_STYLE | ContextFlags::DELEG_POLICY);
    let (ours, theirs) = established(initiator().flags(asked), acceptor());
    let expected = DEFAULT_FLAGS | ContextFlags::IDENTIFY | ContextFlags::EXTENDED_ERROR | LOCAL;
    // Nothing was delegated and nothing bound.
    assert_eq!(ours.flags(), expected);
    assert_eq!(theirs.flags(), expected);

    let (ours, theirs) = established(initiator().flags(ContextFlags::NONE), acceptor());
    assert_eq!(ours.flags(), LOCAL);
    assert_eq!(theirs.flags(), LOCAL);
}

#[test]
fn gss_60_anonymous_only_with_an_anonymous_ticket() {
    let anonymous = initiator().flags(ContextFlags::ANON).request(NOW);
    assert!(matches!(anonymous, Err(Error::Misuse(_))));

    let mut forge = Forge::right();
    forge.flags = forge.flags | TicketFlags::ANONYMOUS;
    forge.client = principal("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS");
    let config = forge.config().allow_anonymous();
    let initiator = Initiator::new(credentials(&forge)).flags(ContextFlags::ANON);
    let (ours, theirs) = established(initiator, Acceptor::new(ap::Acceptor::new(config)));
    assert!(ours.flags().contains(ContextFlags::ANON));
    assert!(theirs.flags().contains(ContextFlags::ANON));
}

#[test]
fn initiator_with_expired_credentials() {
    let late = NOW.offset(36_001_000_000);
    let error = initiator().request(late).unwrap_err();
    assert_eq!(
        error.gss_major(Role::Initiator),
        MajorStatus::CREDENTIALS_EXPIRED
    );
    // The KDC's clock counts (AP-10).
    let mut credentials = credentials(&Forge::right());
    credentials.clock_offset = -10_000_000;
    assert!(Initiator::new(credentials).request(late).is_ok());
}

#[test]
fn gss_20_to_23_bindings() {
    let ours = || ChannelBindings::from_application_data("tls-server-end-point:abc");
    let other = || ChannelBindings::from_application_data("tls-server-end-point:abd");
    let cases = [
        (None, AcceptorBindings::None, Some(false)),
        (None, AcceptorBindings::Allow(ours().into()), Some(false)),
        (None, AcceptorBindings::Require(ours().into()), None),
        (Some(ours()), AcceptorBindings::None, Some(false)),
        (
            Some(ours()),
            AcceptorBindings::Allow(ours().into()),
            Some(true),
        ),
        (
            Some(ours()),
            AcceptorBindings::Require(ours().into()),
            Some(true),
        ),
        (Some(other()), AcceptorBindings::None, Some(false)),
        (Some(other()), AcceptorBindings::Allow(ours().into()), None),
        (
            Some(other()),
            AcceptorBindings::Require(ours().into()),
            None,
        ),
    ];
    for (sent, wanted, bound) in cases {
        let mut initiator = initiator();
        if let Some(sent) = sent {
            initiator = initiator.bindings(sent);
        }
        let acceptor = acceptor().bindings(wanted);
        match bound {
            Some(bound) => {
                let (_, theirs) = established(initiator, acceptor);
                let flag = theirs.flags().contains(ContextFlags::CHANNEL_BOUND);
                assert_eq!(flag, bound);
            }
            None => {
                let (token, _) = first(initiator);
                let refusal = acceptor.accept(&token, NOW).unwrap_err();
                assert_eq!(
                    refusal.error.gss_major(Role::Acceptor),
                    MajorStatus::BAD_BINDINGS
                );
                assert!(refusal.token.is_some());
            }
        }
    }
}

#[test]
fn gss_22_extension_is_sent_with_the_subkey() {
    let bindings = ChannelBindings::from_application_data("tls-exporter:x");
    let (token, _) = first(initiator().bindings(bindings.clone()));
    let octets = authenticator(&token);
    let part = Authenticator::from_bytes(&octets).unwrap();
    let cksum = part.cksum.unwrap();
    let checksum = GssChecksum::parse(cksum.checksum.as_bytes()).unwrap();
    assert_eq!(checksum.bindings, bindings.digest());
    let subkey = part.subkey.unwrap();
    let subkey = Key::new(Enctype(subkey.keytype), subkey.keyvalue.as_bytes()).unwrap();
    subkey
        .mac(KeyUsage(43))
        .unwrap()
        .verify(&[&bindings.to_bytes()], checksum.extension(0).unwrap())
        .unwrap();
}

/// An AP-REQ with this checksum, framed.
pub(crate) fn with_checksum(cksum: Option<(i32, Vec<u8>)>, options: ApOptions) -> Vec<u8> {
    let forge = Forge {
        cksum,
        options,
        ..Forge::right()
    };
    frame(TokenId::AP_REQ, &forge.request())
}

fn with_flags(flags: u32, options: ApOptions) -> Vec<u8> {
    let mut octets = vec![16, 0, 0, 0];
    octets.extend_from_slice(&[0; 16]);
    octets.extend_from_slice(&flags.to_le_bytes());
    with_checksum(Some((0x8003, octets)), options)
}

pub(super) const MUTUAL_REQUIRED: ApOptions = ApOptions::MUTUAL_REQUIRED;

#[test]
fn gss_12_flags_disagree() {
    for (flags, options, answered) in [
        (0x3E, ApOptions::NONE, true),
        (0x3C, MUTUAL_REQUIRED, false),
        (0x3E, MUTUAL_REQUIRED, true),
        (0x3C, ApOptions::NONE, false),
    ] {
        let token = with_flags(flags, options);
        let (reply, context) = accepted(acceptor().accept(&token, NOW));
        assert_eq!(reply.is_some(), answered);
        assert_eq!(context.flags().contains(ContextFlags::MUTUAL), answered);
    }
}

#[test]
fn gss_16_unknown_flags_are_ignored() {
    // All but DELEG, which would need a KRB-CRED, and DCE style.
    let token = with_flags(!0x1001, MUTUAL_REQUIRED);
    let (_, context) = accepted(acceptor().accept(&token, NOW));
    assert_eq!(context.flags(), ContextFlags(0x603E) | LOCAL);
}

#[test]
fn gss_05_framed_token_of_dce_style() {
    let refusal = acceptor()
        .accept(&with_flags(0x103E, MUTUAL_REQUIRED), NOW)
        .unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::DEFECTIVE_TOKEN
    );
    // Bare without the flag.
    let token = with_flags(0x3E, MUTUAL_REQUIRED);
    let (_, bare) = unframe(&token).unwrap();
    let refusal = acceptor().accept(bare, NOW).unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::DEFECTIVE_TOKEN
    );
}

#[test]
fn gss_19_without_0x8003() {
    let keyed = |key: &Key, data: &[u8]| {
        let mac = key.mac(KeyUsage::AP_REQ_AUTHENTICATOR_CKSUM).unwrap();
        Some((mac.checksum_type().0, mac.checksum(&[data]).to_vec()))
    };
    let session = Forge::right().session_key;
    for mutual in [false, true] {
        let options = match mutual {
            true => MUTUAL_REQUIRED,
            false => ApOptions::NONE,
        };
        let by_option = match mutual {
            true => ContextFlags::MUTUAL | LOCAL,
            false => LOCAL,
        };
        let (reply, context) = accepted(acceptor().accept(&with_checksum(None, options), NOW));
        assert_eq!(reply.is_some(), mutual);
        assert_eq!(context.flags(), by_option);

        let token = with_checksum(keyed(&session, b""), options);
        let (reply, context) = accepted(acceptor().accept(&token, NOW));
        assert_eq!(reply.is_some(), mutual);
        assert_eq!(
            context.flags(),
            by_option | ContextFlags::REPLAY | ContextFlags::SEQUENCE
        );
    }
    let strict = acceptor().require_checksum();
    assert!(
        strict
            .accept(&with_checksum(None, MUTUAL_REQUIRED), NOW)
            .is_err()
    );
    for cksum in [
        keyed(&session, b"x"),
        keyed(&key(AES256, 9), b""),
        Some((7, vec![0; 16])),
        Some((1, vec![0; 4])),
        Some((15, vec![0; 12])),
        keyed(&session, b"").map(|(cksumtype, _)| (cksumtype, Vec::new())),
    ] {
        let token = with_checksum(cksum, MUTUAL_REQUIRED);
        let refusal = acceptor().accept(&token, NOW).unwrap_err();
        assert_eq!(
            refusal.error.gss_major(Role::Acceptor),
            MajorStatus::BAD_MIC
        );
    }
    // No bindings where some are required.
    let bindings = ChannelBindings::from_application_data("x");
    for cksum in [None, keyed(&session, b"")] {
        let token = with_checksum(cksum, MUTUAL_REQUIRED);
        let acceptor = acceptor().bindings(AcceptorBindings::Require(bindings.clone().into()));
        let refusal = acceptor.accept(&token, NOW).unwrap_err();
        assert_eq!(
            refusal.error.gss_major(Role::Acceptor),
            MajorStatus::BAD_BINDINGS
        );
    }
}

#[test]
fn ap_81_a_client_that_announces_bindings_has_some() {
    let bindings = ChannelBindings::from_application_data("x");
    let announced = |bits: u32| {
        let element = (143, bits.to_le_bytes().to_vec());
        vec![crate::ap::tests::forge::if_relevant(vec![element])]
    };
    for (cksum, bits, refused) in [
        (None, 0x4000, true),
        (Some((0x8003, fixed_checksum())), 0x4000, true),
        (None, 0x8000, false),
        (Some((0x8003, fixed_checksum())), 0, false),
    ] {
        let forge = Forge {
            cksum,
            authenticator_data: announced(bits),
            ..Forge::right()
        };
        let token = frame(TokenId::AP_REQ, &forge.request());
        let allow = AcceptorBindings::Allow(bindings.clone().into());
        let result = acceptor().bindings(allow).accept(&token, NOW);
        assert_eq!(result.is_err(), refused);
        // An acceptor without bindings does not mind.
        assert!(acceptor().accept(&token, NOW).is_ok());
    }
}

fn fixed_checksum() -> Vec<u8> {
    GssChecksum::default().to_bytes()
}

#[test]
fn case_013_every_checksum_length() {
    for len in 0..=64usize {
        for flags in [0u32, 0x3F] {
            let mut octets = vec![16, 0, 0, 0];
            octets.resize(20, 0);
            octets.extend_from_slice(&flags.to_le_bytes());
            // Neither DlgOpt nor an extension.
            octets.resize(64, 0xFF);
            octets.truncate(len);
            let token = with_checksum(Some((0x8003, octets)), MUTUAL_REQUIRED);
            let result = acceptor().accept(&token, NOW);
            assert_eq!(result.is_ok(), flags == 0 && len >= 24, "{len} {flags:x}");
            if let Err(refusal) = result {
                assert!(refusal.token.is_some());
            }
        }
    }
}

#[test]
fn gss_03_unknown_tok_id_is_answered_and_the_acceptor_waits_on() {
    let (token, next) = first(initiator());
    let (_, request) = unframe(&token).unwrap();
    for id in [0x01FF, 0x0200, 0x0101, 0x0404, 0x0504, 0x0501, 0x0000] {
        let odd = frame(TokenId(id), request);
        let Step::Continue { token, next } = acceptor().accept(&odd, NOW).unwrap() else {
            panic!("{id:x}");
        };
        let (id, message) = unframe(&token).unwrap();
        assert_eq!(id, TokenId::KRB_ERROR);
        let error = KrbError::from_bytes(message).unwrap();
        assert_eq!(error.error_code, ErrorCode::KRB_AP_ERR_MSG_TYPE);
        // The acceptor can still be used.
        assert!(next.accept(&frame(TokenId::AP_REQ, request), NOW).is_ok());
    }
    // A KRB-ERROR is not answered: no two parties talk in errors for ever.
    let refusal = acceptor()
        .accept(&frame(TokenId::KRB_ERROR, request), NOW)
        .unwrap_err();
    assert!(refusal.token.is_none());
    drop(next);
}

#[test]
fn gss_08_an_error_token_only_for_who_waits() {
    let now = NOW.offset(40_000_000_000);
    for (flags, options, sent) in [
        (0x3E, MUTUAL_REQUIRED, true),
        (0x3C, MUTUAL_REQUIRED, true),
        (0x3C, ApOptions::NONE, false),
    ] {
        let token = with_flags(flags, options);
        let refusal = acceptor().accept(&token, now).unwrap_err();
        assert_eq!(refusal.token.is_some(), sent);
        let Some(token) = refusal.token else {
            continue;
        };
        let (id, message) = unframe(&token).unwrap();
        assert_eq!(id, TokenId::KRB_ERROR);
        let error = KrbError::from_bytes(message).unwrap();
        assert_eq!(error.error_code, refusal.error.protocol_code());
        assert_eq!(error.error_code, ErrorCode::KRB_AP_ERR_SKEW);
    }
    // The checksum's flag is known even where the option is not set.
    let octets = {
        let checksum = GssChecksum {
            flags: ContextFlags::MUTUAL,
            ..GssChecksum::default()
        };
        checksum.to_bytes()
    };
    let token = with_checksum(Some((0x8003, octets)), ApOptions::NONE);
    let strict = AcceptorBindings::Require(ChannelBindings::default().into());
    let refusal = acceptor().bindings(strict).accept(&token, NOW).unwrap_err();
    assert!(refusal.token.is_some());
    // Damaged framing: nobody is known to wait.
    let refusal = acceptor().accept(b"", NOW).unwrap_err();
    assert!(refusal.token.is_none());
}

#[test]
fn case_024_no_ap_rep_leaves_with_a_refusal() {
    let (token, _) = first(initiator());
    let acceptor = acceptor();
    assert!(acceptor.clone().accept(&token, NOW).is_ok());
    // The second time it is a replay.
    let refusal = acceptor.accept(&token, NOW).unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::DUPLICATE_TOKEN
    );
    let (id, _) = unframe(refusal.token.as_deref().unwrap()).unwrap();
    assert_eq!(id, TokenId::KRB_ERROR);
}

#[test]
fn gss_09_the_initiator_is_refused() {
    let (token, next) = first(initiator());
    let refusal = acceptor()
        .accept(&token, NOW.offset(600_000_000))
        .unwrap_err();
    let refused = next.reply(&refusal.token.unwrap(), NOW).unwrap_err();
    match &refused.error {
        Error::Peer(peer) => assert_eq!(peer.code, ErrorCode::KRB_AP_ERR_SKEW),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        refused.error.gss_major(Role::Initiator),
        MajorStatus::FAILURE
    );
    assert!(refused.token.is_none());
}

#[test]
fn gss_10_ap_56_what_is_no_reply() {
    let mutual = || {
        let (token, next) = first(initiator());
        let (reply, _) = accepted(acceptor().accept(&token, NOW));
        (token, next, reply.unwrap())
    };
    let (own, next, _) = mutual();
    assert!(next.reply(&own, NOW).is_err());
    let (_, next, _) = mutual();
    assert!(next.reply(b"", NOW).is_err());
    // Of another exchange.
    let (_, next, _) = mutual();
    let (_, _, other) = mutual();
    let error = next.reply(&other, NOW).unwrap_err().error;
    assert_eq!(error.protocol_code(), ErrorCode::KRB_AP_ERR_MUT_FAIL);
    // TOK_ID and message differ.
    let (_, next, reply) = mutual();
    let (_, message) = unframe(&reply).unwrap();
    for id in [0x0100, 0x0300, 0x0504, 0x0404, 0x02FF] {
        let (_, next, _) = mutual();
        let error = next
            .reply(&frame(TokenId(id), message), NOW)
            .unwrap_err()
            .error;
        assert_eq!(
            error.gss_major(Role::Initiator),
            MajorStatus::DEFECTIVE_TOKEN
        );
    }
    assert!(next.reply(&reply, NOW).is_ok());
    let error = crate::ap::error_reply(
        ErrorCode::KRB_AP_ERR_SKEW,
        &principal("a@B"),
        &ap::Known::default(),
        None,
        NOW,
    )
    .unwrap();
    let (_, next, _) = mutual();
    let refused = next
        .reply(&frame(TokenId::AP_REP, &error), NOW)
        .unwrap_err();
    assert_eq!(
        refused.error.gss_major(Role::Initiator),
        MajorStatus::DEFECTIVE_TOKEN
    );
}

#[test]
fn every_bit_of_both_tokens() {
    let (token, _) = first(initiator());
    let (_, request) = unframe(&token).unwrap();
    let framing = token.len() - request.len();
    // In the framing every bit counts; the AP-REQ's own are tested with it.
    for at in 0..framing {
        for bit in 0..8 {
            let mut other = token.clone();
            other[at] ^= 1 << bit;
            match acceptor().accept(&other, NOW) {
                Ok(Step::Continue { .. }) => assert!(at >= framing - 2),
                Ok(other) => panic!("{at} {bit}: {other:?}"),
                Err(_) => {}
            }
        }
    }
    let bits: Vec<usize> = (0..60).collect();
    for bit in bits {
        let (token, next) = first(initiator());
        let (reply, _) = accepted(acceptor().accept(&token, NOW));
        let mut reply = reply.unwrap();
        let at = bit * reply.len() / 60;
        reply[at] ^= 1 << (bit % 8);
        assert!(next.reply(&reply, NOW).is_err(), "{at}");
    }
}

#[test]
fn case_034_length_off_by_one_and_two() {
    for off in [-2i8, -1, 1, 2] {
        let (token, next) = first(initiator());
        let (reply, _) = accepted(acceptor().accept(&token, NOW));
        let mut token = token.clone();
        assert_eq!(token[1], 0x82);
        token[3] = token[3].wrapping_add_signed(off);
        assert!(acceptor().accept(&token, NOW).is_err());
        let mut reply = reply.unwrap();
        let last = if reply[1] == 0x81 { 2 } else { 1 };
        reply[last] = reply[last].wrapping_add_signed(off);
        assert!(next.reply(&reply, NOW).is_err());
    }
}

/// Answers `token` with an AP-REP that carries what it is given.
fn ap_rep(token: &[u8], subkey: Option<&Key>, seq: Option<u32>) -> Vec<u8> {
    let octets = authenticator(token);
    let authenticator = Authenticator::from_bytes(&octets).unwrap();
    let part = EncApRepPart {
        ctime: authenticator.ctime,
        cusec: authenticator.cusec,
        subkey: subkey.map(|key| EncryptionKey {
            keytype: key.enctype().0,
            keyvalue: OctetString(key.expose()),
        }),
        seq_number: seq.map(UInt32),
    };
    let session = Forge::right().session_key;
    let cipher = session
        .encrypt(
            KeyUsage::AP_REP,
            &part.to_bytes().unwrap(),
            &crate::random::OsRandom,
        )
        .unwrap();
    let reply = ApRep {
        pvno: 5,
        msg_type: 15,
        enc_part: EncryptedData {
            etype: session.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    frame(TokenId::AP_REP, &reply.to_bytes().unwrap())
}

#[test]
fn gss_28_an_echo_is_no_acceptor_subkey() {
    let context_after = |subkey: fn(&Key) -> Option<Key>| {
        let (token, next) = first(initiator());
        let octets = authenticator(&token);
        let part = Authenticator::from_bytes(&octets).unwrap().subkey.unwrap();
        let own = Key::new(Enctype(part.keytype), part.keyvalue.as_bytes()).unwrap();
        let reply = ap_rep(&token, subkey(&own).as_ref(), Some(5));
        match next.reply(&reply, NOW).unwrap() {
            Step::Established { context, .. } => context,
            other => panic!("{other:?}"),
        }
    };
    // Bit 2 of the flags: an acceptor subkey protects.
    for (subkey, flag) in [
        ((|_| None) as fn(&Key) -> Option<Key>, 0),
        (|own| Some(own.clone()), 0),
        (|_| Some(key(AES256, 77)), 4),
        (|_| Some(key(AES128, 77)), 4),
    ] {
        let mut context = context_after(subkey);
        assert_eq!(context.get_mic(b"").unwrap()[2] & 4, flag);
    }
}

#[test]
fn ap_59_an_absent_number_is_zero() {
    let (token, next) = first(initiator());
    let Step::Established { mut context, .. } =
        next.reply(&ap_rep(&token, None, None), NOW).unwrap()
    else {
        panic!()
    };
    let keys = context.info().keys.clone();
    assert_eq!(keys.acceptor_seq, 0);
    let keys = crate::gss::MessageKeys {
        base: keys.initiator_subkey.unwrap(),
        acceptor_subkey: None,
    };
    let random = Arc::new(crate::random::OsRandom);
    let mut sender = crate::gss::Sender::new(&keys, Role::Acceptor, 0, random).unwrap();
    let token = sender.wrap(Protection::Integrity, b"m").unwrap();
    assert_eq!(context.unwrap(&token).unwrap().complete().unwrap(), b"m");
}

#[test]
fn gss_04_microsofts_oid_in_spnego_only() {
    let rename = |token: &[u8]| {
        let at = token
            .windows(11)
            .position(|w| w == crate::gss::token::KRB5_OID)
            .unwrap();
        let mut token = token.to_vec();
        token[at..at + 11].copy_from_slice(&crate::gss::token::MICROSOFT_OID);
        token
    };
    let (token, next) = first(initiator().in_spnego());
    let renamed = rename(&token);
    let refusal = acceptor().accept(&renamed, NOW).unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::BAD_MECH
    );
    let (reply, _) = accepted(acceptor().in_spnego().accept(&renamed, NOW));
    assert!(next.reply(&rename(&reply.unwrap()), NOW).is_ok());
}

#[test]
fn a_replay_cache_elsewhere() {
    let (token, next) = first(initiator());
    let config = Forge::right().config().without_replay_cache();
    let acceptor = Acceptor::new(ap::Acceptor::new(config));
    let cache = ap::MemoryReplayCache::new();
    let verified = acceptor.clone().verify(&token, NOW).unwrap();
    let verdict = cache.check_and_insert(verified.entry(), NOW);
    assert_eq!(verdict, ReplayVerdict::Fresh);
    let (reply, mut theirs) = accepted(verified.admit(verdict, NOW));
    let Step::Established { mut context, .. } = next.reply(&reply.unwrap(), NOW).unwrap() else {
        panic!()
    };
    converse(&mut context, &mut theirs);
    let again = acceptor.clone().verify(&token, NOW).unwrap();
    let verdict = cache.check_and_insert(again.entry(), NOW);
    let refusal = again.admit(verdict, NOW).unwrap_err();
    assert!(
        matches!(&refusal.error, Error::Rejected(r) if matches!(**r, Rejection::Replay { .. }))
    );
    assert!(refusal.token.is_some());
    let (_, request) = unframe(&token).unwrap();
    let odd = frame(TokenId(0x01FF), request);
    assert!(acceptor.verify(&odd, NOW).unwrap_err().token.is_some());
}

#[test]
fn split_halves_in_two_threads_and_together_again() {
    let (ours, theirs) = established(initiator(), acceptor());
    let (info, mut send, mut receive) = ours.split();
    assert!(info.flags.contains(ContextFlags::MUTUAL));
    let (their_info, mut their_send, mut their_receive) = theirs.split();
    let there = std::thread::spawn(move || {
        for n in 0..100u8 {
            let token = send.wrap(Protection::Confidentiality, &[n]).unwrap();
            let got = their_receive.unwrap(&token).unwrap().complete().unwrap();
            assert_eq!(got, [n]);
        }
        (send, their_receive)
    });
    for n in 0..100u8 {
        let token = their_send.wrap(Protection::Integrity, &[n]).unwrap();
        assert_eq!(receive.unwrap(&token).unwrap().complete().unwrap(), [n]);
    }
    let (send, their_receive) = there.join().unwrap();
    let mut ours = SecurityContext::rejoin(info, send, receive);
    let mut theirs = SecurityContext::rejoin(their_info, their_send, their_receive);
    converse(&mut ours, &mut theirs);
}

#[test]
fn nothing_secret_in_debug() {
    let (token, next) = first(initiator().delegate(super::delegation::forwarded()));
    let octets = authenticator(&token);
    let part = Authenticator::from_bytes(&octets).unwrap();
    let subkey = part.subkey.unwrap().keyvalue.as_bytes().to_vec();
    let verified = acceptor().verify(&token, NOW).unwrap();
    let shown = format!("{next:?} {:?} {:?} {verified:?}", initiator(), acceptor());
    let (_, theirs) = accepted(verified.admit(ReplayVerdict::Fresh, NOW));
    let shown = format!("{shown} {theirs:?}");
    for secret in [
        &subkey[..],
        super::delegation::forwarded().session_key.expose(),
    ] {
        for run in secret.windows(4) {
            let hex: String = run.iter().map(|o| format!("{o:02x}")).collect();
            let list = format!("{run:?}");
            assert!(!shown.contains(&hex) && !shown.contains(list.trim_matches(['[', ']'])));
        }
    }
}

#[test]
fn every_enctype() {
    for session in DEFAULT_ENCTYPES {
        let mut forge = Forge::right();
        forge.session_key = key(*session, 2);
        let initiator = Initiator::new(credentials(&forge)).enctypes(DEFAULT_ENCTYPES);
        let (mut ours, mut theirs) = established(initiator, acceptor());
        let subkey = ours.info().keys.acceptor_subkey.clone().unwrap();
        assert!(DEFAULT_ENCTYPES.contains(&subkey.enctype()));
        converse(&mut ours, &mut theirs);
    }
}

#[test]
fn the_times_in_microseconds_are_the_clients() {
    let (token, _) = first(initiator());
    let octets = authenticator(&token);
    let part = Authenticator::from_bytes(&octets).unwrap();
    let sent = Timestamp::new(part.ctime, part.cusec.get());
    assert!(sent.micros_since(NOW).abs() < 1_000_000);
    assert_eq!(part.cusec, Microseconds::from(sent));
}
