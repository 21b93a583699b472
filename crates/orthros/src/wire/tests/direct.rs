//! The direct way beside the library: what it reads, the library reads alike, and what it writes,
//! the library writes.

use super::recorded::messages;
use super::*;
use crate::time::KerberosTime;

/// Both ways agree on these octets, and on the encoding of what they hold. Says whether the
/// direct way took them.
fn agree<'a, T: Message<'a> + std::fmt::Debug>(octets: &'a [u8]) -> bool {
    let Some(direct) = T::read_direct(octets) else {
        return false;
    };
    let library = T::from_bytes_tagged(octets, T::APPLICATION)
        .unwrap_or_else(|e| panic!("{}: the library refuses {octets:02x?}: {e}", T::NAME));
    assert_eq!(
        format!("{direct:?}"),
        format!("{library:?}"),
        "{octets:02x?}"
    );
    let written = direct.write_direct().expect("a direct way back");
    let expected = direct.to_bytes_tagged(T::APPLICATION).unwrap();
    assert_eq!(written, expected, "{direct:?}");
    true
}

fn authorization_data_agrees(octets: &[u8]) -> bool {
    let Some(direct) = crate::wire::direct::read_list::<AuthorizationDataElement<'_>>(octets)
    else {
        return false;
    };
    let library: AuthorizationData<'_> = from_der("AuthorizationData", octets)
        .unwrap_or_else(|e| panic!("the library refuses {octets:02x?}: {e}"));
    assert_eq!(direct, library);
    true
}

fn name(text: &[&'static str]) -> PrincipalName<'static> {
    PrincipalName {
        name_type: NameType::PRINCIPAL,
        name_string: text.iter().map(|part| KerberosString(part)).collect(),
    }
}

/// The messages whose clear form nobody recorded: every field, with numbers at the edges of a
/// length and of a sign.
fn made() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    let long = [0xa5; 300];
    let numbers = [0, 1, 127, 128, 255, 256, 32_767, 32_768, 0x7fff_ffff];
    for (n, number) in numbers.into_iter().flat_map(|n| [n, -n]).enumerate() {
        let key = EncryptionKey {
            keytype: number,
            keyvalue: OctetString(&long[..n * 16]),
        };
        let authenticator = Authenticator {
            authenticator_vno: number,
            crealm: KerberosString("EXAMPLE.TEST"),
            cname: name(&["alice", "ädmin", ""]),
            cksum: (n % 2 == 0).then_some(Checksum {
                cksumtype: number,
                checksum: OctetString(&long[..n]),
            }),
            cusec: Microseconds::new(number.unsigned_abs() % 1_000_000).unwrap(),
            ctime: KerberosTime::from_secs(number.into()),
            subkey: (n % 3 == 0).then_some(key),
            seq_number: (n % 5 != 0).then_some(UInt32(number as u32)),
            authorization_data: (n % 4 == 0).then(|| {
                vec![AuthorizationDataElement {
                    ad_type: AdType(number),
                    ad_data: OctetString(&long),
                }]
            }),
        };
        let part = EncApRepPart {
            ctime: KerberosTime::from_secs(i64::from(number) + 1_700_000_000),
            cusec: Microseconds::new(number.unsigned_abs() % 1_000_000).unwrap(),
            subkey: (n % 3 != 0).then_some(key),
            seq_number: (n % 2 == 0).then_some(UInt32(number as u32)),
        };
        for (name, octets) in [
            ("Authenticator", authenticator.to_bytes_tagged(2)),
            ("EncAPRepPart", part.to_bytes_tagged(27)),
        ] {
            all.push((name, octets.unwrap()));
        }
    }
    all
}

fn agree_by_name(kind: &str, octets: &[u8]) -> Option<bool> {
    Some(match kind {
        "Ticket" => agree::<Ticket<'_>>(octets),
        "EncTicketPart" => agree::<EncTicketPart<'_>>(octets),
        "AP-REQ" => agree::<ApReq<'_>>(octets),
        "AP-REP" => agree::<ApRep<'_>>(octets),
        "Authenticator" => agree::<Authenticator<'_>>(octets),
        "EncAPRepPart" => agree::<EncApRepPart<'_>>(octets),
        _ => return None,
    })
}

fn all() -> Vec<(&'static str, Vec<u8>)> {
    let recorded = messages()
        .into_iter()
        .map(|(_, kind, octets)| (kind, octets));
    recorded.chain(made()).collect()
}

#[test]
fn msg_01_recorded_messages_go_the_direct_way() {
    let mut count = 0;
    for (kind, octets) in all() {
        if let Some(taken) = agree_by_name(kind, &octets) {
            assert!(taken, "{kind}: {octets:02x?}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn msg_01_whatever_is_changed_both_ways_agree() {
    let mut seen = std::collections::HashSet::new();
    for (kind, octets) in all() {
        // One of each kind and length: what differs is mostly in cipher texts.
        if agree_by_name(kind, &octets).is_none() || !seen.insert((kind, octets.len())) {
            continue;
        }
        let mut changed = octets.clone();
        for at in 0..octets.len().min(700) {
            for value in [0x00, 0x01, 0x30, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xff] {
                changed[at] = value;
                agree_by_name(kind, &changed);
            }
            for bit in 0..8 {
                changed[at] = octets[at] ^ 1 << bit;
                agree_by_name(kind, &changed);
            }
            changed[at] = octets[at];
            agree_by_name(kind, &octets[..at]);
            // One octet more, one fewer.
            let mut moved = octets.clone();
            moved.insert(at, octets[at]);
            agree_by_name(kind, &moved);
            moved.remove(at);
            moved.remove(at);
            agree_by_name(kind, &moved);
        }
    }
}

#[test]
fn msg_01_authorization_data_goes_the_direct_way() {
    let mut count = 0;
    for (kind, octets) in messages()
        .into_iter()
        .map(|(_, kind, octets)| (kind, octets))
    {
        if kind != "EncTicketPart" {
            continue;
        }
        let part = EncTicketPart::from_bytes(&octets).unwrap();
        for element in part.authorization_data.unwrap_or_default() {
            if element.ad_type != AdType::IF_RELEVANT {
                continue;
            }
            let mut list = element.ad_data.as_bytes().to_vec();
            assert!(authorization_data_agrees(&list));
            count += 1;
            for at in 0..list.len().min(40) {
                for bit in 0..8 {
                    list[at] ^= 1 << bit;
                    authorization_data_agrees(&list);
                    list[at] ^= 1 << bit;
                }
            }
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn msg_24_a_list_of_too_many_elements_is_left_to_the_library() {
    let element = AuthorizationDataElement {
        ad_type: AdType(1),
        ad_data: OctetString(b""),
    };
    for (count, taken) in [(MAX_ELEMENTS, true), (MAX_ELEMENTS + 1, false)] {
        let octets = to_der("AuthorizationData", &vec![element; count]).unwrap();
        let direct: Option<AuthorizationData<'_>> = crate::wire::direct::read_list(&octets);
        assert_eq!(direct.is_some(), taken);
        assert_eq!(
            crate::wire::authdata::authorization_data(&octets).is_ok(),
            taken
        );
    }
}
