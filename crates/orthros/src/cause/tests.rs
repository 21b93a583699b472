//! Every condition has its own code and a text that was read before it was written down here.

mod catalogue;
mod session;
mod variants;

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::crypto::{CryptoError, Enctype};
use crate::error::{ConsideredKey, PeerError, Rejection};
use crate::principal::Principal;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{AdType, MsgType, TicketFlags};

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

fn web() -> Principal {
    principal("HTTP/web.corp.example@CORP.EXAMPLE")
}

fn alice() -> Principal {
    principal("alice@CORP.EXAMPLE")
}

/// 2026-11-22T10:31:07.482913Z.
fn now() -> Timestamp {
    Timestamp::from_micros(1_795_343_467_482_913)
}

fn key(
    index: usize,
    name: &str,
    kvno: u32,
    enctype: Enctype,
    verdict: KeyVerdict,
) -> ConsideredKey {
    ConsideredKey {
        index,
        principal: principal(name),
        kvno,
        enctype,
        verdict,
    }
}

const AES256: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
const RC4: Enctype = Enctype::RC4_HMAC;
const AES128: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;
const WEB: &str = "HTTP/web.corp.example@CORP.EXAMPLE";
const OTHER: &str = "host/web.corp.example@CORP.EXAMPLE";

fn kvno(kvno: u32, held: &[u32]) -> Rejection {
    let mut considered: Vec<ConsideredKey> = held
        .iter()
        .enumerate()
        .map(|(n, held)| key(n + 1, WEB, *held, AES256, KeyVerdict::OtherVersion))
        .collect();
    considered.push(key(9, OTHER, 2, AES256, KeyVerdict::OtherPrincipal));
    Rejection::KeyVersion {
        server: web(),
        kvno,
        newest: held.iter().copied().max().unwrap_or_default(),
        considered,
    }
}

fn no_key(names: &[&str]) -> Rejection {
    Rejection::NoKey {
        server: web(),
        considered: names
            .iter()
            .enumerate()
            .map(|(n, name)| key(n + 1, name, 2, AES256, KeyVerdict::OtherPrincipal))
            .collect(),
    }
}

fn enctype(what: &'static str) -> Rejection {
    Rejection::Enctype {
        what,
        enctype: RC4,
        permitted: vec![AES256, AES128],
    }
}

fn skew(micros: i64) -> Rejection {
    Rejection::Skew {
        client_time: now().offset(micros),
        now: now(),
        limit: 300,
        issued: None,
    }
}

fn pac(code: ErrorCode) -> Rejection {
    Rejection::Pac {
        why: "the server signature does not verify".into(),
        code,
    }
}

fn message(code: ErrorCode) -> Rejection {
    Rejection::Message {
        why: "the sequence number is 7, not 6",
        code,
    }
}

fn reserved(code: ErrorCode) -> Rejection {
    Rejection::WellKnown {
        name: "WELLKNOWN/FOO@CORP.EXAMPLE".into(),
        code,
    }
}

fn peer(code: i32) -> PeerError {
    PeerError {
        code: ErrorCode(code),
        text: None,
        data: None,
        stime: now().offset(-7_200_000_000),
        now: now(),
        client: Some("alice@CORP.EXAMPLE".into()),
        server: WEB.into(),
        tried: None,
    }
}

fn broken(at: Option<usize>, what: &str) -> Error {
    FileError {
        path: "FILE:/etc/krb5.keytab".into(),
        at,
        what: what.into(),
    }
    .into()
}

