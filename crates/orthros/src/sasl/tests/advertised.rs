//! What a server advertises.

use std::sync::Arc;

use crate::ap::tests::forge::{AES128, AES256, key, principal};
use crate::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use crate::crypto::Enctype;
use crate::gss::{Acceptor, AcceptorBindings, ChannelBindings};
use crate::sasl::Mechanism::{Gs2Krb5, Gs2Krb5Plus, GssSpnego, Gssapi};
use crate::sasl::{Advertisement, Channel, Mechanism};

/// An acceptor with keys of these principals and enctypes.
fn acceptor(keys: &[(&str, Enctype)], accepts: Accepts) -> Acceptor {
    Acceptor::new(ap::Acceptor::new(config(keys, accepts)))
}

fn config(keys: &[(&str, Enctype)], accepts: Accepts) -> AcceptorConfig {
    let keys = keys
        .iter()
        .map(|(name, enctype)| (principal(name), 1, key(*enctype, 7)));
    AcceptorConfig::new(Arc::new(ServiceKeys::new(keys)), accepts)
}

const LDAP: &str = "ldap/a.example.com@EXAMPLE.COM";
const HTTP: &str = "HTTP/a.example.com@EXAMPLE.COM";

#[test]
fn sasl_03_only_with_a_key_at_hand() {
    let all = [Gs2Krb5, Gssapi, GssSpnego];
    let any = || Accepts::AnyKey;
    let class = |class: &str| Accepts::Class(class.into());
    let only = |name: &str| Accepts::Service(principal(name));
    for (keys, accepts, there) in [
        (&[(LDAP, AES256)][..], any(), true),
        (&[(LDAP, AES256)], class("ldap"), true),
        (&[(LDAP, AES256)], only(LDAP), true),
        (&[(HTTP, AES256), (LDAP, AES128)], any(), true),
        // No key; of another service; of one that is not accepted; of no host.
        (&[], any(), false),
        (&[(HTTP, AES256)], any(), false),
        (&[(LDAP, AES256)], class("HTTP"), false),
        (&[(LDAP, AES256)], only(HTTP), false),
        (&[(HTTP, AES256)], only(LDAP), false),
        (&[("ldap@EXAMPLE.COM", AES256)], any(), false),
        (&[("LDAP/a.example.com@EXAMPLE.COM", AES256)], any(), false),
    ] {
        let acceptor = acceptor(keys, accepts.clone());
        let found = Advertisement::new(&acceptor, "ldap").mechanisms();
        let expected = if there { &all[..] } else { &[] };
        assert_eq!(found, expected, "{keys:?} {accepts:?}");
    }
    // A key that policy does not permit opens no ticket (AP-24).
    for (permitted, there) in [(AES128, false), (AES256, true)] {
        let config = config(&[(LDAP, AES256)], any()).permitted_enctypes([permitted]);
        let acceptor = Acceptor::new(ap::Acceptor::new(config));
        let found = Advertisement::new(&acceptor, "ldap").mechanisms();
        assert_eq!(!found.is_empty(), there);
    }
    // Nor does any, where user-to-user is demanded (AP-79).
    let config = config(&[(LDAP, AES256)], any()).user_to_user_only(key(AES256, 9));
    let acceptor = Acceptor::new(ap::Acceptor::new(config));
    assert!(
        Advertisement::new(&acceptor, "ldap")
            .mechanisms()
            .is_empty()
    );
}

#[test]
fn sasl_03_of_the_host() {
    let acceptor = acceptor(&[(LDAP, AES256)], Accepts::AnyKey);
    for (hosts, there) in [
        (&["a.example.com"][..], true),
        (&["b.example.com", "A.EXAMPLE.com"], true),
        (&["b.example.com"], false),
        (&["a"], false),
        (&[], false),
    ] {
        let found = Advertisement::new(&acceptor, "ldap")
            .hosts(hosts.iter().copied())
            .mechanisms();
        assert_eq!(!found.is_empty(), there, "{hosts:?}");
    }
}

/// SASL-13: a server with bindings names GS2-KRB5-PLUS, and one that demands them nothing that has
/// none.
#[test]
fn sasl_03_sasl_13_and_the_channel() {
    let plain = acceptor(&[(LDAP, AES256)], Accepts::AnyKey);
    let bindings = || ChannelBindings::from_application_data("tls-exporter:x").into();
    let allows = plain.clone().bindings(AcceptorBindings::Allow(bindings()));
    let demands = plain
        .clone()
        .bindings(AcceptorBindings::Require(bindings()));
    let audits = plain.clone().bindings(AcceptorBindings::Audit(bindings()));
    for (acceptor, channel, expected) in [
        (&plain, Channel::Unknown, &[Gs2Krb5, Gssapi, GssSpnego][..]),
        (&demands, Channel::Unknown, &[Gs2Krb5, Gssapi, GssSpnego]),
        (
            &plain,
            Channel::Known,
            &[Gs2Krb5Plus, Gs2Krb5, Gssapi, GssSpnego],
        ),
        (&plain, Channel::Demanded, &[Gs2Krb5Plus]),
        (&allows, Channel::Demanded, &[Gs2Krb5Plus]),
        (&audits, Channel::Demanded, &[Gs2Krb5Plus]),
        (
            &demands,
            Channel::Demanded,
            &[Gs2Krb5Plus, Gssapi, GssSpnego],
        ),
    ] {
        let found = Advertisement::new(acceptor, "ldap").channel(channel);
        assert_eq!(found.mechanisms(), expected, "{channel:?}");
    }
    let few = Advertisement::new(&plain, "ldap").wanted([GssSpnego, Gs2Krb5Plus, Gssapi]);
    assert_eq!(few.mechanisms(), [GssSpnego, Gssapi]);
    let none: [Mechanism; 0] = [];
    assert!(few.wanted(none).mechanisms().is_empty());
}
