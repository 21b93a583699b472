//! Whatever comes: an answer, no panic, no more memory than a small multiple of the input.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{DOMAINS, cases, vectors, verdict};
use crate::pac::xpress::decompress;
use crate::pac::{
    Attributes, BufferType, Checked, Claims, ClientInfo, DelegationInfo, DeviceInfo, LogonInfo,
    Pac, Sid, UpnDnsInfo, locate,
};
use crate::wire::{EncTicketPart, Message};

/// Every reader, on the same octets.
fn read_all(octets: &[u8]) {
    let _ = Pac::parse(octets);
    let _ = ClientInfo::parse(octets);
    let _ = Attributes::parse(octets);
    let _ = Sid::from_bytes(octets);
    let _ = UpnDnsInfo::parse(octets);
    let _ = Claims::parse(octets);
    if let Ok(info) = LogonInfo::parse(octets) {
        let again = LogonInfo::parse(&info.to_bytes().unwrap());
        assert_eq!(again, Ok(info));
    }
    if let Ok(info) = DeviceInfo::parse(octets) {
        let again = DeviceInfo::parse(&info.to_bytes().unwrap());
        assert_eq!(again, Ok(info));
    }
    if let Ok(info) = DelegationInfo::parse(octets) {
        let again = DelegationInfo::parse(&info.to_bytes().unwrap());
        assert_eq!(again, Ok(info));
    }
}

/// The contents of a PAC of sound structure, signed or not.
fn read_contents(octets: &[u8]) {
    if let Ok(pac) = Pac::parse(octets)
        && let Some(Ok(info)) = pac.buffer(BufferType::CLIENT_INFO).map(ClientInfo::parse)
        && let Ok(read) = pac.contents(Checked::Server, info)
    {
        let _ = read.group_sids().count();
        let _ = format!("{read:?}");
    }
}

static PACS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| cases().into_iter().filter_map(|case| case.pac).collect());

static BUFFERS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for octets in PACS.iter() {
        let pac = Pac::parse(octets).unwrap();
        all.extend(pac.entries.iter().map(|e| octets[e.range.clone()].to_vec()));
    }
    all
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn case_066_arbitrary_octets(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&octets);
    }

    #[test]
    fn case_066_arbitrary_ndr(octets in proptest::collection::vec(
        prop_oneof![Just(0u32), Just(1), Just(2), Just(0x20000), 0u32..64, any::<u32>()], 0..150,
    )) {
        let body: Vec<u8> = octets.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut buffer = vec![1, 0x10, 8, 0, 0xCC, 0xCC, 0xCC, 0xCC];
        buffer.extend((body.len() as u32).to_le_bytes());
        buffer.extend([0; 4]);
        buffer.extend(body);
        read_all(&buffer);
    }

    #[test]
    fn case_066_changed_buffers(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = which.get(&BUFFERS).clone();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        read_all(&octets);
        octets.truncate(cut.index(octets.len() + 1));
        read_all(&octets);
    }

    #[test]
    fn case_066_changed_pacs(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut octets = which.get(&PACS).clone();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        read_contents(&octets);
    }

    #[test]
    fn arbitrary_huffman_streams(
        table in proptest::collection::vec(prop_oneof![3 => Just(0u8), 1 => any::<u8>()], 256),
        stream in proptest::collection::vec(any::<u8>(), 0..200),
        size in 0usize..100_000,
    ) {
        let octets = [table, stream].concat();
        if let Some(out) = decompress(&octets, size) {
            prop_assert_eq!(out.len(), size);
        }
    }

    /// A complete code of eight bits for the octets, so that decompression gets somewhere.
    #[test]
    fn arbitrary_huffman_data(
        stream in proptest::collection::vec(any::<u8>(), 0..400),
        size in 0usize..3_000,
    ) {
        let octets = [vec![0x99; 256], stream].concat();
        if let Some(out) = decompress(&octets, size) {
            prop_assert_eq!(out.len(), size);
        }
    }

    #[test]
    fn arbitrary_contents_of_signed_buffers(
        buffer in prop_oneof![Just(1u32), 11u32..16, Just(12), Just(17), Just(18)],
        octets in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = verdict(BufferType(buffer), octets);
    }
}

/// Every bit of every recorded PAC, and of the authorization data around it.
#[test]
fn bit_flips_of_recorded_pacs() {
    for octets in PACS.iter() {
        let mut octets = octets.clone();
        for bit in 0..octets.len() * 8 {
            octets[bit / 8] ^= 1 << (bit % 8);
            read_contents(&octets);
            octets[bit / 8] ^= 1 << (bit % 8);
        }
    }
    let folder = vectors().join(DOMAINS[0]).join("alice-web");
    let mut octets = fs::read(folder.join("enc_ticket_part.der")).unwrap();
    for bit in 0..octets.len() * 8 {
        octets[bit / 8] ^= 1 << (bit % 8);
        if let Ok(part) = EncTicketPart::from_bytes(&octets) {
            let _ = locate(part.authorization_data.as_deref().unwrap_or_default());
        }
        octets[bit / 8] ^= 1 << (bit % 8);
    }
}
