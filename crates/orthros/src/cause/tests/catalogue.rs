//! The failures that people meet with any implementation, provoked here, and what is printed of
//! each.
//!
//! | what people see | test | printed | not printed, and why |
//! |---|---|---|---|
//! | Server not found in Kerberos database | `server_not_found_in_kerberos_database` | the name that was asked for, with its realm; how to find the variants | DNS and the variants that exist: no name is looked up or guessed |
//! | Request ticket server ... not found in keytab | `request_ticket_server_not_found_in_keytab` | every entry and why it was passed over; higher, lower, missing, misnumbered | the ticket's age: it is sealed |
//! | Wrong principal in request | `wrong_principal_in_request` | ticket, policy, keytab | |
//! | Cannot find key of appropriate type | `cannot_find_key_of_appropriate_type` | enctypes of ticket, session key, keytab, policy | what the client offered to its KDC |
//! | Checksum failed, Integrity check failed | `checksum_failed` | what was tried; a damaged ticket is told from another key | the salt: a keytab does not say it |
//! | Clock skew too great | `clock_skew_too_great` | offset with sign, limit, who is behind the KDC | |
//! | Request is a replay | `request_is_a_replay` | when it was first seen, by which cache, its tag | the connection: a cache remembers none, the record of the first request has its source |
//! | No credentials were supplied | `no_credentials_were_supplied` | the file that was looked for | other places: the caller names one |
//! | Cannot contact any KDC | `cannot_contact_any_kdc` | every address and what became of it | |
//! | Preauthentication failed | `preauthentication_failed` | kind of key, enctype, salt and where it is from | |
//! | Defective token detected | `defective_token_detected` | what the octets are | |
//! | Bad bindings | `bad_bindings` | whether there are some, whether they agree | |
//! | HTTP 400, 431 | `headers_too_large_400_and_431` | octets of the token, number of groups | |
//! | PAC Info Buffers does not contain a KerbValidationInfo | `pac_info_buffers_does_not_contain_a_kerb_validation_info` | that it is harmless | |
//! | 401 then blank, browser prompts | none | | what a browser does before it sends a token is seen by nobody here |

use std::sync::Arc;

use super::*;
use crate::ap::tests::forge::{Forge, NOW, accept, if_relevant, key as raw_key, present};
use crate::ap::{self, AcceptorConfig, MemoryReplayCache, PacPolicy, ServiceKeys};
use crate::client::{AsExchange, TgsExchange};
use crate::crypto::{Key, KeyUsage};
use crate::gss::tests::exchange::{acceptor, first, initiator};
use crate::gss::{AcceptorBindings, ChannelBindings};
use crate::kdc::{EmbeddedKdc, Policy};
use crate::pac::PacBuilder;
use crate::random::OsRandom;
use crate::report::Report;
use crate::secret::Secret;
use crate::step::{Ask, Awaiting, Refusal};

fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Explanation {
    result.unwrap_err().error.explain()
}

/// All values of a fact.
fn facts(explanation: &Explanation, name: &str) -> Vec<String> {
    let of_name = explanation.facts.iter().filter(|(n, _)| *n == name);
    of_name.map(|(_, value)| value.clone()).collect()
}

#[track_caller]
fn has(explanation: &Explanation, name: &str, value: &str) {
    let found = facts(explanation, name);
    assert!(
        found.iter().any(|found| found.contains(value)),
        "{name}: {value} is not in {found:?}\n{}",
        explanation.render()
    );
    assert!(explanation.render().contains(value));
}

fn said(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| line.contains(words))
}

/// What a KDC says to a request.
fn ask<N: Awaiting>(
    kdc: &EmbeddedKdc,
    ask: Result<Ask<N, N::Output>, Error>,
) -> Result<N::Output, Error> {
    let mut ask = ask?;
    loop {
        match ask {
            Ask::Done(output) => return Ok(output),
            Ask::Send { request, next, .. } => {
                let answer = kdc.answer(&request, NOW).unwrap();
                ask = next.reply(&answer, NOW)?;
            }
        }
    }
}

