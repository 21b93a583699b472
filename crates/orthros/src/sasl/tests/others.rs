//! GSS-SPNEGO and GS2 (RFC 5801).

use super::gssapi::{converse, talk};
use crate::ap::tests::forge::NOW;
use crate::error::{Error, Rejection};
use crate::gss::tests::exchange::{acceptor, initiator};
use crate::gss::token::unframe;
use crate::gss::{BindingOutcome, BindingType, ChannelBindings, ContextFlags};
use crate::sasl::{Binding, Client, Layer, Layers, Mechanism, Server};
use crate::step::Step;

pub(super) fn channel(name: &str, data: &[u8]) -> Binding {
    Binding::Channel {
        name: name.into(),
        data: data.into(),
    }
}

#[test]
fn gss_spnego_takes_the_layer_of_the_flags() {
    for layer in [Layer::None, Layer::Integrity, Layer::Confidentiality] {
        let client = Client::gss_spnego(initiator(), Layers::only(layer));
        assert_eq!(client.mechanism().name(), "GSS-SPNEGO");
        let server = Server::gss_spnego(acceptor(), Layers::ALL);
        let (mut ours, mut theirs) = converse(client, server).unwrap();
        assert_eq!((ours.layer(), theirs.layer()), (layer, layer));
        talk(&mut ours, &mut theirs);
    }
    // Security case 61, at the server.
    let client = Client::gss_spnego(initiator(), Layers::only(Layer::Integrity));
    let server = Server::gss_spnego(acceptor(), Layers::only(Layer::Confidentiality));
    let refusal = converse(client, server).unwrap_err();
    assert_eq!(refusal.error.explain().code, "SASL_LAYER");
}

#[test]
fn sasl_12_the_first_message_of_gs2() {
    for (binding, authzid, header) in [
        (Binding::None, "", "n,,"),
        (Binding::NotAdvertised, "", "y,,"),
        (Binding::None, "a,b=c", "n,a=a=2Cb=3Dc,"),
        (
            channel("tls-exporter", b"x"),
            "bob",
            "p=tls-exporter,a=bob,",
        ),
    ] {
        let client = Client::gs2(initiator(), binding.clone()).authzid(authzid);
        let Step::Continue { token, .. } = client.start(NOW).unwrap() else {
            panic!();
        };
        // RFC 5801 §6: the header, then the token without 60, length and OID.
        assert!(token.starts_with(header.as_bytes()), "{header}");
        assert!(token[header.len()..].starts_with(&[0x01, 0x00, 0x6E]));
        let server = match binding {
            Binding::Channel { .. } => {
                Server::gs2_plus(acceptor(), [("tls-unique", b"u"), ("tls-exporter", b"x")])
            }
            _ => Server::gs2(acceptor(), false),
        };
        let server = server.authorize(|_, _| true);
        let client = Client::gs2(initiator(), binding).authzid(authzid);
        let (ours, theirs) = converse(client, server).unwrap();
        assert_eq!(theirs.authzid().unwrap_or_default(), authzid);
        assert_eq!((ours.layer(), theirs.layer()), (Layer::None, Layer::None));
    }
    let none = "the first message has no header of GS2";
    for (header, reason) in [
        (&b""[..], none),
        (b"n", none),
        (b"n,", none),
        (b"x,,", none),
        (b"p=,,", none),
        (b"p=a b,,", none),
        (b"n,b=x,,", none),
        (b"n,a=,", none),
        (b"n,a=x=2,", none),
        (b"n,a==2D,", none),
        (b"F,n,,", "the client says that its token has no framing"),
    ] {
        let server = Server::gs2(acceptor(), false);
        let first = [header, b"\x01\x00x"].concat();
        let text = server.respond(&first, NOW).unwrap_err().error.to_string();
        assert!(text.contains(reason), "{header:?}: {text}");
    }
    let nul = Client::gs2(initiator(), Binding::None).authzid("alice\0bob");
    assert!(matches!(nul.start(NOW), Err(Error::Misuse(_))));
}

