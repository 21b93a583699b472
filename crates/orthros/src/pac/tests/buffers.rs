//! What is in the buffers.

use super::{alice, case, verdict};
use crate::pac::xpress::decompress;
use crate::pac::{
    Attributes, BufferType, ClaimValues, Claims, ClaimsSet, DelegationInfo, DeviceInfo,
    DomainGroupMembership, FileTime, GroupMembership, LogonInfo, PacError, SamNameAndSid, Sid,
    SidAndAttributes, UpnDnsInfo, UserFlags,
};
use crate::time::KerberosTime;
use crate::wire::ErrorCode;

/// The buffer of the recorded case.
fn recorded(id: &str, buffer: BufferType) -> Vec<u8> {
    let case = case(id);
    let verified = case.verify(case.octets()).unwrap();
    verified.buffer(buffer).unwrap().to_vec()
}

fn logon_info() -> Vec<u8> {
    recorded("ad.example.test/alice-web", BufferType::LOGON_INFO)
}

fn why(octets: &[u8]) -> &'static str {
    LogonInfo::parse(octets).unwrap_err().why
}

/// `octets` with the 32-bit number at `at` changed.
fn with_u32(octets: &[u8], at: usize, value: u32) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets[at..at + 4].copy_from_slice(&value.to_le_bytes());
    octets
}

fn with_u16(octets: &[u8], at: usize, value: u16) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets[at..at + 2].copy_from_slice(&value.to_le_bytes());
    octets
}

#[test]
fn pac_21_header() {
    let octets = logon_info();
    for at in 0..4 {
        let mut changed = octets.clone();
        changed[at] ^= 1;
        assert_eq!(why(&changed), "not NDR type serialisation version 1");
    }
    // The filler is to be ignored (MS-RPCE 2.2.6).
    assert!(LogonInfo::parse(&with_u32(&octets, 4, 0)).is_ok());
    assert!(LogonInfo::parse(&with_u32(&octets, 12, 0xCCCC_CCCC)).is_ok());
    for length in [octets.len() as u32 - 15, u32::MAX] {
        assert_eq!(
            why(&with_u32(&octets, 8, length)),
            "the NDR object is longer than the buffer"
        );
    }
    assert_eq!(why(&with_u32(&octets, 8, 100)), "the NDR object ends early");
    assert_eq!(why(&with_u32(&octets, 16, 0)), "a null pointer");
    for length in 0..octets.len() {
        assert!(LogonInfo::parse(&octets[..length]).is_err(), "{length}");
    }
}

/// Offsets as MS-PAC's structure gives them, 20 being that of LogonTime.
#[test]
fn pac_21_counts_that_contradict_each_other() {
    let octets = logon_info();
    assert_eq!(&octets[68..76], [10, 0, 10, 0, 4, 0, 2, 0]);
    // EffectiveName: Length, MaximumLength, then max, offset and actual count at 236.
    assert_eq!(&octets[236..248], [5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0]);
    let lengths = "the lengths of a string are impossible";
    assert_eq!(why(&with_u16(&octets, 68, 9)), lengths);
    assert_eq!(why(&with_u16(&octets, 70, 8)), lengths);
    let counts = "the counts of a string contradict its length";
    assert_eq!(why(&with_u16(&octets, 68, 8)), counts);
    assert_eq!(why(&with_u16(&octets, 70, 12)), counts);
    for at in [236, 240, 244] {
        for value in [1, 4, 6, 0x8000_0000, u32::MAX] {
            assert_eq!(why(&with_u32(&octets, at, value)), counts);
        }
    }
    assert_eq!(why(&with_u32(&octets, 72, 0)), "a length without a string");
    // GroupCount and its array.
    assert_eq!(&octets[128..132], [4, 0, 0, 0]);
    let array = "the array's maximum count is not the count";
    for count in [0, 3, 5, 1 << 29, u32::MAX] {
        assert_eq!(why(&with_u32(&octets, 128, count)), array);
    }
    assert_eq!(why(&with_u32(&octets, 132, 0)), "a count without an array");
    let groups = octets
        .windows(8)
        .position(|w| w == [4, 0, 0, 0, 1, 2, 0, 0]);
    for count in [1 << 20, 1 << 29, u32::MAX] {
        let both = with_u32(&with_u32(&octets, 128, count), groups.unwrap(), count);
        assert_eq!(why(&both), "more elements than octets");
    }
    // SidCount.
    assert_eq!(&octets[216..220], [1, 0, 0, 0]);
    for count in [0, 2, u32::MAX] {
        assert_eq!(why(&with_u32(&octets, 216, count)), array);
    }
    // A resource group of no domain.
    let orphan = with_u32(&with_u32(&octets, 228, 1), 232, 0x0002_0040);
    assert!(LogonInfo::parse(&orphan).is_err());
}

