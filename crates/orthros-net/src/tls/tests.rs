//! CB-02 to CB-06 on live connections, in memory.

use std::sync::Arc;

use orthros::channel;
use orthros::gss::BindingType;
use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use super::*;

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn identity(algorithm: &'static SignatureAlgorithm) -> Identity {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let octets = PrivatePkcs8KeyDer::from(key.serialize_der());
    Identity {
        certificate: certificate.der().clone(),
        key: octets.into(),
    }
}

struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

/// Two ends that have not spoken yet.
fn strangers(
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
    demands_ems: bool,
) -> Pair {
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate.clone()).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.require_ems = demands_ems;
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .unwrap();
    server.require_ems = demands_ems;
    let name = ServerName::try_from("localhost").unwrap();
    Pair {
        client: ClientConnection::new(Arc::new(client), name).unwrap(),
        server: ServerConnection::new(Arc::new(server)).unwrap(),
    }
}

impl Pair {
    fn shake_hands(mut self) -> Self {
        while self.client.is_handshaking() || self.server.is_handshaking() {
            let mut octets = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut octets).unwrap();
            }
            let mut arrived = &octets[..];
            while !arrived.is_empty() {
                self.server.read_tls(&mut arrived).unwrap();
                self.server.process_new_packets().unwrap();
            }
            octets.clear();
            while self.server.wants_write() {
                self.server.write_tls(&mut octets).unwrap();
            }
            let mut arrived = &octets[..];
            while !arrived.is_empty() {
                self.client.read_tls(&mut arrived).unwrap();
                self.client.process_new_packets().unwrap();
            }
        }
        self
    }
}

fn ecdsa() -> Identity {
    identity(&rcgen::PKCS_ECDSA_P256_SHA256)
}

#[test]
fn cb_02_both_ends_see_one_certificate() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
    ] {
        let ours = identity(algorithm);
        for version in [&TLS12, &TLS13] {
            let Pair { client, .. } = strangers(&ours, version, false).shake_hands();
            let seen = server_end_point(&client).unwrap();
            assert_eq!(seen.binding_type(), BindingType::ServerEndPoint);
            let shown = channel::tls_server_end_point(&ours.certificate).unwrap();
            assert_eq!(seen, shown);
            let candidates = own_end_points([&ours.certificate]);
            assert_eq!(candidates.iter().collect::<Vec<_>>(), [&shown]);
        }
    }
}

/// A certificate without one hash gives no binding, and the connection all the same another.
#[test]
fn cb_03_ed25519_has_no_end_point() {
    let (ours, other) = (identity(&rcgen::PKCS_ED25519), ecdsa());
    for version in [&TLS12, &TLS13] {
        let Pair { client, server } = strangers(&ours, version, false).shake_hands();
        let why = server_end_point(&client).unwrap_err();
        let undefined = channel::NoBinding::Undefined {
            algorithm: "1.3.101.112".to_owned(),
        };
        assert_eq!(why, NoBinding::Certificate(undefined));
        assert!(why.to_string().contains("1.3.101.112"));
        assert_eq!(exporter(&client).is_ok(), version == &TLS13);
        assert_eq!(exporter(&server), exporter(&client));
    }
    assert!(own_end_points([&ours.certificate]).is_empty());
    // Of several certificates the others stay.
    let several = own_end_points([&ours.certificate, &other.certificate]);
    assert_eq!(several.len(), 1);
}

#[test]
fn cb_04_cb_06_every_certificate_that_may_be_shown() {
    let all = [ecdsa(), identity(&rcgen::PKCS_ECDSA_P384_SHA384), ecdsa()];
    let candidates = own_end_points(all.iter().map(|identity| &identity.certificate));
    assert_eq!(candidates.len(), 3);
    for (shown, candidate) in all.iter().zip(candidates.iter()) {
        let Pair { client, .. } = strangers(shown, &TLS13, false).shake_hands();
        assert_eq!(&server_end_point(&client).unwrap(), candidate);
    }
}

#[test]
fn cb_05_the_exporter_of_a_connection() {
    let ours = ecdsa();
    let pair = || strangers(&ours, &TLS13, false).shake_hands();
    let (first, second) = (pair(), pair());
    let exported = exporter(&first.client).unwrap();
    assert_eq!(exported.binding_type(), BindingType::Exporter);
    assert_eq!(exported.application_data.len(), "tls-exporter:".len() + 32);
    assert_eq!(exporter(&first.server), Ok(exported.clone()));
    // Of that connection and of no other.
    assert_ne!(exporter(&second.client), Ok(exported));
}

/// TLS 1.2 has it with the extended master secret alone.
#[test]
fn cb_05_tls_1_2_and_the_extended_master_secret() {
    let ours = ecdsa();
    let Pair { client, server } = strangers(&ours, &TLS12, true).shake_hands();
    for refused in [exporter(&client), exporter(&server)] {
        assert_eq!(refused, Err(NoBinding::ExtendedMasterSecretUnknown));
    }
    let exported = exporter_with_extended_master_secret(&client).unwrap();
    assert_eq!(exported.binding_type(), BindingType::Exporter);
    assert_eq!(
        exporter_with_extended_master_secret(&server),
        Ok(exported.clone())
    );
    // Without the context that RFC 9266 has, TLS 1.2 exports something else.
    let without = client
        .export_keying_material([0; 32], EXPORTER_LABEL, None)
        .unwrap();
    assert_ne!(channel::tls_exporter(&without), exported);
    // In TLS 1.3 there is no difference, and the two functions agree.
    let Pair { client, .. } = strangers(&ours, &TLS13, true).shake_hands();
    assert_eq!(
        exporter_with_extended_master_secret(&client),
        exporter(&client)
    );
}

#[test]
fn cb_05_nothing_before_the_handshake_is_over() {
    let Pair { client, server } = strangers(&ecdsa(), &TLS13, false);
    assert_eq!(server_end_point(&client), Err(NoBinding::Handshaking));
    assert_eq!(exporter(&client), Err(NoBinding::Handshaking));
    assert_eq!(exporter(&server), Err(NoBinding::Handshaking));
    let late = exporter_with_extended_master_secret(&server);
    assert_eq!(late, Err(NoBinding::Handshaking));
}
