//! CB-01 to CB-05. The hashes are OpenSSL's, over certificates that OpenSSL made.

use super::*;

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

macro_rules! certificate {
    ($name:literal) => {
        include_bytes!(concat!("../../../../vectors/certificates/", $name, ".der"))
    };
}

fn counting() -> [u8; 32] {
    std::array::from_fn(|n| n as u8)
}

#[test]
fn cb_01_application_data() {
    let bound = bindings(BindingType::ServerEndPoint, &counting());
    assert_eq!(bound, tls_server_end_point_of_hash(&counting()).unwrap());
    assert_eq!(bound.application_data.len(), 53);
    assert_eq!((bound.initiator_addrtype, bound.acceptor_addrtype), (0, 0));
    assert!(bound.initiator_address.is_empty() && bound.acceptor_address.is_empty());
    assert_eq!(hex(&bound.digest()), "8f1214c9c9cab8dc3bf866da9aba57a7");
    assert!(
        tls_unique(b"finished")
            .application_data
            .starts_with(b"tls-unique:fin")
    );
}

#[test]
fn cb_02_the_hash_of_the_signature() {
    let all: [(&[u8], &str); 7] = [
        (
            certificate!("ecdsa-sha256"),
            "fe888ef31ac1c0ad7db172e231711b1622ddfe0d807b5c980106b38dcf9ef771",
        ),
        (
            certificate!("ecdsa-sha384"),
            "77a31f368e1e7f00fe8bf0cd5d4e380251c9979707d84f333cb58b0fb555368a09aafa204c7cdbd017f113fe0c3c27c7",
        ),
        (
            certificate!("rsa-md5"),
            "b5401cc19ca8599154e58bf4be6691304859b573160e329faf302c1482525b37",
        ),
        (
            certificate!("rsa-sha1"),
            "6910b22ea34173864e9cd8071691fb1381aa07453578b89374897839b3699cec",
        ),
        (
            certificate!("rsa-sha256"),
            "407fb248eeed45376a216d091e31538849bd3e378ba766966ae33aec161d8d71",
        ),
        (
            certificate!("rsa-sha384"),
            "a41bf54de2077a7621da2bc449b4ca808d1e35b81fc66871e9fe44152cc9cc1785bbbdd0bb5ec214e30acfa5a8a942cd",
        ),
        (
            certificate!("rsa-sha512"),
            "4566760f11a70527aa9f5910b8ebf9b80fffbb421bf735a3aa5b5ad261d3490d1a81fafb2d8fa97b406908ce1fdee4ddff41f55c1ef8d556fee94b2803ba46b2",
        ),
    ];
    for (certificate, hash) in all {
        assert_eq!(hex(&certificate_hash(certificate).unwrap()), hash);
        let data = tls_server_end_point(certificate).unwrap().application_data;
        assert_eq!(
            hex(data.strip_prefix(b"tls-server-end-point:").unwrap()),
            hash
        );
        // CB-04: who knows the hash alone binds to the same.
        let known = certificate_hash(certificate).unwrap();
        let of_hash = tls_server_end_point_of_hash(&known).unwrap();
        assert_eq!(of_hash.application_data, data);
        for cut in 0..certificate.len() {
            assert!(certificate_hash(&certificate[..cut]).is_err());
        }
        assert!(certificate_hash(&[certificate, b"\0"].concat()).is_err());
    }
}

#[test]
fn cb_04_a_hash_has_the_length_of_one() {
    for len in 0..100 {
        let bound = tls_server_end_point_of_hash(&vec![7; len]);
        match [28, 32, 48, 64].contains(&len) {
            true => assert_eq!(bound.unwrap().binding_type(), BindingType::ServerEndPoint),
            false => assert_eq!(bound, Err(NoBinding::NoHash { len })),
        }
    }
}

#[test]
fn cb_03_algorithms_without_one_hash() {
    assert_eq!(
        certificate_hash(certificate!("ed25519")),
        Err(NoBinding::Undefined {
            algorithm: "1.3.101.112".into()
        })
    );
    // RSA-PSS has it in its parameters; SHA-1, which is their default, becomes SHA-256.
    for (certificate, hash) in [
        (
            &certificate!("rsa-pss-sha384")[..],
            "859bc28488f93a10a910c609cff681d27312d8017c1cc12d4777955965a3309ec1f20192da8b1a2af86d2bb18ae56430",
        ),
        (
            certificate!("rsa-pss-sha1"),
            "78de0048b36a429297be552ee1c8283d270b47f3208f3201166234bb0ead14e2",
        ),
    ] {
        assert_eq!(hex(&certificate_hash(certificate).unwrap()), hash);
    }
}

#[test]
fn cb_05_exporter() {
    let bound = tls_exporter(&counting());
    assert_eq!(bound.application_data.len(), 45);
    assert_eq!(hex(&bound.digest()), "232de8d17ccb639000833d0e7def6811");
    assert_eq!(EXPORTER_LABEL, b"EXPORTER-Channel-Binding");
}
