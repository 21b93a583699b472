use std::time::Duration;

use super::*;
use crate::ap;
use crate::ap::tests::forge::{AES256, Forge, NOW, accept, key, present, principal};
use crate::credentials::Credentials;
use crate::error::KeyVerdict;
use crate::gss::{self, AcceptorBindings, BindingType, ChannelBindings};
use crate::step::Step;

const ALICE: &str = "alice@EXAMPLE.COM";
const WEB: &str = "HTTP/web.example.com@EXAMPLE.COM";

fn verified(name: &str) -> Option<Name> {
    Some(Name {
        name: name.to_owned(),
        verified: true,
    })
}

fn claimed_as(name: &str) -> Option<Name> {
    Some(Name {
        name: name.to_owned(),
        verified: false,
    })
}

fn credentials(forge: &Forge) -> Credentials {
    Credentials {
        client: forge.client.clone(),
        server: forge.server.clone(),
        ticket: forge.ticket(),
        session_key: forge.session_key.clone(),
        flags: forge.flags,
        authtime: NOW.time(),
        starttime: None,
        endtime: NOW.plus(Duration::from_secs(3600)).time(),
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

#[test]
fn an_acceptance_says_what_was_verified() {
    let forge = Forge {
        ctime: NOW.offset(-2_500_000),
        ..Forge::right()
    };
    let accepted = present(&forge).unwrap();
    let record = Report::accepted(&accepted.peer)
        .at(NOW)
        .took(Duration::from_micros(11))
        .source(&"192.0.2.1")
        .replay_cache("memory")
        .request_id("r-1")
        .record();
    assert!(record.accepted && record.failure.is_none());
    assert_eq!((record.cause, record.protocol_code), (ACCEPTED, 0));
    assert_eq!(record.gss_major, MajorStatus::COMPLETE);
    assert_eq!(record.client, verified(ALICE));
    assert_eq!(record.service, verified(WEB));
    assert_eq!((record.kvno, record.keytab_entry), (Some(3), Some(1)));
    assert_eq!(record.etype, Some(forge.service_key.enctype()));
    assert_eq!(record.clock_offset, Some(-2_500_000));
    assert_eq!(record.took, Some(Duration::from_micros(11)));
    assert_eq!(record.replay_cache.as_deref(), Some("memory"));
    assert_eq!(
        record.to_string(),
        format!("accepted OK client {ALICE} service {WEB}")
    );
}

/// Until the authenticator was opened, everything is what the other side writes.
#[test]
fn a_refusal_tells_what_is_claimed_from_what_is_known() {
    let right = Forge::right();
    let stale = Forge {
        kvno: Some(4),
        service_key: key(AES256, 9),
        ..right.clone()
    };
    let request = stale.request();
    let refusal = accept(right.config(), &request).unwrap_err();
    let record = Report::refused(&refusal).request(&request).at(NOW).record();
    assert!(!record.accepted);
    assert_eq!(record.cause, "AP_KVNO_STALE_KEYTAB");
    assert_eq!(record.protocol_code, 44);
    assert_eq!(record.gss_major, MajorStatus::NO_CRED);
    assert_eq!(record.client, None);
    assert_eq!(record.service, claimed_as(WEB));
    assert_eq!(record.kvno, Some(4));
    assert_eq!(record.considered.len(), 1);
    assert_eq!(record.considered[0].verdict, KeyVerdict::OtherVersion);

    // The clock is judged later: the client is known by then.
    let late = Forge {
        ctime: NOW.offset(400_000_000),
        ..right.clone()
    };
    let request = late.request();
    let refusal = accept(right.config(), &request).unwrap_err();
    let record = Report::refused(&refusal).request(&request).at(NOW).record();
    assert_eq!(record.cause, "AP_CLOCK_SKEW");
    assert_eq!(record.client, verified(ALICE));
    assert_eq!(record.service, verified(WEB));
    assert_eq!(record.clock_offset, Some(400_000_000));
    let failure = record.failure.as_ref().unwrap();
    assert_eq!(failure.windows.name, "SEC_E_TIME_SKEW");
    assert_eq!(failure.windows.status, 0x8009_0324);

    // Octets that are nothing at all.
    let refusal = accept(right.config(), b"NTLMSSP\0\x01\0\0\0").unwrap_err();
    let record = Report::refused(&refusal)
        .request(b"NTLMSSP\0\x01\0\0\0")
        .record();
    assert_eq!(record.cause, "MALFORMED_NTLM_NEGOTIATE");
    assert_eq!((record.client, record.service), (None, None));
}

#[test]
fn every_refusal_names_client_and_service_once_they_are_known() {
    let right = Forge::right();
    for forge in [
        Forge {
            flags: right.flags | crate::wire::TicketFlags::INVALID,
            ..right.clone()
        },
        Forge {
            endtime: -4000,
            ..right.clone()
        },
        Forge {
            authenticator_client: principal("mallory@EXAMPLE.COM"),
            ..right.clone()
        },
        Forge {
            starttime: Some(4000),
            ..right.clone()
        },
    ] {
        let request = forge.request();
        let refusal = accept(right.config(), &request).unwrap_err();
        let record = Report::refused(&refusal).request(&request).record();
        assert_eq!(record.client, verified(ALICE), "{record:?}");
        assert_eq!(record.service, verified(WEB), "{record:?}");
        assert!(record.to_string().starts_with("refused AP_"), "{record}");
    }
}

#[test]
fn a_context_says_whether_it_is_bound_and_proven() {
    let bindings = ChannelBindings::from_application_data(&b"tls-exporter:x"[..]);
    let acceptor = || gss::Acceptor::new(ap::Acceptor::new(Forge::right().config()));
    let begin = |initiator: gss::Initiator| match initiator.request(NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    };
    let initiator = || gss::Initiator::new(credentials(&Forge::right()));

    let (token, next) = begin(initiator().bindings(bindings.clone()));
    let bound = acceptor().bindings(AcceptorBindings::Require(bindings.clone().into()));
    let Ok(Step::Established {
        token: Some(reply),
        context,
    }) = bound.accept(&token, NOW)
    else {
        panic!("not established");
    };
    let record = Report::established(context.info()).record();
    assert_eq!(record.role, Role::Acceptor);
    assert_eq!(record.channel_binding, Some(ChannelBinding::Bound));
    assert_eq!(record.bound_to, Some((0, BindingType::Exporter)));
    assert_eq!((record.mutual, record.delegated), (Some(true), Some(false)));
    assert!(record.protection_etype.is_some());
    let Ok(Step::Established { context, .. }) = next.reply(&reply, NOW) else {
        panic!("not established");
    };
    let record = Report::established(context.info()).record();
    assert_eq!(record.role, Role::Initiator);
    assert_eq!(record.service, verified(WEB));
    assert_eq!(record.client, verified(ALICE));

    for (sent, expected, cause) in [
        (None, ChannelBinding::Missing, "GSS_BINDINGS_MISSING"),
        (
            Some("tls-exporter:y"),
            ChannelBinding::Mismatch,
            "GSS_BINDINGS_MISMATCH",
        ),
    ] {
        let initiator = match sent {
            Some(octets) => {
                initiator().bindings(ChannelBindings::from_application_data(octets.as_bytes()))
            }
            None => initiator(),
        };
        let (token, _) = begin(initiator);
        let bound = acceptor().bindings(AcceptorBindings::Require(bindings.clone().into()));
        let refusal = bound.accept(&token, NOW).unwrap_err();
        let record = Report::refused(&refusal).request(&token).record();
        assert_eq!(record.channel_binding, Some(expected));
        assert_eq!(
            (record.cause, record.gss_major),
            (cause, MajorStatus::BAD_BINDINGS)
        );
        assert_eq!(record.client, verified(ALICE));
        assert_eq!(record.service, verified(WEB));
    }
}

/// CB-04, CB-06: which of the acceptor's bindings agreed; and what an audit let in.
#[test]
fn cb_04_cb_06_a_context_says_what_it_is_bound_to() {
    let octets = [
        "tls-server-end-point:a",
        "tls-server-end-point:b",
        "tls-exporter:c",
    ];
    let ours = octets.map(ChannelBindings::from_application_data);
    let established = |sent: Option<&str>| {
        let initiator = gss::Initiator::new(credentials(&Forge::right()));
        let initiator = match sent {
            Some(octets) => initiator.bindings(ChannelBindings::from_application_data(octets)),
            None => initiator,
        };
        let Ok(Step::Continue { token, .. }) = initiator.request(NOW) else {
            panic!("not begun");
        };
        let acceptor = gss::Acceptor::new(ap::Acceptor::new(Forge::right().config()))
            .bindings(AcceptorBindings::Audit(ours.clone().into()));
        match acceptor.accept(&token, NOW) {
            Ok(Step::Established { context, .. }) => Report::established(context.info()).record(),
            other => panic!("{other:?}"),
        }
    };
    for (sent, outcome, bound_to) in [
        (
            Some(octets[0]),
            ChannelBinding::Bound,
            Some((0, BindingType::ServerEndPoint)),
        ),
        (
            Some(octets[1]),
            ChannelBinding::Bound,
            Some((1, BindingType::ServerEndPoint)),
        ),
        (
            Some(octets[2]),
            ChannelBinding::Bound,
            Some((2, BindingType::Exporter)),
        ),
        (Some("tls-exporter:d"), ChannelBinding::Mismatch, None),
        (None, ChannelBinding::Unbound, None),
    ] {
        let record = established(sent);
        assert!(record.accepted);
        assert_eq!(record.channel_binding, Some(outcome), "{sent:?}");
        assert_eq!(record.bound_to, bound_to, "{sent:?}");
        #[cfg(feature = "serde")]
        {
            let json: serde_json::Value = serde_json::to_value(&record).unwrap();
            let candidate = bound_to.map(|(candidate, _)| candidate);
            assert_eq!(
                json["channel_binding_candidate"],
                serde_json::json!(candidate)
            );
            let name = bound_to.map(|(_, binding_type)| binding_type.name());
            assert_eq!(json["channel_binding_type"], serde_json::json!(name));
        }
    }
}

/// An initiator without mutual authentication has no proof of who answers.
#[test]
fn case_060_the_service_is_claimed_without_mutual_authentication() {
    let initiator = gss::Initiator::new(credentials(&Forge::right())).flags(ContextFlags::NONE);
    let Ok(Step::Established { context, .. }) = initiator.request(NOW) else {
        panic!("not established");
    };
    let record = Report::established(context.info()).record();
    assert_eq!(record.service, claimed_as(WEB));
    assert_eq!(record.mutual, Some(false));
}

#[test]
fn an_initiator_reports_what_it_was_told() {
    let right = Forge::right();
    let refusal = accept(
        right.config(),
        &Forge {
            kvno: Some(9),
            ..right.clone()
        }
        .request(),
    )
    .unwrap_err();
    let token = refusal.token.unwrap();
    let told = crate::wire::KrbError::from_bytes(&token).unwrap();
    let error = Error::Peer(Box::new(crate::error::PeerError::new(
        &told,
        NOW.offset(-1_000_000),
    )));
    let record = Report::failed(&error).record();
    assert_eq!(record.role, Role::Initiator);
    assert_eq!(record.cause, "PEER_BADKEYVER");
    assert_eq!(record.clock_offset, Some(1_000_000));
}

#[test]
fn text_of_strangers_stays_on_one_line() {
    let forge = Forge::right();
    let accepted = present(&forge).unwrap();
    let record = Report::accepted(&accepted.peer)
        .source(&"a\r\nb\u{1b}[2J")
        .request_id("x\ny")
        .record();
    assert_eq!(record.source.as_deref(), Some("ab[2J"));
    assert_eq!(record.request_id.as_deref(), Some("xy"));
}

#[cfg(feature = "serde")]
#[test]
fn json_has_a_schema_stable_codes_and_rfc_3339_times() {
    let right = Forge::right();
    let late = Forge {
        ctime: NOW.offset(-400_000_000),
        ..right.clone()
    };
    let request = late.request();
    let refusal = accept(right.config(), &request).unwrap_err();
    let report = Report::refused(&refusal)
        .request(&request)
        .at(NOW)
        .took(Duration::from_millis(1));
    let json = serde_json::to_value(report).unwrap();
    assert_eq!(json["schema"], "orthros.exchange/1");
    assert_eq!(json["time"], "2026-11-22T10:31:07.482913Z");
    assert_eq!(json["result"], "refused");
    assert_eq!(json["cause"], "AP_CLOCK_SKEW");
    assert_eq!(json["protocol_code"], 37);
    assert_eq!(json["gss_major"], "GSS_S_FAILURE");
    assert_eq!(json["client"]["name"], ALICE);
    assert_eq!(json["client"]["verified"], true);
    assert_eq!(json["etype"], "aes256-cts-hmac-sha1-96");
    assert_eq!(json["offset_us"], -400_000_000);
    assert_eq!(json["took_us"], 1000.0);
    let failure = &json["failure"];
    for field in [
        "code",
        "protocol_code",
        "protocol_name",
        "message",
        "facts",
        "reasons",
        "fixes",
    ] {
        assert!(!failure[field].is_null(), "{field}");
    }
    assert_eq!(failure["windows"]["status"], "0x80090324");
    let accepted = present(&right).unwrap();
    let json = serde_json::to_value(Report::accepted(&accepted.peer)).unwrap();
    assert_eq!(json["result"], "accepted");
    assert!(json["failure"].is_null() && json["time"].is_null());
}

#[cfg(feature = "tracing")]
mod events {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record as Fields};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Writes down what it is told: `event client=... `, `span krb.accept`, `record client=...`.
    #[derive(Clone, Default)]
    struct Listener(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.push_str(&format!(" {}={value:?}", field.name()));
        }
    }

    impl Subscriber for Listener {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0
                .lock()
                .unwrap()
                .push(format!("span {}", span.metadata().name()));
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, fields: &Fields<'_>) {
            let mut line = Line("record".to_owned());
            fields.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(format!("event {}", event.metadata().level()));
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn one_event_for_each_exchange() {
        let listener = Listener::default();
        let right = Forge::right();
        tracing::subscriber::with_default(listener.clone(), || {
            let accepted = present(&right).unwrap();
            Report::accepted(&accepted.peer).emit();
            let refusal = accept(right.config(), b"").unwrap_err();
            accept_span().in_scope(|| Report::refused(&refusal).emit());
        });
        let lines = listener.0.lock().unwrap();
        let events: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("event"))
            .collect();
        assert_eq!(events.len(), 2, "{lines:?}");
        assert!(events[0].starts_with("event INFO"), "{events:?}");
        for part in [
            ALICE,
            WEB,
            "kvno=3",
            "cause=\"OK\"",
            "etype=aes256-cts-hmac-sha1-96",
            "offset=",
        ] {
            assert!(events[0].contains(part), "{part}: {events:?}");
        }
        assert!(!events[0].contains("error.type"));
        assert!(events[1].starts_with("event WARN"), "{events:?}");
        assert!(
            events[1].contains("error.type=\"MALFORMED_EMPTY\""),
            "{events:?}"
        );
        assert!(
            lines.iter().any(|line| line == "span krb.accept"),
            "{lines:?}"
        );
    }
}
