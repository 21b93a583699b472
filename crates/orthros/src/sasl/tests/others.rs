//! GSS-SPNEGO and GS2 (RFC 5801).

use super::gssapi::{converse, talk};
use crate::ap::tests::forge::NOW;
use crate::error::{Error, Rejection};
use crate::gss::tests::exchange::{acceptor, initiator};
use crate::sasl::{Binding, Client, Layer, Layers, Mechanism, Server};
use crate::step::Step;

fn channel(name: &str, data: &[u8]) -> Binding {
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
    for header in [
        &b""[..],
        b"n",
        b"n,",
        b"x,,",
        b"p=,,",
        b"p=a b,,",
        b"n,b=x,,",
        b"n,a=,",
        b"n,a=x=2,",
        b"n,a==2D,",
        b"F,n,,",
    ] {
        let server = Server::gs2(acceptor(), false);
        let first = [header, b"\x01\x00x"].concat();
        assert!(server.respond(&first, NOW).is_err(), "{header:?}");
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
        assert_eq!(converse(client, server).is_ok(), good, "{text}");
    }
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