fn realm() -> (EmbeddedKdc, AsExchange) {
    let kdc = EmbeddedKdc::new("EXAMPLE.COM", Policy::default(), Arc::new(OsRandom)).unwrap();
    let alice = principal("alice@EXAMPLE.COM");
    kdc.add_user(alice.clone(), &Secret::from("correct horse"))
        .unwrap();
    let exchange = AsExchange::with_password(alice, Secret::from("correct horse"));
    (kdc, exchange)
}

#[test]
fn server_not_found_in_kerberos_database() {
    let (kdc, exchange) = realm();
    let tgt = ask(&kdc, exchange.start(NOW)).unwrap().credentials;
    let missing = principal("HTTP/www@EXAMPLE.COM");
    let error = ask(&kdc, TgsExchange::new(&tgt, missing).start(NOW)).unwrap_err();
    let explanation = error.explain();
    assert_eq!(explanation.protocol_code, 7);
    has(&explanation, "server", "HTTP/www@EXAMPLE.COM");
    assert!(explanation.message.contains("HTTP/www"), "{explanation}");
    assert!(
        said(&explanation.fixes, "setspn -Q"),
        "{:?}",
        explanation.fixes
    );
    assert!(
        said(&explanation.fixes, "getent hosts"),
        "{:?}",
        explanation.fixes
    );
    assert_eq!(explanation.windows.name, "SEC_E_TARGET_UNKNOWN");
}

#[test]
fn request_ticket_server_not_found_in_keytab() {
    let right = Forge::right();
    let server = || right.server.clone();
    let held = |entries: &[(u32, u8)]| {
        let other = (
            principal("host/web.example.com@EXAMPLE.COM"),
            3,
            raw_key(AES256, 9),
        );
        let own = entries
            .iter()
            .map(|(kvno, seed)| (server(), *kvno, raw_key(AES256, *seed)));
        let keys = Arc::new(ServiceKeys::new(own.chain([other])));
        AcceptorConfig::new(keys, ap::Accepts::Service(server()))
    };
    let judge = |kvno, entries: &[(u32, u8)]| {
        let forge = Forge {
            kvno: Some(kvno),
            ..right.clone()
        };
        refused(accept(held(entries), &forge.request()))
    };
    for (kvno, entries, code) in [
        (5, &[(3, 7), (4, 8)][..], "AP_KVNO_STALE_KEYTAB"),
        (2, &[(3, 7), (4, 8)][..], "AP_KVNO_STALE_TICKET"),
        (4, &[(3, 7), (5, 8)][..], "AP_KVNO_MISSING"),
    ] {
        let explanation = judge(kvno, entries);
        assert_eq!((explanation.code, explanation.protocol_code), (code, 44));
        has(&explanation, "ticket server", &server().to_string());
        has(&explanation, "ticket kvno", &kvno.to_string());
        has(&explanation, "keytab kvno", "3 and");
        let entries = facts(&explanation, "keytab entry");
        assert_eq!(entries.len(), 3);
        assert!(entries[0].starts_with("#1 HTTP/web.example.com@EXAMPLE.COM kvno 3 "));
        assert!(entries[0].ends_with(": other kvno") && entries[1].ends_with(": other kvno"));
        assert!(entries[2].ends_with(": other principal"));
    }
    // Of the version that the ticket names there is none, and another one opens it.
    for kvno in [0, 1, 255] {
        let explanation = judge(7, &[(6, 8), (kvno, 1)]);
        assert_eq!(
            (explanation.code, explanation.protocol_code),
            ("AP_KVNO_MISNUMBERED", 44)
        );
        has(
            &explanation,
            "keytab entry",
            "other kvno, but it opens the ticket",
        );
        assert!(
            said(&explanation.reasons, "made up by the tool"),
            "{explanation:?}"
        );
    }
    let explanation = judge(7, &[(6, 1)]);
    assert_eq!(explanation.code, "AP_KVNO_MISNUMBERED");
    assert!(!said(&explanation.reasons, "made up by the tool"));
    // No entry of the name at all.
    assert_eq!(judge(3, &[]).code, "AP_NOKEY");
}