/// One of each condition, except those that differ in a protocol code alone.
fn samples() -> Vec<Error> {
    use Rejection::*;
    let rejections = vec![
        MessageType {
            expected: "AP-REP",
            found: "KRB-PRIV".into(),
        },
        Version {
            field: "tkt-vno",
            found: 4,
        },
        NotUs {
            ticket: principal("cifs/web.corp.example@CORP.EXAMPLE"),
            accepts: "HTTP/*".into(),
        },
        no_key(&[OTHER, "HTTP/www.corp.example@CORP.EXAMPLE"]),
        no_key(&[]),
        no_key(&["http/WEB.corp.example@CORP.EXAMPLE"]),
        no_key(&["HTTP/web.corp.example@TEST.EXAMPLE"]),
        kvno(3, &[1, 2]),
        kvno(1, &[2, 3]),
        kvno(3, &[2, 4]),
        KeyVersion {
            server: web(),
            kvno: 3,
            newest: 255,
            considered: vec![key(1, WEB, 255, AES256, KeyVerdict::Misnumbered)],
        },
        KeyEnctype {
            server: web(),
            enctype: RC4,
            considered: vec![
                key(1, WEB, 2, AES256, KeyVerdict::OtherEnctype),
                key(2, WEB, 2, AES128, KeyVerdict::OtherEnctype),
                key(3, WEB, 1, RC4, KeyVerdict::OtherVersion),
            ],
        },
        enctype("ticket"),
        enctype("session key"),
        enctype("subkey"),
        enctype("reply key"),
        WrongKey {
            server: web(),
            kvno: Some(2),
            enctype: AES256,
            considered: vec![
                key(1, WEB, 2, AES256, KeyVerdict::DidNotDecrypt),
                key(2, OTHER, 2, AES256, KeyVerdict::OtherPrincipal),
            ],
        },
        TicketModified {
            server: web(),
            kvno: None,
            enctype: AES256,
        },
        AuthenticatorModified {
            client: alice(),
            enctype: AES256,
        },
        ClientMismatch {
            ticket: alice(),
            authenticator: "alice@ADMIN.EXAMPLE".into(),
        },
        Address {
            peer: "192.0.2.7".into(),
            ticket: vec!["192.0.2.1".into(), "2001:db8::1".into()],
        },
        Address {
            peer: "192.0.2.7".into(),
            ticket: vec![],
        },
        skew(312_500_000),
        NotYetValid {
            starttime: KerberosTime::from_secs(now().time().as_secs() + 3_600),
            now: now(),
        },
        InvalidFlag {
            flags: TicketFlags::POSTDATED | TicketFlags::INVALID,
        },
        Expired {
            endtime: KerberosTime::from_secs(now().time().as_secs() - 7_530),
            now: now(),
        },
        Transited {
            client_realm: "PARTNER.EXAMPLE".into(),
            server_realm: "CORP.EXAMPLE".into(),
            why: "EVIL.EXAMPLE is on it".into(),
        },
        AuthorizationData {
            ad_type: AdType::AND_OR,
            why: "it is not implemented",
        },
        ChecksumType { cksumtype: 7 },
        ChecksumMismatch,
        ChecksumMissing,
        GssChecksum {
            why: "it is too short",
            len: 23,
        },
        Mechanism {
            oid: "1.3.6.1.4.1.311.2.2.10".into(),
        },
        ReplyModified { server: web() },
        ReplyKey {
            client: alice(),
            enctype: crate::crypto::Enctype::AES256_CTS_HMAC_SHA1_96,
        },
        ChannelBindings { sent: true },
        ChannelBindings { sent: false },
        Replay {
            client: alice(),
            ctime: now(),
            first_seen: Some(now().offset(250_000)),
            now: now().offset(900_000),
            cache: Some("memory"),
            tag: [0x5A; 12],
        },
        ReplayCacheFull { entries: 1_000_000 },
        ReplayCacheYoung {
            ready: now().offset(240_000_000),
            now: now(),
        },
        ReplayCacheUnavailable {
            why: "/var/tmp/krb5_0.rcache2: No space left on device".to_owned(),
        },
        pac(ErrorCode::KRB_AP_ERR_MODIFIED),
        pac(ErrorCode::KRB_AP_ERR_BAD_INTEGRITY),
        pac(ErrorCode::KDC_ERR_SUMTYPE_NOSUPP),
        pac(ErrorCode::KDC_ERR_POLICY),
        pac(ErrorCode::KDC_ERR_TGT_REVOKED),
        pac(ErrorCode::KRB_ERR_GENERIC),
        PacMissing {
            required: "groups from the PAC",
        },
        PacMissing {
            required: "a PAC with LOGON_INFO",
        },
        Anonymous,
        reserved(ErrorCode::KRB_AP_ERR_PRINCIPAL_UNKNOWN),
        reserved(ErrorCode::KRB_AP_ERR_REALM_UNKNOWN),
        reserved(ErrorCode::KRB_AP_ERR_PRINCIPAL_RESERVED),
        NoTgt,
        UserToUserRequired,
        Mutual {
            why: "the time in its AP-REP is not the one that was sent",
            server: web(),
        },
        message(ErrorCode::KRB_AP_ERR_BAD_INTEGRITY),
        message(ErrorCode::KRB_AP_ERR_REPEAT),
        message(ErrorCode::KRB_AP_ERR_SKEW),
        message(ErrorCode::KRB_AP_ERR_BADADDR),
        message(ErrorCode::KRB_AP_ERR_BADVERSION),
        message(ErrorCode::KRB_AP_ERR_MSG_TYPE),
        message(ErrorCode::KRB_AP_ERR_MODIFIED),
        message(ErrorCode::KRB_AP_ERR_BADORDER),
        message(ErrorCode::KRB_AP_ERR_BADDIRECTION),
        message(ErrorCode::KRB_AP_ERR_BADSEQ),
        message(ErrorCode::KRB_AP_ERR_INAPP_CKSUM),
        message(ErrorCode::KRB_AP_ERR_TKT_EXPIRED),
        message(ErrorCode::KRB_ERR_GENERIC),
        KdcReply {
            why: "its nonce is another one".into(),
        },
        NoCommonMechanism {
            offered: vec!["1.3.6.1.4.1.311.2.2.10 (NTLM)".into()],
        },
        Negotiation {
            why: "the MIC over the list of mechanisms is missing",
        },
        NegotiationRefused,
        Sasl {
            why: "the offer is not four octets",
        },
        SecurityLayer {
            theirs: "auth".into(),
            ours: "auth-conf".into(),
        },
        Authorization {
            client: principal("alice@CORP.EXAMPLE"),
            authzid: "root".into(),
        },
    ];
    let mut all: Vec<Error> = rejections.into_iter().map(Error::from).collect();
    all.extend(session::faults().map(|fault| {
        Error::from(Session {
            message: MsgType::PRIV,
            fault,
        })
    }));
    all.extend([
        Error::Malformed(Malformed::new("AP-REQ", 17, "trailing data")),
        Error::Unsupported("DCE style contexts".into()),
        Error::Crypto(CryptoError::UnsupportedEnctype(
            crate::crypto::Enctype::DES_CBC_CRC,
        )),
        Error::Unsupported(
            "credential cache type KEYRING (in KEYRING:persistent:0); FILE and DIR are supported"
                .into(),
        ),
        Error::Preauthentication(
            "the KDC accepts no PA-ENC-TIMESTAMP for alice@CORP.EXAMPLE, but one of: PA-PK-AS-REQ"
                .into(),
        ),
        broken(None, "No such file or directory (os error 2)"),
        broken(None, "Permission denied (os error 13)"),
        broken(Some(134), "the entry is longer than the file"),
        broken(
            None,
            "cannot be written: No space left on device (os error 28)",
        ),
        broken(None, "another program holds its lock"),
        Error::Unreachable {
            realm: "CORP.EXAMPLE".into(),
            attempts: vec![],
        },
        Error::Unreachable {
            realm: "CORP.EXAMPLE".into(),
            attempts: vec![
                "192.0.2.1:88/udp: no answer in 3 s".into(),
                "192.0.2.1:88/tcp: connection refused".into(),
            ],
        },
        Error::Misuse("mutual authentication without a session key"),
        Error::Random,
    ]);
    all.extend(
        KNOWN
            .iter()
            .map(|known| Error::Malformed(Malformed::new("token", 0, known.label))),
    );
    all.extend(codes::ALL.iter().flat_map(|(code, _)| {
        [
            Error::Peer(Box::new(peer(*code))),
            Error::rejected(Rejection::Kdc {
                code: ErrorCode(*code),
                why: "a rule of the test".into(),
            }),
        ]
    }));
    all.push(Error::Peer(Box::new(peer(4711))));
    all.push(Error::rejected(Rejection::Kdc {
        code: ErrorCode(-1),
        why: "a rule of the test".into(),
    }));
    all
}

