//! The PAC. The first octet says what the others are: a PAC as it comes, authorization data that may
//! hold one, or a buffer of a PAC that a KDC has signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::crypto::{Enctype, KeyUsage};
use orthros::pac::{BufferType, ClientInfo, Pac, PacBuilder, Sid, SidFilter, VerifiedPac, locate};
use orthros::time::KerberosTime;
use orthros::wire::primitive::from_der;
use orthros::wire::{AuthorizationData, AuthorizationDataElement};
use orthros_fuzz::recorded::client;
use orthros_fuzz::{bounded, key, pick, say};

#[derive(Clone, Copy)]
enum Input {
    Pac,
    AuthorizationData,
    Buffer(BufferType),
}

const INPUTS: [Input; 11] = [
    Input::Pac,
    Input::AuthorizationData,
    Input::Buffer(BufferType::LOGON_INFO),
    Input::Buffer(BufferType::CLIENT_INFO),
    Input::Buffer(BufferType::S4U_DELEGATION_INFO),
    Input::Buffer(BufferType::UPN_DNS_INFO),
    Input::Buffer(BufferType::CLIENT_CLAIMS_INFO),
    Input::Buffer(BufferType::DEVICE_INFO),
    Input::Buffer(BufferType::ATTRIBUTES_INFO),
    Input::Buffer(BufferType::REQUESTOR_SID),
    Input::Buffer(BufferType(99)),
];

const AUTHTIME: KerberosTime = KerberosTime::from_secs(1_795_336_231);

/// Everything that can be read, and what a KDC would make of it.
fn use_all(verified: &VerifiedPac) {
    std::hint::black_box(format!("{verified:?}"));
    std::hint::black_box(verified.group_sids().count());
    let user = verified.user_sid();
    let info: &ClientInfo = verified.client_info();
    assert_eq!(info.client_id, AUTHTIME.into());
    if let Some(info) = verified.logon_info() {
        info.to_bytes().expect("what was read is short enough");
    }
    if let Some(info) = verified.delegation_info() {
        info.to_bytes().expect("what was read is short enough");
    }
    if let Some(info) = verified.device_info() {
        info.to_bytes().expect("what was read is short enough");
    }
    let domain = user.and_then(|sid| sid.domain_and_rid());
    let filter = SidFilter::new(domain.map(|(domain, _): (Sid, u32)| domain));
    match filter.apply(verified) {
        Ok(filtered) => drop(std::hint::black_box(filtered)),
        Err(error) => say(&error),
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    let server = key(Enctype::AES128_CTS_HMAC_SHA1_96)
        .mac(KeyUsage::NON_KERB_CKSUM)
        .expect("a checksum");
    match input {
        Input::Pac => match Pac::parse(octets) {
            Ok(pac) => {
                std::hint::black_box(format!("{pac:?}"));
                let verdict = pac.verify(&server, &client(), AUTHTIME);
                say(&verdict.expect_err("nobody can have signed it"));
            }
            Err(error) => say(&error),
        },
        Input::AuthorizationData => {
            let elements: Result<AuthorizationData<'_>, _> = from_der("AuthorizationData", octets);
            let elements: &[AuthorizationDataElement<'_>] = match &elements {
                Ok(elements) => elements,
                Err(_) => return,
            };
            match locate(elements) {
                Ok(found) => drop(std::hint::black_box(found.map(<[u8]>::len))),
                Err(error) => say(&error),
            }
        }
        Input::Buffer(buffer) => {
            let pac = PacBuilder::new(&client(), AUTHTIME)
                .and_then(|builder| builder.buffer(buffer, octets.to_vec()))
                .and_then(|builder| builder.sign_tgt(&server, &server))
                .expect("short enough");
            let pac = Pac::parse(&pac).expect("our own");
            match pac.verify_kdc(&server, &server, &client(), AUTHTIME) {
                Ok(verified) => use_all(&verified),
                Err(error) => say(&error),
            }
        }
    }
}));