#[test]
fn pac_22_never() {
    let case = alice();
    let verified = case.verify(case.octets()).unwrap();
    let info = verified.logon_info().unwrap();
    assert_eq!(info.kick_off_time, FileTime::NEVER);
    assert_eq!(info.kick_off_time.timestamp(), None);
    assert_eq!(info.kick_off_time.to_string(), "never");
    assert_eq!(info.logon_time.timestamp(), None);
    assert_eq!(info.logon_time.to_string(), "not set");
    let authenticated = verified.client_info().client_id;
    assert_eq!(authenticated.timestamp().unwrap().time(), case.authtime);
    assert_eq!(
        FileTime::from(KerberosTime::EPOCH),
        FileTime(116_444_736_000_000_000)
    );
    // Before 1970, and beyond what microseconds in 64 bits can count.
    assert_eq!(
        FileTime(1).timestamp().unwrap().as_micros(),
        -11_644_473_600_000_000
    );
    assert_eq!(FileTime(u64::MAX).timestamp(), None);
}

/// Names that are not UTF-16 are refused: a replacement character would make one name of two.
#[test]
fn pac_22_surrogates() {
    let mut octets = logon_info();
    // "alice" becomes "a\u{D800}ice".
    octets[250..252].copy_from_slice(&[0x00, 0xD8]);
    assert_eq!(why(&octets), "a string that is not UTF-16");
    octets[252..254].copy_from_slice(&[0x37, 0xDC]);
    let info = LogonInfo::parse(&octets).unwrap();
    assert_eq!(info.effective_name, "a\u{10037}ce");
}

#[test]
fn pac_24_sids() {
    let text = "S-1-5-21-3623811015-3361044348-30300820-1103";
    let sid: Sid = text.parse().unwrap();
    let octets = sid.to_bytes();
    assert_eq!(octets.len(), 28);
    assert_eq!(Sid::from_bytes(&octets), Some(sid));
    assert_eq!(sid.to_string(), text);
    assert_eq!(sid.sub_authorities().len(), 5);
    let (domain, rid) = sid.domain_and_rid().unwrap();
    assert_eq!((domain.to_string(), rid), (text[..39].to_owned(), 1103));
    assert_eq!(domain.with_rid(1103), Some(sid));
    assert!(sid.is_in(&domain) && !sid.is_in(&sid) && !domain.is_in(&domain));
    // Revision, count and length.
    for (at, value) in [(0, 0), (0, 2), (1, 4), (1, 6), (1, 16), (1, 255)] {
        let mut changed = octets.clone();
        changed[at] = value;
        assert_eq!(Sid::from_bytes(&changed), None);
    }
    for length in 0..octets.len() {
        assert_eq!(Sid::from_bytes(&octets[..length]), None);
    }
    assert_eq!(Sid::from_bytes(&[octets.as_slice(), &[0]].concat()), None);
    // 0 and 15 sub-authorities, 16 not; 32 bits each.
    let longest = Sid::new(5, &[u32::MAX; 15]).unwrap();
    assert_eq!(Sid::from_bytes(&longest.to_bytes()), Some(longest));
    assert_eq!(longest.with_rid(1), None);
    assert_eq!(Sid::new(5, &[0; 16]), None);
    assert_eq!(Sid::new(1 << 48, &[]), None);
    assert_eq!(Sid::new(0, &[]).unwrap().domain_and_rid(), None);
    assert_eq!(longest.to_string().parse(), Ok(longest));
}

/// The text of MS-DTYP 2.4.2.1.
#[test]
fn pac_24_sids_as_text() {
    for text in [
        "S-1-0",
        "S-1-18-1",
        "S-1-5-32-544",
        "S-1-4294967295-1",
        "S-1-0x000100000000-7",
        "S-1-0xFFFFFFFFFFFF",
    ] {
        let sid: Sid = text.parse().unwrap();
        assert_eq!(sid.to_string(), text);
    }
    for text in [
        "",
        "S",
        "S-1",
        "S-1-",
        "S-2-5",
        "s-1-5",
        "S-1-5-",
        "S-1--5",
        "S-1-5-+1",
        "S-1-5-1 ",
        "S-1-5-4294967296",
        "S-1-0x5",
        "S-1-0x1000000000000",
        "S-1-281474976710656",
        "S-1-5-x",
        "S-1-0x+00100000000",
        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
    ] {
        assert!(text.parse::<Sid>().is_err(), "{text}");
    }
}