use super::recognise::KNOWN;

#[test]
fn no_two_conditions_share_a_code() {
    let mut codes = BTreeMap::new();
    for error in samples() {
        let explanation = error.explain();
        if let Some(other) = codes.insert(explanation.code, format!("{error:?}")) {
            panic!("{} is {other} and {error:?}", explanation.code);
        }
        assert!(
            explanation
                .code
                .bytes()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_'),
            "{}",
            explanation.code
        );
    }
    assert!(codes.len() > 250);
}

#[test]
fn the_table_of_codes_is_that_of_the_standard() {
    for code in -1..=127 {
        let entry = codes::ALL.iter().find(|(number, _)| *number == code);
        match (ErrorCode(code).name(), entry) {
            (Some(name), Some((_, suffix))) => assert!(name.ends_with(suffix), "{name} {suffix}"),
            (None, None) => {}
            (name, entry) => panic!("{code}: {name:?} {entry:?}"),
        }
    }
}

#[test]
fn every_explanation_is_complete() {
    for error in samples() {
        let explanation = error.explain();
        let code = explanation.code;
        assert!(explanation.message.ends_with('.'), "{code}");
        assert!(!explanation.message.contains('\n'), "{code}");
        assert!(
            !explanation.message.contains(".."),
            "{code}: {}",
            explanation.message
        );
        assert!(!explanation.reasons.is_empty(), "{code}: no reason");
        assert_eq!(error.to_string(), explanation.message);
        assert_eq!(
            explanation.to_string().lines().count(),
            1,
            "{code}: Display is one line"
        );
        if let Error::Peer(_) = error {
            let text = explanation.render();
            assert!(text.contains("protection"), "{code}");
            assert!(text.contains("says") || text.contains("refuses"), "{code}");
        }
    }
}

