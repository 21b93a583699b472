//! KRB-ERROR: what an acceptor says of each failure, and what an initiator makes of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::exchange::credentials;
use super::forge::*;
use crate::ap::{
    Acceptor, AcceptorConfig, AddressPolicy, AppData, AwaitReplyOrSkew, Cksum, HostAddr, Initiator,
    InitiatorConfig, MemoryReplayCache, PacPolicy, ReplayEntry, ReplayVerdict, SessionKeys,
    Unbound, error_reply,
};
use crate::credentials::Credentials;
use crate::crypto::KeyUsage;
use crate::error::Error;
use crate::principal::Principal;
use crate::step::{Refusal, Step};
use crate::time::Timestamp;
use crate::wire::{
    ApOptions, ApReq, ErrorCode, ErrorData, KerbErrorData, KrbError, Message, TicketFlags,
};

/// How far the acceptor had come when it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// The authenticator was not decrypted.
    Nothing,
    /// The authenticator was decrypted.
    Client,
}

struct Failure {
    name: &'static str,
    refusal: Refusal,
    known: Known,
    code: i32,
}

fn by(config: AcceptorConfig, request: &[u8]) -> Refusal {
    accept(config, request).unwrap_err()
}

/// One request for each rejection that an acceptor of AP-REQs can give.
fn failures() -> Vec<Failure> {
    let mut all = Vec::new();
    let mut add = |name, known, code, refusal| {
        all.push(Failure {
            name,
            refusal,
            known,
            code,
        });
    };
    let right = Forge::right();
    let config = || Forge::right().config();
    let mut forged = |name, known, code, forge: Forge| {
        add(name, known, code, by(config(), &forge.request()));
    };
    use Known::{Client, Nothing};
    forged(
        "MessageType",
        Nothing,
        40,
        Forge {
            msg_type: 15,
            ..right.clone()
        },
    );
    forged(
        "Version: pvno",
        Nothing,
        39,
        Forge {
            pvno: 4,
            ..right.clone()
        },
    );
    forged(
        "Version: tkt-vno",
        Nothing,
        39,
        Forge {
            tkt_vno: 4,
            ..right.clone()
        },
    );
    forged(
        "Version: authenticator-vno",
        Client,
        39,
        Forge {
            authenticator_vno: 4,
            ..right.clone()
        },
    );
    forged(
        "NotUs",
        Nothing,
        35,
        Forge {
            server: principal("host/web.example.com@EXAMPLE.COM"),
            ..right.clone()
        },
    );
    forged(
        "KeyVersion",
        Nothing,
        44,
        Forge {
            kvno: Some(9),
            ..right.clone()
        },
    );
    forged(
        "KeyEnctype",
        Nothing,
        44,
        Forge {
            service_key: key(AES128, 1),
            ..right.clone()
        },
    );
    forged(
        "WrongKey",
        Nothing,
        31,
        Forge {
            service_key: key(AES256, 9),
            ..right.clone()
        },
    );
    forged(
        "AuthenticatorModified",
        Nothing,
        31,
        Forge {
            authenticator_key: Some(key(AES256, 9)),
            ..right.clone()
        },
    );
    forged(
        "Enctype: session key",
        Nothing,
        14,
        Forge {
            session_enctype: Some(crate::crypto::Enctype(23)),
            ..right.clone()
        },
    );
    forged(
        "ClientMismatch",
        Client,
        36,
        Forge {
            authenticator_client: principal("bob@EXAMPLE.COM"),
            ..right.clone()
        },
    );
    forged(
        "Skew",
        Client,
        37,
        Forge {
            ctime: NOW.offset(secs(301)),
            ..right.clone()
        },
    );
    forged(
        "NotYetValid",
        Client,
        33,
        Forge {
            starttime: Some(1000),
            ..right.clone()
        },
    );
    forged(
        "InvalidFlag",
        Client,
        33,
        Forge {
            flags: TicketFlags::INVALID,
            ..right.clone()
        },
    );
    forged(
        "Expired",
        Client,
        32,
        Forge {
            endtime: -1000,
            ..right.clone()
        },
    );
    let foreign = principal("alice@OTHER.TEST");
    forged(
        "Transited",
        Client,
        51,
        Forge {
            client: foreign.clone(),
            authenticator_client: foreign,
            transited: (1, b"EVIL.TEST".to_vec()),
            ..right.clone()
        },
    );
    forged(
        "AuthorizationData",
        Client,
        60,
        Forge {
            ticket_data: vec![(9999, vec![1])],
            ..right.clone()
        },
    );
    forged(
        "Anonymous",
        Client,
        60,
        Forge {
            flags: TicketFlags::ANONYMOUS,
            ..right.clone()
        },
    );
    let reserved = principal("WELLKNOWN/FOO@EXAMPLE.COM");
    forged(
        "WellKnown",
        Client,
        82,
        Forge {
            client: reserved.clone(),
            authenticator_client: reserved,
            ..right.clone()
        },
    );
    forged(
        "NoTgt",
        Nothing,
        67,
        Forge {
            options: ApOptions::USE_SESSION_KEY,
            ..right.clone()
        },
    );
    forged(
        "Pac",
        Client,
        41,
        Forge {
            ticket_data: vec![if_relevant(vec![(128, vec![1, 2, 3])])],
            ..right.clone()
        },
    );

    let request = right.request();
    let none = || {
        AcceptorConfig::new(
            Arc::new(crate::ap::ServiceKeys::new([(
                principal("HTTP/other@EXAMPLE.COM"),
                3,
                key(AES256, 1),
            )])),
            crate::ap::Accepts::Service(right.server.clone()),
        )
    };
    add("NoKey", Nothing, 45, by(none(), &request));
    add(
        "Enctype: ticket",
        Nothing,
        14,
        by(config().permitted_enctypes([AES128]), &request),
    );
    let other_subkey = Forge {
        subkey: Some(key(AES128, 3)),
        ..right.clone()
    };
    add(
        "Enctype: subkey",
        Client,
        14,
        by(
            config().permitted_enctypes([AES256]),
            &other_subkey.request(),
        ),
    );
    let mut ticket = right.ticket();
    *ticket.last_mut().unwrap() ^= 1;
    let changed = right.request_of(&ticket, &right.authenticator());
    add("TicketModified", Nothing, 31, by(config(), &changed));
    add(
        "UserToUserRequired",
        Nothing,
        69,
        by(config().user_to_user_only(key(AES256, 4)), &request),
    );
    add(
        "PacMissing",
        Client,
        12,
        by(config().pac(PacPolicy::Required), &request),
    );
    let address = HostAddr::from("192.0.2.1".parse::<IpAddr>().unwrap());
    let demanding = config().addresses(AddressPolicy::Required);
    let refusal = Acceptor::new(demanding).accept(&request, &Unbound, Some(&address), NOW);
    add("Address", Client, 38, refusal.unwrap_err());
    let bound = |cksum| {
        let forge = Forge {
            cksum,
            ..Forge::right()
        };
        let accepted = Acceptor::new(config()).accept(&forge.request(), &AppData(b"x"), None, NOW);
        accepted.unwrap_err()
    };
    add("ChecksumMissing", Client, 50, bound(None));
    add("ChecksumType", Client, 50, bound(Some((7, vec![0; 16]))));
    add(
        "ChecksumMismatch",
        Client,
        41,
        bound(Some((16, vec![0; 12]))),
    );
    let acceptor = Acceptor::new(config());
    assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    add(
        "Replay",
        Client,
        34,
        acceptor.accept(&request, &Unbound, None, NOW).unwrap_err(),
    );
    let young = MemoryReplayCache::new().restarted(NOW, Duration::from_secs(300));
    add(
        "ReplayCacheYoung",
        Client,
        34,
        by(config().replay_cache(Arc::new(young)), &request),
    );
    let verified = Acceptor::new(config()).verify(&request, &Unbound, None, NOW);
    let full = verified
        .unwrap()
        .admit(ReplayVerdict::Full { entries: 1 }, NOW);
    add("ReplayCacheFull", Client, 60, full.unwrap_err());
    add(
        "Malformed",
        Nothing,
        60,
        by(config(), b"\x6e\x03\x02\x01\x00"),
    );
    all
}