#[test]
fn wrong_principal_in_request() {
    let right = Forge::right();
    let accepts = || ap::Accepts::Service(principal("HTTP/other.example.com@EXAMPLE.COM"));
    let explanation = refused(accept(
        AcceptorConfig::new(right.keys(), accepts()),
        &right.request(),
    ));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_NOT_US", 35)
    );
    has(
        &explanation,
        "ticket server",
        "HTTP/web.example.com@EXAMPLE.COM",
    );
    has(
        &explanation,
        "accepts",
        "HTTP/other.example.com@EXAMPLE.COM",
    );
    has(
        &explanation,
        "accepts",
        "the keytab has a key of the ticket's server",
    );
    assert_eq!(explanation.windows.name, "SEC_E_WRONG_PRINCIPAL");
    let none = Arc::new(ServiceKeys::new([]));
    let explanation = refused(accept(
        AcceptorConfig::new(none, accepts()),
        &right.request(),
    ));
    has(
        &explanation,
        "accepts",
        "the keytab has no key of the ticket's server",
    );
}

#[test]
fn cannot_find_key_of_appropriate_type() {
    let right = Forge::right();
    // The keytab has this version for another enctype.
    let keys = [(right.server.clone(), 3, raw_key(AES128, 1))];
    let config = AcceptorConfig::new(
        Arc::new(ServiceKeys::new(keys)),
        ap::Accepts::Service(right.server.clone()),
    );
    let explanation = refused(accept(config, &right.request()));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_KEY_ENCTYPE", 44)
    );
    has(
        &explanation,
        "ticket enctype",
        "aes256-cts-hmac-sha1-96 (18)",
    );
    has(&explanation, "keytab enctypes", "aes128-cts-hmac-sha1-96");
    has(&explanation, "keytab entry", "other enctype");
    // Policy permits neither the ticket's nor, in another, the session key's.
    let config = right.config().permitted_enctypes([AES128]);
    let explanation = refused(accept(config, &right.request()));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_ENCTYPE_TICKET", 14)
    );
    has(&explanation, "enctype", "aes256-cts-hmac-sha1-96 (18)");
    has(&explanation, "permitted", "aes128-cts-hmac-sha1-96");
    let session = Forge {
        session_key: raw_key(AES128, 2),
        ..right.clone()
    };
    let config = right.config().permitted_enctypes([AES256]);
    let explanation = refused(accept(config, &session.request()));
    assert_eq!(explanation.code, "AP_ENCTYPE_SESSION_KEY");
    has(&explanation, "enctype", "aes128-cts-hmac-sha1-96 (17)");
    has(&explanation, "permitted", "aes256-cts-hmac-sha1-96");
    // The KDC has none in common with the client.
    let (kdc, exchange) = realm();
    kdc.add_service(principal("HTTP/web@EXAMPLE.COM")).unwrap();
    kdc.alter(&principal("HTTP/web@EXAMPLE.COM"), |entry| {
        entry.session_enctypes = Some(vec![AES128]);
    })
    .unwrap();
    let tgt = ask(&kdc, exchange.start(NOW)).unwrap().credentials;
    let exchange = TgsExchange::new(&tgt, principal("HTTP/web@EXAMPLE.COM")).enctypes(vec![AES256]);
    let explanation = ask(&kdc, exchange.start(NOW)).unwrap_err().explain();
    assert_eq!(explanation.protocol_code, 14);
    has(&explanation, "server", "HTTP/web@EXAMPLE.COM");
    assert!(said(&explanation.reasons, "no AES key"), "{explanation:?}");
}