/// The texts as they are. To change one, change it in the code, read what the test prints and put
/// it into golden.txt.
#[test]
fn golden_texts() {
    let mut texts = String::new();
    // Of the many that differ in a protocol code alone, those that people meet.
    let is_common = |code: ErrorCode| matches!(code.0, 6 | 7 | 12..=14 | 18 | 23..=25 | 31 | 37 | 44 | 52 | 60 | 4711);
    for error in samples() {
        let shown = match &error {
            Error::Peer(peer) => is_common(peer.code),
            Error::Rejected(rejection) => {
                !matches!(&**rejection, Rejection::Kdc { code, .. } if code.0 != 6)
            }
            _ => true,
        };
        if shown {
            writeln!(texts, "{}", error.explain().render()).unwrap();
        }
    }
    let golden = include_str!("golden.txt");
    if texts != golden {
        for (n, (now, then)) in texts.lines().zip(golden.lines()).enumerate() {
            assert_eq!(now, then, "golden.txt, line {}", n + 1);
        }
        panic!("golden.txt has another length; the texts now:\n{texts}");
    }
}

#[test]
fn skew_says_who_is_ahead_and_by_how_much() {
    let text = |micros| Error::from(skew(micros)).explain();
    let ahead = text(312_500_000);
    assert_eq!(ahead.code, "AP_CLOCK_SKEW");
    assert_eq!(ahead.protocol_code, 37);
    assert_eq!(
        ahead.message,
        "The client's clock is 5 min 12 s ahead of ours; at most 300 s are allowed."
    );
    assert!(
        ahead
            .facts
            .contains(&("offset", "+312.500000 s (the client is ahead of us)".into()))
    );
    let behind = text(-301_000_001);
    assert!(
        behind.message.contains("5 min 1 s behind ours"),
        "{}",
        behind.message
    );
    assert!(
        behind
            .facts
            .contains(&("offset", "-301.000001 s (the client is behind us)".into()))
    );
    let zone = text(3_600_000_000 * 2 + 1_000_000);
    assert!(
        zone.reasons[0].contains("close to 2 h"),
        "{:?}",
        zone.reasons
    );
    let half = text(-19_800_000_000);
    assert!(
        half.reasons[0].contains("close to 5.5 h"),
        "{:?}",
        half.reasons
    );
    let unset = Error::from(Rejection::Skew {
        client_time: Timestamp::from_secs(12),
        now: now(),
        limit: 300,
        issued: None,
    })
    .explain();
    assert!(
        unset.reasons[0].contains("never set"),
        "{:?}",
        unset.reasons
    );
    // Whatever a peer writes, nothing overflows.
    for client_time in [i64::MIN, i64::MAX] {
        let text = Error::from(Rejection::Skew {
            client_time: Timestamp::from_micros(client_time),
            now: Timestamp::from_micros(-1),
            limit: u64::MAX,
            issued: Some(KerberosTime::LAST),
        })
        .explain();
        assert_eq!(text.code, "AP_CLOCK_SKEW");
    }
}