/// AP-74: the fields of the KRB-ERROR of each failure.
#[test]
fn ap_74_the_fields_of_every_failure() {
    let mut names = BTreeSet::new();
    for failure in failures() {
        let name = failure.name;
        assert!(names.insert(name));
        let token = failure
            .refusal
            .token
            .unwrap_or_else(|| panic!("{name}: no KRB-ERROR"));
        let error = KrbError::from_bytes(&token).unwrap();
        assert_eq!((error.pvno, error.msg_type), (5, 30), "{name}");
        assert_eq!(error.error_code.0, failure.code, "{name}");
        assert_eq!(
            error.error_code,
            failure.refusal.error.protocol_code(),
            "{name}"
        );
        assert_eq!(
            (error.stime, error.susec.get()),
            (NOW.time(), NOW.cusec()),
            "{name}"
        );
        let server = Principal::from_wire(&error.realm, &error.sname).unwrap();
        assert_eq!(server, Forge::right().server, "{name}");
        let known = failure.known == Known::Client;
        assert_eq!(error.ctime.is_some(), known, "{name}: ctime");
        assert_eq!(error.cusec.is_some(), known, "{name}: cusec");
        assert_eq!(error.crealm.is_some(), known, "{name}: crealm");
        assert_eq!(error.cname.is_some(), known, "{name}: cname");
        assert_eq!(error.e_data.is_some(), failure.code == 37, "{name}: e-data");
    }
    assert!(names.len() > 30);
}