/// The client's token is not for SASL to make, so one that asks for less is there to be refused.
#[test]
fn sasl_12_mutual_authentication_of_gs2() {
    let first = |flags| {
        let bindings = ChannelBindings::from_application_data("n,,");
        let ours = initiator().bindings(bindings).flags(flags);
        let token = match ours.request(NOW).unwrap() {
            Step::Continue { token, .. } => token,
            Step::Established { token, .. } => token.unwrap(),
        };
        let (id, message) = unframe(&token).unwrap();
        [&b"n,,"[..], &id.0.to_be_bytes(), message].concat()
    };
    let flags = ContextFlags::REPLAY | ContextFlags::SEQUENCE;
    let server = || Server::gs2(acceptor(), false);
    let refusal = server().respond(&first(flags), NOW).unwrap_err();
    let text = refusal.error.to_string();
    assert!(text.contains("mutual authentication"), "{text}");
    let asked = first(flags | ContextFlags::MUTUAL);
    assert!(server().respond(&asked, NOW).is_ok());
}

#[test]
fn sasl_11_the_service_of_the_other_mechanisms() {
    for (service, good) in [("HTTP", true), ("ldap", false)] {
        let gs2 = (
            Client::gs2(initiator(), Binding::None),
            Server::gs2(acceptor(), false),
        );
        let spnego = (
            Client::gss_spnego(initiator(), Layers::ALL),
            Server::gss_spnego(acceptor(), Layers::ALL),
        );
        for (client, server) in [gs2, spnego] {
            let server = server.service(service, ["web.example.com"]);
            match converse(client, server) {
                Ok(_) => assert!(good),
                Err(refusal) => assert!(
                    !good
                        && matches!(&refusal.error, Error::Rejected(r) if matches!(**r, Rejection::NotUs { .. })),
                    "{refusal:?}"
                ),
            }
        }
    }
}

#[test]
fn sasl_12_the_header_is_protected() {
    let client = Client::gs2(initiator(), Binding::None).authzid("bob");
    let Step::Continue { token, .. } = client.start(NOW).unwrap() else {
        panic!();
    };
    let changed = [b"n,a=bOb,", &token[8..]].concat();
    let server = Server::gs2(acceptor(), false).authorize(|_, _| true);
    let error = server.respond(&changed, NOW).unwrap_err().error;
    assert!(
        matches!(&error, Error::Rejected(r) if matches!(**r, Rejection::ChannelBindings { sent: true })),
        "{error}"
    );
}