#[test]
fn kvno_tells_a_stale_keytab_from_a_stale_ticket() {
    let code = |ticket, held: &[u32]| Error::from(kvno(ticket, held)).explain().code;
    assert_eq!(code(3, &[1, 2]), "AP_KVNO_STALE_KEYTAB");
    assert_eq!(code(1, &[2, 3]), "AP_KVNO_STALE_TICKET");
    assert_eq!(code(3, &[2, 4]), "AP_KVNO_MISSING");
    assert_eq!(code(0, &[1]), "AP_KVNO_STALE_TICKET");
    assert_eq!(code(u32::MAX, &[u32::MAX - 1]), "AP_KVNO_STALE_KEYTAB");
    // Without the entries, the highest version held decides.
    let bare = |kvno| {
        Error::from(Rejection::KeyVersion {
            server: web(),
            kvno,
            newest: 5,
            considered: vec![],
        })
        .explain()
        .code
    };
    assert_eq!(bare(6), "AP_KVNO_STALE_KEYTAB");
    assert_eq!(bare(4), "AP_KVNO_STALE_TICKET");
    let made_up = Error::from(kvno(7, &[255])).explain();
    assert_eq!(made_up.code, "AP_KVNO_STALE_TICKET");
    let made_up = Error::from(kvno(7, &[1])).explain();
    assert!(made_up.reasons.iter().any(|r| r.contains("made up")));
}

#[test]
fn each_entry_is_listed_with_its_reason() {
    let Error::Rejected(rejection) = Error::from(kvno(3, &[1, 2])) else {
        unreachable!();
    };
    let Rejection::KeyVersion { considered, .. } = &*rejection else {
        unreachable!();
    };
    let explanation = Error::Rejected(rejection.clone()).explain();
    for key in considered {
        assert!(explanation.facts.contains(&(ENTRY, key.to_string())));
    }
    // A keytab of a large host does not bury the rest in the text, but all of it is a fact.
    let many = Error::from(Rejection::NoKey {
        server: web(),
        considered: (1..=5_000)
            .map(|n| key(n, OTHER, 1, AES256, KeyVerdict::OtherPrincipal))
            .collect(),
    })
    .explain();
    assert_eq!(
        many.facts.iter().filter(|(name, _)| *name == ENTRY).count(),
        5_000
    );
    let text = many.render();
    assert!(text.lines().count() < 40);
    assert!(text.contains("and 4988 more of other principals"));
}

#[test]
fn names_of_strangers_do_no_harm() {
    let hostile = "a\u{1b}[2J\r\n\u{202e}ROOT: all well; $(reboot) `id` '";
    let server = Principal::new("R", crate::wire::NameType::SRV_HST, ["HTTP", hostile]).unwrap();
    let mut errors = vec![
        Error::from(Rejection::NoKey {
            server: server.clone(),
            considered: vec![key(1, OTHER, 1, AES256, KeyVerdict::OtherPrincipal)],
        }),
        Error::from(Rejection::ClientMismatch {
            ticket: server.clone(),
            authenticator: hostile.into(),
        }),
        Error::from(Rejection::Mutual {
            why: "x",
            server: server.clone(),
        }),
    ];
    errors.extend([6, 7, 14, 24, 37, 60].map(|code| {
        Error::Peer(Box::new(PeerError {
            text: Some(hostile.into()),
            client: Some(hostile.into()),
            server: hostile.into(),
            ..peer(code)
        }))
    }));
    for error in errors {
        let explanation = error.explain();
        let text = explanation.render();
        assert!(
            text.chars()
                .all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'),
            "{text:?}"
        );
        assert!(!explanation.message.contains('\n'));
        for fix in &explanation.fixes {
            assert!(!fix.contains("$(") && !fix.contains('`'), "{fix}");
        }
    }
    let spaced = principal(r"HTTP/a b;c$(d)'e@R");
    assert_eq!(sh(&spaced), r"'HTTP/a b;c$(d)'\''e@R'");
    assert_eq!(sh("-rf"), "NAME");
    assert_eq!(sh(""), "NAME");
    // A long name does not fill the log.
    let long =
        Principal::new("R", crate::wire::NameType::PRINCIPAL, ["x".repeat(1 << 20)]).unwrap();
    let text = Error::from(Rejection::NoKey {
        server: long,
        considered: vec![key(1, OTHER, 1, AES256, KeyVerdict::OtherPrincipal)],
    })
    .explain()
    .render();
    assert!(text.len() < 10_000, "{}", text.len());
}