/// The client in it is the ticket's, and the time the authenticator's.
#[test]
fn ap_74_client_and_time() {
    let skewed = Forge {
        ctime: NOW.offset(secs(-400) + 7),
        ..Forge::right()
    };
    let token = present(&skewed).unwrap_err().token.unwrap();
    let error = KrbError::from_bytes(&token).unwrap();
    let ctime = Timestamp::new(error.ctime.unwrap(), error.cusec.unwrap().get());
    assert_eq!(ctime, skewed.ctime);
    let client = Principal::from_wire(&error.crealm.unwrap(), &error.cname.unwrap()).unwrap();
    assert_eq!(client, skewed.client);
    let other = Forge {
        authenticator_client: principal("mallory@EXAMPLE.COM"),
        ..Forge::right()
    };
    let token = present(&other).unwrap_err().token.unwrap();
    let error = KrbError::from_bytes(&token).unwrap();
    let client = Principal::from_wire(&error.crealm.unwrap(), &error.cname.unwrap()).unwrap();
    assert_eq!(client, other.client);
}

/// AP-75: what the peer reads, by code. Nothing of the request or of our state is in it.
#[test]
fn ap_75_the_text_is_fixed_per_code() {
    const TEXTS: &[(i32, &str)] = &[
        (12, "KDC_ERR_POLICY"),
        (14, "KDC_ERR_ETYPE_NOSUPP"),
        (31, "KRB_AP_ERR_BAD_INTEGRITY"),
        (32, "KRB_AP_ERR_TKT_EXPIRED"),
        (33, "KRB_AP_ERR_TKT_NYV"),
        (34, "KRB_AP_ERR_REPEAT"),
        (35, "KRB_AP_ERR_NOT_US"),
        (36, "KRB_AP_ERR_BADMATCH"),
        (37, "KRB_AP_ERR_SKEW"),
        (38, "KRB_AP_ERR_BADADDR"),
        (39, "KRB_AP_ERR_BADVERSION"),
        (40, "KRB_AP_ERR_MSG_TYPE"),
        (41, "KRB_AP_ERR_MODIFIED"),
        (44, "KRB_AP_ERR_BADKEYVER"),
        (45, "KRB_AP_ERR_NOKEY"),
        (50, "KRB_AP_ERR_INAPP_CKSUM"),
        (51, "KRB_AP_PATH_NOT_ACCEPTED"),
        (60, "KRB_ERR_GENERIC"),
        (67, "KRB_AP_ERR_NO_TGT"),
        (69, "KRB_AP_ERR_USER_TO_USER_REQUIRED"),
        (82, "KRB_AP_ERR_PRINCIPAL_UNKNOWN"),
    ];
    let texts: BTreeSet<(i32, String)> = failures()
        .into_iter()
        .map(|failure| {
            let token = failure.refusal.token.unwrap();
            let error = KrbError::from_bytes(&token).unwrap();
            (
                error.error_code.0,
                error.e_text.unwrap().as_str().to_owned(),
            )
        })
        .collect();
    let expected: BTreeSet<_> = TEXTS
        .iter()
        .map(|(n, text)| (*n, (*text).to_owned()))
        .collect();
    assert_eq!(texts, expected);
}