#[test]
fn pac_24_requestor_sid_is_exact() {
    let sid: Sid = "S-1-5-21-1-2-3-4".parse().unwrap();
    let requestor = |octets| verdict(BufferType::REQUESTOR_SID, octets);
    let verified = requestor(sid.to_bytes()).unwrap();
    assert_eq!(verified.requestor_sid(), Some(sid));
    assert_eq!(verified.user_sid(), Some(sid));
    for length in 0..28 {
        let error = requestor(sid.to_bytes()[..length].to_vec()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
    assert!(requestor([sid.to_bytes(), vec![0; 4]].concat()).is_err());
}

/// SIDs within LOGON_INFO.
#[test]
fn pac_24_sids_in_ndr() {
    let octets = logon_info();
    let domain = octets
        .windows(8)
        .position(|w| w == [4, 0, 0, 0, 1, 4, 0, 0])
        .unwrap();
    // The conformance and the SID's own count say the same; 15 at most.
    assert!(LogonInfo::parse(&with_u32(&octets, domain, 3)).is_err());
    assert!(LogonInfo::parse(&with_u32(&octets, domain, 5)).is_err());
    assert_eq!(
        why(&with_u32(&octets, domain, 16)),
        "a SID has at most 15 sub-authorities"
    );
    assert_eq!(
        why(&with_u32(&octets, domain, u32::MAX)),
        "a SID has at most 15 sub-authorities"
    );
    // A domain needs room for a relative identifier.
    let mut info = LogonInfo::parse(&octets).unwrap();
    info.logon_domain_id = Sid::new(5, &[1; 15]).unwrap();
    assert!(matches!(info.to_bytes(), Err(PacError::Unencodable { .. })));
}

#[test]
fn pac_25_upn_dns_info() {
    let info = UpnDnsInfo {
        upn: "a@b".to_owned(),
        dns_domain_name: "B".to_owned(),
        flags: 1,
        sam_name_and_sid: Some(SamNameAndSid {
            sam_name: "a".to_owned(),
            sid: "S-1-5-21-7".parse().unwrap(),
        }),
    };
    let octets = info.to_bytes().unwrap();
    let read = UpnDnsInfo::parse(&octets).unwrap();
    assert_eq!(
        read,
        UpnDnsInfo {
            flags: 3,
            ..info.clone()
        }
    );
    assert!(read.is_constructed());
    let short = UpnDnsInfo {
        sam_name_and_sid: None,
        ..read
    };
    let octets_short = short.to_bytes().unwrap();
    assert_eq!(UpnDnsInfo::parse(&octets_short).unwrap().flags, 1);
    // Every length and offset pair, one at a time, beyond the buffer.
    for at in [0, 4, 12, 16] {
        for (length, offset) in [
            (2, octets.len() as u16),
            (octets.len() as u16, 24),
            (2, 0xFFFF),
        ] {
            let changed = with_u16(&with_u16(&octets, at, length), at + 2, offset);
            assert_eq!(
                UpnDnsInfo::parse(&changed).unwrap_err().why,
                "an offset outside of the buffer"
            );
        }
    }
    for at in [0, 4, 12] {
        assert!(UpnDnsInfo::parse(&with_u16(&octets, at, 1)).is_err(), "odd");
    }
    for length in [0, 8, 12, 15, 17] {
        assert!(UpnDnsInfo::parse(&with_u16(&octets, 16, length)).is_err());
    }
    for length in 0..octets.len() {
        assert!(UpnDnsInfo::parse(&octets[..length]).is_err(), "{length}");
    }
    // Without the flag the second half is not looked at.
    let plain = with_u32(&with_u16(&octets, 12, 0xFFFF), 8, 0);
    assert_eq!(UpnDnsInfo::parse(&plain).unwrap().sam_name_and_sid, None);
    let huge = UpnDnsInfo {
        upn: "x".repeat(40_000),
        ..info
    };
    assert!(matches!(huge.to_bytes(), Err(PacError::Unencodable { .. })));
    let error = verdict(BufferType::UPN_DNS_INFO, vec![0xFF; 20]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
}

#[test]
fn pac_26_attributes() {
    let read = |octets: &[u8]| Attributes::parse(octets);
    let requested = read(&[2, 0, 0, 0, 1, 0, 0, 0]).unwrap();
    assert!(requested.is_requested() && !requested.is_given_implicitly());
    assert_eq!(requested, Attributes::REQUESTED);
    let implicit = read(&[2, 0, 0, 0, 2, 0, 0, 0]).unwrap();
    assert!(!implicit.is_requested() && implicit.is_given_implicitly());
    assert_eq!(implicit, Attributes::GIVEN_IMPLICITLY);
    // Bits beyond the count have no meaning.
    let none = read(&[0, 0, 0, 0, 3, 0, 0, 0]).unwrap();
    assert!(!none.is_requested() && !none.is_given_implicitly());
    let one = read(&[1, 0, 0, 0, 3, 0, 0, 0]).unwrap();
    assert!(one.is_requested() && !one.is_given_implicitly());
    // More than 32 flags, and a count that is longer than the buffer.
    let many = read(&[33, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]).unwrap();
    assert_eq!(many.flags, 2);
    assert!(read(&[33, 0, 0, 0, 2, 0, 0, 0]).is_err());
    assert!(read(&[0xFF; 8]).is_err());
    for length in [0, 3, 4, 5, 7, 9] {
        let octets = [&[2, 0, 0, 0, 1, 0, 0, 0][..], &[0; 4]].concat();
        assert!(read(&octets[..length]).is_err(), "{length}");
    }
    let hostile = Attributes {
        flags_length: u32::MAX,
        flags: 1,
    };
    assert_eq!(hostile.to_bytes().len(), 8);
}

#[test]
fn delegation_info_is_written_as_it_is_read() {
    for services in [vec![], vec!["HTTP/web@R"], vec!["a", "", "cifs/é@R"]] {
        let info = DelegationInfo {
            s4u2proxy_target: "ldap/dc".to_owned(),
            s4u_transited_services: services.into_iter().map(str::to_owned).collect(),
        };
        let octets = info.to_bytes().unwrap();
        assert_eq!(DelegationInfo::parse(&octets), Ok(info));
        for length in 0..octets.len() {
            assert!(DelegationInfo::parse(&octets[..length]).is_err());
        }
        // TransitedListSize.
        for count in [4, 1 << 30, u32::MAX] {
            assert!(DelegationInfo::parse(&with_u32(&octets, 28, count)).is_err());
        }
    }
}

fn device_info() -> DeviceInfo {
    let domain: Sid = "S-1-5-21-1-2-3".parse().unwrap();
    let group = |relative_id| GroupMembership {
        relative_id,
        attributes: 7,
    };
    DeviceInfo {
        user_id: 1110,
        primary_group_id: 515,
        account_domain_id: domain,
        account_group_ids: vec![group(515), group(516)],
        extra_sids: vec![SidAndAttributes {
            sid: Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY,
            attributes: 7,
        }],
        domain_groups: vec![
            DomainGroupMembership {
                domain_id: "S-1-5-21-4-5-6".parse().unwrap(),
                group_ids: vec![group(1200)],
            },
            DomainGroupMembership {
                domain_id: "S-1-5-21-7-8-9".parse().unwrap(),
                group_ids: vec![],
            },
        ],
    }
}

#[test]
fn device_info_is_written_as_it_is_read() {
    let info = device_info();
    let octets = info.to_bytes().unwrap();
    assert_eq!(DeviceInfo::parse(&octets), Ok(info.clone()));
    assert_eq!(
        info.device_sid().unwrap().to_string(),
        "S-1-5-21-1-2-3-1110"
    );
    for length in 0..octets.len() {
        assert!(DeviceInfo::parse(&octets[..length]).is_err(), "{length}");
    }
    for at in [32, 40, 48] {
        for count in [3, 1 << 28, u32::MAX] {
            assert!(DeviceInfo::parse(&with_u32(&octets, at, count)).is_err());
        }
    }
    let verified = verdict(BufferType::DEVICE_INFO, octets).unwrap();
    assert_eq!(verified.device_info(), Some(&info));
}

#[test]
fn logon_info_with_everything_is_written_as_it_is_read() {
    let mut info = LogonInfo::new("ü", "D", "S-1-5-21-1-2-3".parse().unwrap(), 1000, 513);
    info.user_flags = UserFlags::EXTRA_SIDS.with(UserFlags::RESOURCE_GROUPS);
    info.full_name = "odd".to_owned();
    info.extra_sids = device_info().extra_sids;
    info.resource_groups = device_info().domain_groups.into_iter().next();
    info.group_ids.clear();
    let octets = info.to_bytes().unwrap();
    assert_eq!(LogonInfo::parse(&octets), Ok(info.clone()));
    assert_eq!(octets.len() % 8, 0);
    assert_eq!(info.group_sids().count(), 2);
    info.full_name = "x".repeat(32_768);
    assert!(matches!(
        info.to_bytes(),
        Err(PacError::Unencodable {
            buffer: BufferType::LOGON_INFO,
            ..
        })
    ));
}

fn claims() -> Vec<u8> {
    recorded(
        "claims.example.test/eve-claims-web",
        BufferType::CLIENT_CLAIMS_INFO,
    )
}

#[test]
fn claims_are_read() {
    let claims = Claims::parse(&claims()).unwrap().unwrap();
    let entries: Vec<_> = claims.entries().collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[0].values,
        ClaimValues::String(vec!["Finance".to_owned()])
    );
    assert_eq!(entries[1].values, ClaimValues::Int64(vec![66_048]));
    assert_eq!(Claims::parse(&[]), Ok(None));
}

/// Every word of the claims set to numbers that are too large, one at a time.
#[test]
fn pac_21_claims_with_counts_out_of_range() {
    let octets = claims();
    for at in (16..octets.len()).step_by(4) {
        for value in [0, 3, 0x1000, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            // Nothing but that it comes back.
            let _ = Claims::parse(&with_u32(&octets, at, value));
        }
    }
    for length in 0..octets.len() - 8 {
        let verdict = Claims::parse(&octets[..length]);
        assert_eq!(verdict.is_ok(), length == 0, "{length}");
    }
    // ulClaimsSetSize, ulClaimsArrayCount, ulClaimsCount, the discriminant, ValueCount.
    for (at, value) in [(20, 257), (72, 2), (100, 3), (116, 0x0003_0001), (120, 2)] {
        assert!(
            Claims::parse(&with_u32(&octets, at, value)).is_err(),
            "{at}"
        );
    }
}

/// An unknown type of claim has no values; an unknown compression leaves octets.
#[test]
fn claims_that_are_not_known() {
    let octets = claims();
    let format = with_u16(&octets, 28, 3);
    let claims = Claims::parse(&format).unwrap().unwrap();
    assert!(matches!(&claims.claims_set, ClaimsSet::Compressed(set) if set.len() == 256));
    assert_eq!(claims.entries().count(), 0);
}

/// Claims that say they unpack to much more than they can.
#[test]
fn claims_bomb() {
    let octets = with_u16(&claims(), 28, 4);
    for size in [256 * 32 + 1, 1 << 24, u32::MAX] {
        let fault = Claims::parse(&with_u32(&octets, 32, size)).unwrap_err();
        assert_eq!(fault.why, "the claims say that they unpack to too much");
    }
    let error = verdict(
        BufferType::CLIENT_CLAIMS_INFO,
        with_u32(&octets, 32, u32::MAX),
    )
    .unwrap_err();
    assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
}

/// The examples of MS-XCA 3.2.
#[test]
fn ms_xca_examples() {
    let mut table = [0u8; 256];
    table[0x30] = 0x50;
    table[0x31..0x3B].fill(0x55);
    table[0x3B..0x3E].copy_from_slice(&[0x45, 0x44, 0x04]);
    table[0x80] = 0x04;
    let mut octets = table.to_vec();
    octets.extend([
        0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f, 0xf9, 0xd6, 0x7c, 0xdf, 0x8d,
        0x04, 0x00, 0x00, 0x00, 0x00,
    ]);
    assert_eq!(
        decompress(&octets, 26).as_deref(),
        Some(&b"abcdefghijklmnopqrstuvwxyz"[..])
    );
    let mut octets = [0u8; 256].to_vec();
    octets[0x30] = 0x30;
    octets[0x31] = 0x23;
    octets[0x80] = 0x02;
    octets[0x8F] = 0x20;
    octets.extend([0xa8, 0xdc, 0x00, 0x00, 0xff, 0x26, 0x01]);
    assert_eq!(decompress(&octets, 300), Some(b"abc".repeat(100)));
    // Cut short, and said to be longer or shorter than a copy makes it.
    for length in 0..octets.len() {
        assert_eq!(decompress(&octets[..length], 300), None, "{length}");
    }
    assert_eq!(decompress(&octets, 299), None);
    assert_eq!(decompress(&octets, 100_000), None);
    // No code at all, and more codes than there can be.
    assert_eq!(decompress(&[0; 300], 10), None);
    assert_eq!(decompress(&[0x11; 300], 10), None);
    assert_eq!(decompress(&[0xFF; 300], 10), None);
}