#[test]
fn peer_errors_show_what_windows_and_the_kdc_add() {
    // KERB-ERROR-DATA { 3, STATUS_ACCOUNT_LOCKED_OUT, 0, 1 }, written by hand after MS-KILE 2.2.
    let data = b"\x30\x15\xa1\x03\x02\x01\x03\xa2\x0e\x04\x0c\x34\x02\x00\xc0\0\0\0\0\x01\0\0\0";
    let locked = Error::Peer(Box::new(PeerError {
        data: Some(data.to_vec()),
        ..peer(18)
    }))
    .explain();
    assert!(
        locked.facts.contains(&(
            "Windows status",
            "0xC0000234, the account is locked out".into()
        )),
        "{:?}",
        locked.facts
    );
    let opaque = Error::Peer(Box::new(PeerError {
        data: Some(vec![1, 2, 3]),
        text: Some("NEEDED_PREAUTH".into()),
        ..peer(25)
    }))
    .explain();
    assert!(
        opaque
            .facts
            .contains(&("e-data", "3 octets of unknown form".into()))
    );
    assert!(
        opaque
            .facts
            .contains(&("e-text", "\"NEEDED_PREAUTH\"".into()))
    );
}

#[test]
fn no_known_kdc_is_told_from_no_answering_kdc() {
    let code = |attempts: &[&str]| {
        Error::Unreachable {
            realm: "R".into(),
            attempts: attempts.iter().map(ToString::to_string).collect(),
        }
        .explain()
        .code
    };
    assert_eq!(code(&[]), "KDC_NOT_FOUND");
    assert_eq!(code(&["no KDC of R is known"]), "KDC_NOT_FOUND");
    assert_eq!(
        code(&["192.0.2.1:88/udp: no answer in 1 s"]),
        "KDC_UNREACHABLE"
    );
}