/// Security case 24: with no refusal does an AP-REP leave, or anything but one KRB-ERROR.
#[test]
fn case_024_nothing_but_an_error_leaves_with_a_refusal() {
    for failure in failures() {
        let token = failure.refusal.token.unwrap();
        assert_eq!(token[0], 0x7e, "{}", failure.name);
        assert!(token.len() < 300, "{}", failure.name);
    }
}

/// AP-77: 2 is KERB_AP_ERR_TYPE_SKEW_RECOVERY, and there is no value.
#[test]
fn ap_77_skew_carries_kerb_error_data() {
    let skewed = Forge {
        ctime: NOW.offset(secs(400)),
        ..Forge::right()
    };
    let token = present(&skewed).unwrap_err().token.unwrap();
    let error = KrbError::from_bytes(&token).unwrap();
    let e_data = error.e_data.unwrap().as_bytes();
    assert_eq!(e_data, [0x30, 5, 0xa1, 3, 2, 1, 2]);
    assert!(matches!(
        ErrorData::parse(error.error_code, e_data),
        ErrorData::KerbErrorData(KerbErrorData {
            data_type: 2,
            data_value: None
        })
    ));
}

fn ask_or_retry(credentials: &Arc<Credentials>, now: Timestamp) -> (Vec<u8>, AwaitReplyOrSkew) {
    let initiator = Initiator::new(Arc::clone(credentials), InitiatorConfig::default());
    match initiator.request_or_retry(Cksum::None, now).unwrap() {
        Step::Continue { token, next } => (token, next),
        Step::Established { .. } => panic!("mutual was asked for"),
    }
}

fn krb_error(code: ErrorCode, stime: Timestamp) -> Vec<u8> {
    let known = crate::ap::Known::default();
    error_reply(code, &Forge::right().server, &known, None, stime).unwrap()
}

fn sent_at(request: &[u8]) -> Timestamp {
    let request = ApReq::from_bytes(request).unwrap();
    let session = Forge::right().session_key;
    let cipher = request.authenticator.cipher.as_bytes();
    let octets = session.decrypt(KeyUsage(11), cipher).unwrap();
    let part = crate::wire::Authenticator::from_bytes(&octets).unwrap();
    Timestamp::new(part.ctime, part.cusec.get())
}

/// AP-77: one retry by the server's clock, and that clock is used for it alone.
#[test]
fn ap_77_one_retry_by_the_servers_clock() {
    let forge = Forge::right();
    let ours = Arc::new(credentials(&forge));
    let acceptor = Acceptor::new(forge.config());
    // Our clock is an hour behind the server's, which shows NOW.
    let our_now = NOW.offset(secs(-3600));
    let (request, next) = ask_or_retry(&ours, our_now);
    let refusal = acceptor.accept(&request, &Unbound, None, NOW).unwrap_err();
    assert_eq!(refusal.error.protocol_code().0, 37);
    let step = next.reply(&refusal.token.unwrap(), Cksum::None, our_now);
    let Step::Continue { token, next } = step.unwrap() else {
        panic!("no retry")
    };
    let offset = sent_at(&token).micros_since(NOW);
    assert!((0..secs(1)).contains(&offset), "{offset}");
    assert_ne!(token, request);
    let accepted = acceptor.accept(&token, &Unbound, None, NOW).unwrap();
    let Step::Established { context, .. } = next.reply(&accepted.reply.unwrap(), our_now).unwrap()
    else {
        panic!("nothing more to say")
    };
    assert_eq!(context.in_force(), accepted.keys.in_force());
    // The credentials know nothing of it.
    assert_eq!(ours.clock_offset, 0);
    let (request, _) = ask_or_retry(&ours, our_now);
    assert!(sent_at(&request).micros_since(our_now) < secs(1));
}