#[test]
fn checksum_failed() {
    let right = Forge::right();
    // Name, version and enctype fit, and the key is another.
    let other = Forge {
        service_key: raw_key(AES256, 5),
        ..right.clone()
    };
    let explanation = refused(present(&other));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_WRONG_KEY", 31)
    );
    has(&explanation, "keytab entry", "did not decrypt");
    has(&explanation, "ticket kvno", "3");
    has(
        &explanation,
        "ticket enctype",
        "aes256-cts-hmac-sha1-96 (18)",
    );
    assert!(said(&explanation.reasons, "wrong salt"), "{explanation:?}");
    assert!(
        said(&explanation.reasons, "duplicate SPN"),
        "{explanation:?}"
    );
    assert!(
        said(&explanation.reasons, "another realm"),
        "{explanation:?}"
    );
    // The key is right, and the ticket was changed on its way.
    let request = right.request();
    let mut damaged = right.ticket();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let request_of = right.request_of(&damaged, &right.authenticator());
    assert_ne!(request, request_of);
    let explanation = refused(accept(right.config(), &request_of));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_TICKET_MODIFIED", 31)
    );
    // A ticket that is paired with the session key of another.
    let mixed = Forge {
        authenticator_key: Some(raw_key(AES256, 6)),
        ..right
    };
    let explanation = refused(present(&mixed));
    assert_eq!(explanation.code, "AP_AUTHENTICATOR_MODIFIED");
    has(&explanation, "ticket client", "alice@EXAMPLE.COM");
}

#[test]
fn clock_skew_too_great() {
    // The ticket is ten minutes old; the clock of one side stands before that.
    let issued = |seconds| Forge {
        authtime: seconds,
        ..Forge::right()
    };
    let judge = |forge: &Forge, seconds: i64| {
        let forge = Forge {
            ctime: NOW.offset(seconds * 1_000_000),
            ..forge.clone()
        };
        refused(present(&forge))
    };
    let explanation = judge(&issued(-600), -3600);
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_CLOCK_SKEW", 37)
    );
    has(
        &explanation,
        "offset",
        "-3600.000000 s (the client is behind us)",
    );
    has(&explanation, "limit", "300 s");
    has(&explanation, "ticket issued", "by the KDC's clock");
    has(
        &explanation,
        "against the KDC",
        "the client's clock is behind the KDC's, by 49 min 59 s",
    );
    assert!(said(
        &explanation.reasons,
        "By the ticket, the client's clock"
    ));
    // The client has got it from the KDC an hour from now.
    let explanation = judge(&issued(3590), 3600);
    has(
        &explanation,
        "offset",
        "+3600.000000 s (the client is ahead of us)",
    );
    has(
        &explanation,
        "against the KDC",
        "our clock is behind the KDC's, by 59 min",
    );
    let explanation = judge(&issued(-600), 3600);
    has(
        &explanation,
        "against the KDC",
        "neither clock is before the ticket",
    );
    let explanation = judge(&issued(7200), 3600);
    has(&explanation, "against the KDC", "both clocks are behind");
    // A postdated ticket does not say when it was made.
    let postdated = Forge {
        flags: TicketFlags::POSTDATED,
        ..issued(-600)
    };
    let explanation = judge(&postdated, -3600);
    assert!(facts(&explanation, "against the KDC").is_empty());
}

