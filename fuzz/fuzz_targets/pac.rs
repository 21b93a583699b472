//! The PAC. The first octet says what the others are: a PAC as it comes, a PAC to be signed anew, or
//! one buffer of a PAC that is signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::crypto::{KeyUsage, Mac};
use orthros::error::{Error, Rejection};
use orthros::pac::{BufferType, Pac, PacBuilder, PacError, SidFilter, VerifiedPac};
use orthros::wire::{EncTicketPart, Message};
use orthros_fuzz::recorded::{ENC_TICKET_PART, SERVICE, client};
use orthros_fuzz::{bounded, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// A PAC.
    Pac,
    /// A PAC whose signatures are to be made.
    Unsigned,
    /// A buffer.
    Buffer(BufferType),
}

const INPUTS: [Input; 13] = [
    Input::Pac,
    Input::Unsigned,
    Input::Buffer(BufferType::LOGON_INFO),
    Input::Buffer(BufferType::CLIENT_INFO),
    Input::Buffer(BufferType::S4U_DELEGATION_INFO),
    Input::Buffer(BufferType::UPN_DNS_INFO),
    Input::Buffer(BufferType::CLIENT_CLAIMS_INFO),
    Input::Buffer(BufferType::DEVICE_INFO),
    Input::Buffer(BufferType::DEVICE_CLAIMS_INFO),
    Input::Buffer(BufferType::ATTRIBUTES_INFO),
    Input::Buffer(BufferType::REQUESTOR_SID),
    Input::Buffer(BufferType::CREDENTIALS_INFO),
    Input::Buffer(BufferType(77)),
];

fn said(error: PacError) {
    refused(&Error::rejected(Rejection::from(error)), &[&SERVICE]);
}

/// Everything that can be read.
fn read(verified: &VerifiedPac) {
    std::hint::black_box(format!("{verified:?}"));
    for buffer in verified.types() {
        std::hint::black_box((verified.buffer(buffer), verified.signature(buffer)));
    }
    let groups: Vec<_> = verified.group_sids().collect();
    for group in &groups {
        let text = group.sid.to_string();
        assert_eq!(text.parse().as_ref(), Ok(&group.sid));
    }
    if let Some(user) = verified.user_sid() {
        let domain = user.domain_and_rid().map(|(domain, _)| domain);
        if let Err(error) = SidFilter::new(domain).apply(verified) {
            said(error);
        }
        if let Err(error) = verified.check_requestor(&user) {
            said(error);
        }
    }
    if let Some(claims) = verified.client_claims() {
        std::hint::black_box(claims.entries().count());
    }
}

/// The octets with the signatures of server and KDC made, where the table says that they are.
fn signed(octets: &[u8], mac: &Mac) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let mut places = [None, None];
    let count = octets.first_chunk().map_or(0, |n| u32::from_le_bytes(*n));
    for entry in octets
        .get(8..)
        .unwrap_or_default()
        .chunks_exact(16)
        .take(count as usize)
    {
        let number = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().expect("four"));
        let (kind, size, offset) = (number(0), number(4) as usize, number(8) as usize);
        if let (6 | 7, true) = (kind, size >= 16 && number(12) == 0) {
            places[kind as usize - 6] = Some((offset, size));
        }
    }
    for (offset, size) in places.into_iter().flatten() {
        if let Some(place) = octets
            .get_mut(offset..)
            .and_then(|rest| rest.get_mut(..size))
        {
            place[..4].copy_from_slice(&mac.checksum_type().0.to_le_bytes());
            place[4..].fill(0);
        }
    }
    let mut content = octets.clone();
    for (offset, _) in places.into_iter().flatten() {
        let signature = mac.checksum(&[&content]);
        if let Some(place) = octets
            .get_mut(offset + 4..)
            .and_then(|rest| rest.get_mut(..12))
        {
            place.copy_from_slice(&signature);
        }
        // The KDC's is over the server's.
        content = signature.to_vec();
    }
    octets
}

/// A signed PAC with this buffer.
fn with_buffer(
    kind: BufferType,
    octets: &[u8],
    mac: &Mac,
    part: &EncTicketPart<'_>,
) -> Result<Vec<u8>, PacError> {
    let builder = PacBuilder::new(&client(), part.authtime)?;
    builder.buffer(kind, octets.to_vec())?.sign_tgt(mac, mac)
}

fn judge(octets: &[u8], mac: &Mac, part: &EncTicketPart<'_>) -> bool {
    let pac = match Pac::parse(octets) {
        Ok(pac) => pac,
        Err(error) => {
            said(error);
            return false;
        }
    };
    std::hint::black_box(pac.types().len());
    let verified = match pac.verify(mac, &client(), part.authtime) {
        Ok(verified) => verified,
        Err(error) => {
            said(error);
            return false;
        }
    };
    assert_eq!(verified.octets(), octets);
    read(&verified);
    if let Err(error) = pac.verify_kdc(mac, mac, &client(), part.authtime) {
        said(error);
    }
    if let Err(error) = pac.verify_evidence(mac, mac, part, &client(), part.authtime) {
        said(error);
    }
    // One changed bit, and nothing can be read; one of the KDC's signature, which only the KDC can
    // judge, and the KDC refuses it.
    let mut changed = octets.to_vec();
    let at = octets.len() / 2;
    changed[at] ^= 1;
    if let Ok(pac) = Pac::parse(&changed)
        && pac.verify(mac, &client(), part.authtime).is_ok()
    {
        let kdc = pac.verify_kdc(mac, mac, &client(), part.authtime);
        assert!(kdc.is_err());
    }
    let reissued = PacBuilder::reissue(&verified);
    if let Ok(again) = reissued.sign_tgt(mac, mac) {
        let pac = Pac::parse(&again).expect("our own");
        pac.verify_kdc(mac, mac, &client(), part.authtime)
            .expect("our own");
    }
    true
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    let mac = SERVICE.mac(KeyUsage::NON_KERB_CKSUM).expect("a usage");
    let part = EncTicketPart::from_bytes(ENC_TICKET_PART).expect("recorded");
    match input {
        Input::Pac => {
            judge(octets, &mac, &part);
        }
        Input::Unsigned => {
            judge(&signed(octets, &mac), &mac, &part);
        }
        Input::Buffer(kind) => match with_buffer(kind, octets, &mac, &part) {
            Ok(pac) => {
                let good = judge(&pac, &mac, &part);
                assert!(good || kind.name().is_some(), "a type that does not matter");
            }
            Err(error) => said(error),
        },
    }
}));