/// AP-77: a second SKEW is the end; AP-76: and so is any other error at once.
#[test]
fn ap_76_ap_77_nothing_else_is_retried() {
    let ours = Arc::new(credentials(&Forge::right()));
    let skew = |micros| krb_error(ErrorCode::KRB_AP_ERR_SKEW, NOW.offset(micros));
    let (_, next) = ask_or_retry(&ours, NOW);
    let Step::Continue { next, .. } = next.reply(&skew(secs(600)), Cksum::None, NOW).unwrap()
    else {
        panic!("no retry")
    };
    // What waits now has no other function than this.
    let again: Result<Step<crate::ap::AwaitReply, SessionKeys>, Refusal> =
        next.reply(&skew(secs(1200)), NOW);
    assert!(matches!(again.unwrap_err().error, Error::Peer(_)));

    for code in (0..=127).map(ErrorCode).filter(|code| code.0 != 37) {
        let (_, next) = ask_or_retry(&ours, NOW);
        let answer = krb_error(code, NOW.offset(secs(600)));
        match next.reply(&answer, Cksum::None, NOW) {
            Err(refusal) => match refusal.error {
                Error::Peer(peer) => assert_eq!(peer.code, code),
                other => panic!("{other:?}"),
            },
            Ok(_) => panic!("{code} was retried"),
        }
    }
    // Without opting in, nor is SKEW.
    let initiator = Initiator::new(Arc::clone(&ours), InitiatorConfig::default());
    let Step::Continue { next, .. } = initiator.request(Cksum::None, NOW).unwrap() else {
        panic!("mutual was asked for")
    };
    assert!(next.reply(&skew(secs(600)), NOW).is_err());
    assert_eq!(ours.clock_offset, 0);
}

/// AP-77: a time outside of the ticket's life cannot be the server's; a request dated there could
/// be kept for later.
#[test]
fn ap_77_only_within_the_tickets_life() {
    let ours = Arc::new(credentials(&Forge::right()));
    let (from, until) = (ours.valid_from(), Timestamp::from(ours.endtime));
    for (stime, retried) in [
        (Timestamp::from(from), true),
        (Timestamp::from(from).offset(-1), false),
        (until, true),
        (until.offset(1), false),
        (until.offset(secs(86_400 * 365)), false),
    ] {
        let (_, next) = ask_or_retry(&ours, NOW);
        let answer = krb_error(ErrorCode::KRB_AP_ERR_SKEW, stime);
        let step = next.reply(&answer, Cksum::None, NOW);
        assert_eq!(step.is_ok(), retried, "{stime}");
    }
}

/// AP-23: Windows says 41 where the RFC says 31.
#[test]
fn ap_23_31_and_41_alike() {
    let judged = |code| {
        let ours = Arc::new(credentials(&Forge::right()));
        let (_, next) = ask_or_retry(&ours, NOW);
        let error = next
            .reply(&krb_error(code, NOW), Cksum::None, NOW)
            .unwrap_err()
            .error;
        let explanation = error.explain();
        (
            explanation.reasons,
            explanation.fixes,
            error.gss_major(crate::gss::Role::Initiator),
        )
    };
    let integrity = judged(ErrorCode::KRB_AP_ERR_BAD_INTEGRITY);
    assert!(!integrity.0.is_empty());
    assert_eq!(integrity, judged(ErrorCode::KRB_AP_ERR_MODIFIED));
}

/// The tags of TGT-REQ and TGT-REP are reserved (AP-79): they are named and refused.
#[test]
fn ap_79_tgt_req_and_tgt_rep_are_named() {
    for (tag, name) in [(0x70u8, "TGT-REQ"), (0x71, "TGT-REP")] {
        let refusal = by(Forge::right().config(), &[tag, 0x02, 0x30, 0x00]);
        let text = refusal.error.to_string();
        assert!(text.contains(name), "{text}");
        let error = refusal.token.unwrap();
        assert_eq!(KrbError::from_bytes(&error).unwrap().error_code.0, 40);
    }
}

/// Who remembers elsewhere is told the same code for a request that was seen.
#[test]
fn ap_74_a_cache_elsewhere() {
    let verified = Acceptor::new(Forge::right().config())
        .verify(&Forge::right().request(), &Unbound, None, NOW)
        .unwrap();
    let _: &ReplayEntry = verified.entry();
    let token = verified.admit(ReplayVerdict::Seen, NOW).unwrap_err().token;
    let error = token.unwrap();
    let error = KrbError::from_bytes(&error).unwrap();
    assert_eq!(error.error_code.0, 34);
    assert!(error.cname.is_some() && error.ctime.is_some());
}