#[test]
fn request_is_a_replay() {
    let right = Forge::right();
    let cache = Arc::new(MemoryReplayCache::new());
    let config = || right.config().replay_cache(cache.clone());
    let request = right.request();
    let at = |micros| {
        ap::Acceptor::new(config()).accept(&request, &ap::Unbound, None, NOW.offset(micros))
    };
    let first = at(0).unwrap();
    let peer = &first.peer;
    assert_eq!(
        (peer.replay_checked(), peer.replay_cache()),
        (true, Some("memory"))
    );
    let explanation = refused(at(800_000));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("AP_REPLAY", 34)
    );
    has(&explanation, "client", "alice@EXAMPLE.COM");
    has(&explanation, "first seen", "2026-11-22T10:31:07.48");
    has(&explanation, "first seen", "0.80");
    has(&explanation, "replay cache", "memory");
    has(
        &explanation,
        "connection",
        "the record of the first request",
    );
    assert!(
        explanation.reasons[0].contains("proxy's retry"),
        "{explanation:?}"
    );
    let later = refused(at(120_000_000));
    has(&later, "first seen", "2 min ago");
    assert!(
        later.reasons[0].contains("one authenticator for several"),
        "{later:?}"
    );
    // The records of both have one tag.
    let refusal = at(900_000).unwrap_err();
    let (accepted, refused) = (
        Report::accepted(peer).record(),
        Report::refused(&refusal).record(),
    );
    assert_eq!(accepted.replay_tag, refused.replay_tag);
    assert!(accepted.replay_tag.is_some() && accepted.first_seen.is_none());
    assert_eq!(accepted.replay_cache.as_deref(), Some("memory"));
    assert_eq!(refused.replay_cache.as_deref(), Some("memory"));
    let first_seen = refused.first_seen.unwrap().micros_since(NOW);
    assert!((0..1000).contains(&first_seen), "{first_seen}");
    let tag = facts(&explanation, "replay tag");
    assert!(said(&explanation.fixes, &tag[0]), "{:?}", explanation.fixes);
    // Nobody looked; or it was asked elsewhere, which accept() does not know to do.
    let unchecked = accept(right.config().without_replay_cache(), &request).unwrap();
    let peer = &unchecked.peer;
    assert_eq!((peer.replay_checked(), peer.replay_cache()), (false, None));
    let elsewhere = || {
        right
            .config()
            .replay_cache(Arc::new(ap::AskedElsewhere { kind: "redis" }))
    };
    let verified = ap::Acceptor::new(elsewhere())
        .verify(&request, &ap::Unbound, None, NOW)
        .unwrap();
    let accepted = verified.admit(ap::ReplayVerdict::Fresh, NOW).unwrap();
    assert_eq!(accepted.peer.replay_cache(), Some("redis"));
    let verified = ap::Acceptor::new(elsewhere())
        .verify(&request, &ap::Unbound, None, NOW)
        .unwrap();
    let error = verified
        .admit(ap::ReplayVerdict::Seen, NOW)
        .unwrap_err()
        .error
        .explain();
    has(&error, "replay cache", "redis");
    has(&error, "first seen", "does not remember");
    let not_asked = refused_code(accept(elsewhere(), &request));
    assert_eq!(not_asked, "AP_REPLAY_CACHE_UNAVAILABLE");
}

fn refused_code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    refused(result).code
}

/// As a program finds its cache by the environment.
#[test]
fn no_credentials_were_supplied() {
    let name = crate::env::Environment::default()
        .with("KRB5CCNAME", "FILE:/nonexistent/krb5cc_1000")
        .and_then(|environment| environment.ccache(None))
        .unwrap();
    let crate::env::CcacheName::File(path) = name else {
        panic!("{name:?}");
    };
    let explanation = crate::env::read_ccache(&path).unwrap_err().explain();
    assert_eq!(explanation.code, "FILE_NOT_FOUND");
    has(&explanation, "file", "/nonexistent/krb5cc_1000");
    assert!(said(&explanation.reasons, "KRB5CCNAME"), "{explanation:?}");
    assert!(said(&explanation.reasons, "no kinit"), "{explanation:?}");
}

#[test]
fn cannot_contact_any_kdc() {
    let attempts = [
        "192.0.2.1:88/udp: no answer in 1 s",
        "192.0.2.1:88/tcp: connection refused",
    ];
    let error = Error::Unreachable {
        realm: "EXAMPLE.COM".to_owned(),
        attempts: attempts.map(str::to_owned).to_vec(),
    };
    let explanation = error.explain();
    assert_eq!(explanation.code, "KDC_UNREACHABLE");
    for attempt in attempts {
        has(&explanation, "tried", attempt);
    }
    assert!(said(&explanation.fixes, "Try TCP first"), "{explanation:?}");
    assert!(
        said(&explanation.reasons, "KDC proxy over HTTPS"),
        "{explanation:?}"
    );
}

#[test]
fn preauthentication_failed() {
    let (kdc, _) = realm();
    let wrong = || AsExchange::with_password(principal("alice@EXAMPLE.COM"), Secret::from("wrong"));
    let explanation = ask(&kdc, wrong().start(NOW)).unwrap_err().explain();
    assert_eq!(explanation.protocol_code, 24);
    has(
        &explanation,
        "tried with",
        "a password, aes256-cts-hmac-sha1-96",
    );
    has(&explanation, "tried with", "salt \"EXAMPLE.COMalice\"");
    has(&explanation, "tried with", "PA-ETYPE-INFO2");
    // An account that was renamed keeps the salt of its old name.
    let stale = vec![raw_key(AES256, 4), raw_key(AES128, 4)];
    let exchange = AsExchange::with_keys(principal("alice@EXAMPLE.COM"), stale);
    let explanation = ask(&kdc, exchange.start(NOW)).unwrap_err().explain();
    has(&explanation, "tried with", "a keytab");
    assert!(said(&explanation.reasons, "wrong salt"), "{explanation:?}");
    assert!(!explanation.render().contains("\"wrong\""));
}