#[test]
fn sasl_13_flags_of_gs2() {
    let plain = |advertised| Server::gs2(acceptor(), advertised);
    let plus = || Server::gs2_plus(acceptor(), [("tls-exporter", b"x")]);
    let exporter = || channel("tls-exporter", b"x");
    for (binding, server, good) in [
        (Binding::None, plain(false), true),
        (Binding::None, plain(true), true),
        (Binding::NotAdvertised, plain(false), true),
        (Binding::NotAdvertised, plain(true), false),
        (exporter(), plain(true), false),
        (exporter(), plain(false), false),
        (exporter(), plus(), true),
        (channel("tls-exporter", b"y"), plus(), false),
        (channel("tls-unique", b"x"), plus(), false),
        (Binding::None, plus(), false),
        (Binding::NotAdvertised, plus(), false),
    ] {
        let client = Client::gs2(initiator(), binding.clone());
        let expected = match binding {
            Binding::Channel { .. } => Mechanism::Gs2Krb5Plus,
            _ => Mechanism::Gs2Krb5,
        };
        assert_eq!(client.mechanism(), expected);
        let text = format!("{binding:?} {server:?}");
        let plain = matches!(format!("{server:?}"), text if !text.contains("Plus"));
        let outcome = converse(client, server);
        assert_eq!(outcome.is_ok(), good, "{text}");
        let reason = match (&binding, plain) {
            (Binding::Channel { .. }, true) => "channel bindings came with a mechanism",
            (Binding::Channel { name, .. }, false) if name == "tls-unique" => {
                "of a type that is not supported"
            }
            _ => continue,
        };
        let error = outcome.unwrap_err().error.to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

/// CB-04, CB-06: a server with several bindings of a type, and of several types, says which
/// agreed. Without a channel the header is protected, and the context is bound to no channel.
#[test]
fn cb_04_cb_06_sasl_12_which_bindings_of_gs2_agreed() {
    let bound = |binding: Binding, server: Server| {
        let (_, theirs) = converse(Client::gs2(initiator(), binding), server)?;
        let info = theirs.info();
        let flag = info.flags.contains(ContextFlags::CHANNEL_BOUND);
        assert_eq!(flag, info.bindings.agrees());
        Ok::<_, crate::step::Refusal>(info.bindings)
    };
    for binding in [Binding::None, Binding::NotAdvertised] {
        let outcome = bound(binding, Server::gs2(acceptor(), false));
        assert_eq!(outcome.unwrap(), BindingOutcome::NotCompared);
    }
    let types = [
        ("tls-exporter", BindingType::Exporter),
        ("tls-server-end-point", BindingType::ServerEndPoint),
        ("tls-server-end-point", BindingType::ServerEndPoint),
        ("x.example", BindingType::Other),
        ("tls-exporter", BindingType::Exporter),
    ];
    let data = [b"a", b"b", b"c", b"d", b"e"];
    let plus = || {
        let named = types.iter().map(|(name, _)| *name);
        Server::gs2_plus(acceptor(), named.zip(data))
    };
    for (candidate, ((name, binding_type), data)) in types.into_iter().zip(data).enumerate() {
        let expected = BindingOutcome::Agree {
            candidate,
            binding_type,
        };
        assert_eq!(bound(channel(name, data), plus()).unwrap(), expected);
    }
    for (name, data) in [
        // Of another type, of none, with the prefix that RFC 5056 has and GS2 has not.
        ("tls-exporter", &b"b"[..]),
        ("tls-exporter", b""),
        ("tls-exporter", b"tls-exporter:a"),
        ("tls-unique", b"a"),
    ] {
        assert!(bound(channel(name, data), plus()).is_err());
    }
}

/// The bindings of TLS, as both ends have them from the same functions.
#[test]
fn sasl_12_the_bindings_of_tls() {
    let bound = [
        crate::channel::tls_exporter(&[b':'; 32]),
        crate::channel::tls_server_end_point_of_hash(&[7; 48]).unwrap(),
        crate::channel::tls_unique(b""),
    ];
    let plus = || {
        let channel = bound.iter().filter_map(ChannelBindings::typed);
        Server::gs2_plus(acceptor(), channel)
    };
    for (at, bindings) in bound.iter().enumerate() {
        let client = Client::gs2(initiator(), Binding::channel(bindings).unwrap());
        assert_eq!(client.mechanism(), Mechanism::Gs2Krb5Plus);
        let (_, theirs) = converse(client, plus()).unwrap();
        let expected = BindingOutcome::Agree {
            candidate: at,
            binding_type: bindings.binding_type(),
        };
        assert_eq!(theirs.info().bindings, expected);
    }
    let (name, data) = bound[0].typed().unwrap();
    assert_eq!((name, data), ("tls-exporter", &[b':'; 32][..]));
    for untyped in [
        &b""[..],
        b"tls-exporter",
        b":x",
        b"\xFF:x",
        b"a b:x",
        b"a,b:x",
    ] {
        let bindings = ChannelBindings::from_application_data(untyped);
        assert_eq!(Binding::channel(&bindings), None, "{untyped:?}");
    }
    let mut addressed = bound[0].clone();
    addressed.initiator_address = vec![127, 0, 0, 1];
    assert_eq!(Binding::channel(&addressed), None);
}

#[test]
fn what_cannot_be_asked_for() {
    let none: Layers = [].into_iter().collect();
    assert!(Client::gssapi(initiator(), none).start(NOW).is_err());
    let spnego = Client::gss_spnego(initiator(), Layers::ALL).authzid("bob");
    assert!(spnego.start(NOW).is_err());
    assert!(
        Client::gs2(initiator(), channel("a,b", b""))
            .start(NOW)
            .is_err()
    );
}