#[test]
fn octets_of_another_kind_are_named() {
    use super::recognise;
    let is = |octets: &[u8], label: &str| assert_eq!(recognise(octets), Some(label), "{octets:x?}");
    is(b"", "empty");
    is(
        b"NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2",
        "an NTLM NEGOTIATE message",
    );
    is(b"NTLMSSP\0\x02\0\0\0", "an NTLM CHALLENGE message");
    is(b"NTLMSSP\0\x03\0\0\0", "an NTLM AUTHENTICATE message");
    is(b"TlRMTVNTUAABAAAAl4II4g==", "base64 text");
    is(b"YIIHMQYGKwYBBQUCoIIHJTCC", "base64 text");
    is(b"Negotiate YIIHMQYGKwYBBQUC", "an HTTP header value");
    is(b"negotiate oRQwEqADCgEA", "an HTTP header value");
    is(b"HTTP/1.1 400 Bad Request\r\n", "HTTP text");
    is(b"GET / HTTP/1.1\r\n", "HTTP text");
    is(b"<!DOCTYPE html><html>", "an HTML page");
    is(b"NEGOEXTS\0\0\0\0", "a NegoEx message");
    is(b"SSH-2.0-OpenSSH_9.2\r\n", "SSH text");
    is(b"-----BEGIN CERTIFICATE-----\n", "PEM text");
    is(b"6e8202a1308202", "hexadecimal text");
    is(&[0; 12], "nothing but zero octets");
    is(b"\x15\x03\x03\0\x02\x02\x28", "a TLS record");
    is(b"\x16\x03\x01\x02\0\x01", "a TLS record");
    is(b"\xfeSMB\x40\0", "an SMB message");
    is(b"\x05\x02\0\0\0\x47", "a keytab file");
    is(b"\x05\x04\0\x0c\0\x01", "a credential cache file");
    is(b"\x6e\x80\x30\x80\xa0\x80", "BER of indefinite length");
    is(
        b"\0\0\0\x05\x6e\x03\x30\x01\0",
        "a Kerberos message behind a length of four octets",
    );
    is(
        b"\0\0\0\x13KRB5_SENDAUTH_V1.0\0",
        "a sendauth version string",
    );
    is(b"\x6e\x02\x30\0", "an AP-REQ");
    is(b"\x7e\x02\x30\0", "a KRB-ERROR");
    // NegTokenResp { reject } and NegTokenInit with Kerberos and with NTLM, framed by hand.
    is(
        b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02",
        "a SPNEGO NegTokenResp",
    );
    is(
        b"\x60\x0c\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x02\x30\0",
        "a SPNEGO NegTokenInit",
    );
    is(
        b"\x60\x18\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x0e\x30\x0c\xa2\x0a\x04\x08NTLMSSP\0",
        "a SPNEGO token with NTLM inside",
    );
    is(
        b"\x60\x0d\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\0",
        "a GSS-API token of Kerberos",
    );
    is(
        b"\x60\x05\x06\x03\x2a\x03\x04",
        "a GSS-API token of another mechanism",
    );
    for nothing in [
        &b"\x6e\x03\x30\0"[..],
        b"abc",
        b"\x60\x04\x01\x02\x03\x04",
        b"\x01\x02\x03",
    ] {
        assert_eq!(recognise(nothing), None, "{nothing:x?}");
    }
}

#[test]
fn a_recognised_token_is_explained() {
    let octets = b"NTLMSSP\0\x01\0\0\0";
    let error = Error::Malformed(recognised(
        Malformed::new("GSS-API token", 0, "unexpected tag"),
        octets,
    ));
    let explanation = error.explain();
    assert_eq!(explanation.code, "MALFORMED_NTLM_NEGOTIATE");
    assert_eq!(
        explanation.message,
        "This is no GSS-API token: it is an NTLM NEGOTIATE message."
    );
    // A damaged AP-REQ is not "no AP-REQ, but an AP-REQ".
    let broken = recognised(
        Malformed::new("AP-REQ", 4, "trailing data"),
        b"\x6e\x02\x30\0",
    );
    assert_eq!(broken, Malformed::new("AP-REQ", 4, "trailing data"));
}

proptest! {
    /// Security case 25: whatever number comes in, what goes out is one of the standard's.
    #[test]
    fn case_025_protocol_codes_are_reduced(code: i32, which in 0usize..5) {
        let code = ErrorCode(code);
        let error = match which {
            0 => Error::Peer(Box::new(peer(code.0))),
            1 => pac(code).into(),
            2 => message(code).into(),
            3 => reserved(code).into(),
            _ => Rejection::Kdc { code, why: String::new() }.into(),
        };
        prop_assert!((0..=127).contains(&error.protocol_code().0));
        prop_assert!(error.protocol_code().name().is_some());
        prop_assert_eq!(error.explain().protocol_code, error.protocol_code().0);
    }

    #[test]
    fn recognise_takes_any_octets(octets: Vec<u8>) {
        let _ = recognise(&octets);
    }

    #[test]
    fn a_peer_may_write_anything(text: String, data: Vec<u8>, code: i32, stime: i64) {
        let error = Error::Peer(Box::new(PeerError {
            text: Some(text.clone()),
            data: Some(data),
            stime: Timestamp::from_micros(stime),
            client: Some(text.clone()),
            server: text,
            ..peer(code)
        }));
        let text = error.explain().render();
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }
}

#[test]
fn case_025_every_local_error_maps_into_the_range() {
    for error in samples() {
        let code = error.protocol_code();
        assert!(
            (0..=127).contains(&code.0) && code.name().is_some(),
            "{error:?}"
        );
    }
}