#[test]
fn defective_token_detected() {
    for (token, code, found) in [
        (
            &b"NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2"[..],
            "MALFORMED_NTLM_NEGOTIATE",
            "NTLM NEGOTIATE",
        ),
        (&b"NEGOEXTS\0\0\0\0"[..], "MALFORMED_NEGOEX", "NegoEx"),
        (
            &b"YIIHMQYGKwYBBQUCoIIHJTCC"[..],
            "MALFORMED_BASE64",
            "base64",
        ),
        (&b""[..], "MALFORMED_EMPTY", "empty"),
    ] {
        let explanation = refused(acceptor().accept(token, NOW));
        assert_eq!(explanation.code, code, "{explanation}");
        has(&explanation, "found", found);
        assert!(!explanation.fixes.is_empty());
    }
    // A header that says more than there is.
    let (token, _) = first(initiator());
    let explanation = refused(acceptor().accept(&token[..40], NOW));
    assert!(explanation.code.starts_with("MALFORMED"), "{explanation}");
    assert_eq!(explanation.windows.name, "SEC_E_INVALID_TOKEN");
}

#[test]
fn bad_bindings() {
    let bound = |text: &str| ChannelBindings::from_application_data(text.as_bytes());
    let require = || AcceptorBindings::Require(bound("tls-exporter:1").into());
    for (sent, code, fact) in [
        (None, "GSS_BINDINGS_MISSING", "no channel bindings"),
        (
            Some("tls-exporter:2"),
            "GSS_BINDINGS_MISMATCH",
            "channel bindings",
        ),
    ] {
        let ours = match sent {
            Some(sent) => initiator().bindings(bound(sent)),
            None => initiator(),
        };
        let (token, _) = first(ours);
        let explanation = refused(acceptor().bindings(require()).accept(&token, NOW));
        assert_eq!(explanation.code, code);
        has(&explanation, "client sent", fact);
        assert_eq!(explanation.windows.name, "SEC_E_BAD_BINDINGS");
        assert_eq!(explanation.windows.status, 0x8009_0346);
    }
}

/// A token is as long as the groups in its ticket make it.
#[test]
fn headers_too_large_400_and_431() {
    let (token, _) = first(initiator());
    let step = acceptor().accept(&token, NOW).unwrap();
    let crate::step::Step::Established { context, .. } = step else {
        panic!("established");
    };
    let record = Report::established(context.info()).request(&token).record();
    assert_eq!(record.token_octets, Some(token.len()));
    let refusal = acceptor().accept(&token[..50], NOW).unwrap_err();
    let record = Report::refused(&refusal).request(&token[..50]).record();
    assert_eq!(record.token_octets, Some(50));
}

/// A PAC as MIT's KDC makes it: names and signatures.
#[test]
fn pac_info_buffers_does_not_contain_a_kerb_validation_info() {
    let right = Forge::right();
    let authtime = KerberosTime::from_secs(NOW.time().as_secs() + right.authtime);
    let mac = |key: &Key| key.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
    let pac = PacBuilder::new(&right.client, authtime)
        .unwrap()
        .sign_tgt(&mac(&right.service_key), &mac(&raw_key(AES256, 200)))
        .unwrap();
    let forge = Forge {
        ticket_data: vec![if_relevant(vec![(128, pac)])],
        ..right
    };
    assert!(present(&forge).unwrap().peer.pac().is_some());
    let demanding = forge.config().pac(PacPolicy::RequiredWithLogonInfo);
    let explanation = refused(accept(demanding, &forge.request()));
    assert_eq!(
        (explanation.code, explanation.protocol_code),
        ("PAC_NO_LOGON_INFO", 12)
    );
    has(&explanation, "required", "LOGON_INFO");
    assert!(said(&explanation.reasons, "harmless"), "{explanation:?}");
}
