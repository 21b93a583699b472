use super::exchange::{accepted, acceptor, established, initiator};
use super::unhex;
use crate::ap::tests::forge::{Forge, NOW};
use crate::crypto::{Enctype, Key};
use crate::error::{Error, Rejection};
use crate::gss::status::MajorStatus;
use crate::gss::token::{TokenId, frame};
use crate::gss::{
    AcceptorBindings, BindingOutcome, BindingType, Candidates, ChannelBindings, ContextFlags,
    Extension, GssChecksum, Role,
};

fn key() -> Key {
    Key::new(Enctype::AES128_CTS_HMAC_SHA256_128, &[0x42; 16]).unwrap()
}

#[test]
fn gss_20_published_digests() {
    let empty = ChannelBindings::default();
    assert_eq!(
        empty.digest()[..],
        unhex("441018525208457705bf09a8ee3c1093")
    );
    let hello = ChannelBindings::from_application_data("hello");
    assert_eq!(
        hello.digest()[..],
        unhex("50f40d34cd26c144fc662ed1ec783a94")
    );
}

#[test]
fn gss_20_layout() {
    let bindings = ChannelBindings {
        initiator_addrtype: 2,
        initiator_address: vec![10, 0, 0, 1],
        acceptor_addrtype: 0x01020304,
        acceptor_address: vec![9],
        application_data: b"ab".to_vec(),
    };
    assert_eq!(
        bindings.to_bytes(),
        unhex(
            "02000000040000000a0000010403020101000000090200000061 62"
                .replace(' ', "")
                .as_str()
        )
    );
    assert_eq!(ChannelBindings::default().to_bytes(), [0; 20]);
}

/// What the initiator sent: Bnd and, as RFC 6542 has it, perhaps the extension.
enum Sent<'a> {
    None,
    Digest(&'a ChannelBindings),
    Both(&'a ChannelBindings),
    MicOnly(&'a ChannelBindings),
    Mixed(&'a ChannelBindings, &'a ChannelBindings),
}

fn check(
    ours: &AcceptorBindings,
    sent: &Sent<'_>,
    promised: bool,
) -> Result<BindingOutcome, Rejection> {
    let (digest, mic) = match sent {
        Sent::None => ([0; 16], None),
        Sent::Digest(theirs) => (theirs.digest(), None),
        Sent::Both(theirs) => (theirs.digest(), Some(theirs.mic(&key()).unwrap())),
        Sent::MicOnly(theirs) => ([0xFF; 16], Some(theirs.mic(&key()).unwrap())),
        Sent::Mixed(digest, mic) => (digest.digest(), Some(mic.mic(&key()).unwrap())),
    };
    let checksum = GssChecksum {
        bindings: digest,
        extensions: mic
            .iter()
            .map(|mic| Extension {
                ext_type: Extension::CHANNEL_BINDING,
                data: mic,
            })
            .collect(),
        ..GssChecksum::default()
    };
    ours.check(&checksum, &key(), promised)
}

fn refused(result: &Result<BindingOutcome, Rejection>, was_sent: bool) -> bool {
    match result {
        Err(rejection @ Rejection::ChannelBindings { sent }) => {
            let major = Error::from(rejection.clone()).gss_major(Role::Acceptor);
            assert_eq!(major, MajorStatus::BAD_BINDINGS);
            *sent == was_sent
        }
        _ => false,
    }
}

fn agrees(candidate: usize, binding_type: BindingType) -> BindingOutcome {
    BindingOutcome::Agree {
        candidate,
        binding_type,
    }
}

/// Every policy against everything that an initiator may send: what comes out, and whether it is
/// let in.
#[test]
fn gss_21_and_ap_81_matrix() {
    use BindingOutcome::{Absent, Differ, NotCompared, Withheld};
    let agree = agrees(0, BindingType::Exporter);
    let right = ChannelBindings::from_application_data("tls-exporter:1");
    let wrong = ChannelBindings::from_application_data("tls-exporter:2");
    let none = AcceptorBindings::None;
    let allow = AcceptorBindings::Allow(right.clone().into());
    let require = AcceptorBindings::Require(right.clone().into());
    let audit = AcceptorBindings::Audit(right.clone().into());
    // What was sent, whether the initiator announced bindings, what is found, and whether Allow
    // and Require let it in.
    for (sent, promised, found, allowed, required) in [
        (Sent::None, false, Absent, true, false),
        (Sent::None, true, Withheld, false, false),
        (Sent::Digest(&right), false, agree, true, true),
        (Sent::Digest(&right), true, agree, true, true),
        (Sent::Digest(&wrong), false, Differ, false, false),
        (Sent::Digest(&wrong), true, Differ, false, false),
        (Sent::Both(&right), false, agree, true, true),
        (Sent::Both(&wrong), false, Differ, false, false),
        (Sent::MicOnly(&right), false, agree, true, true),
        (Sent::MicOnly(&wrong), false, Differ, false, false),
    ] {
        assert_eq!(check(&none, &sent, promised).unwrap(), NotCompared);
        assert_eq!(check(&audit, &sent, promised).unwrap(), found);
        for (policy, admitted) in [(&allow, allowed), (&require, required)] {
            let result = check(policy, &sent, promised);
            match admitted {
                true => assert_eq!(result.unwrap(), found),
                false => assert!(refused(&result, found == Differ), "{result:?}"),
            }
        }
    }
}

#[test]
fn gss_22_the_extension_counts_too() {
    let right = ChannelBindings::from_application_data("tls-exporter:1");
    let wrong = ChannelBindings::from_application_data("tls-exporter:2");
    for ours in [
        AcceptorBindings::Allow(right.clone().into()),
        AcceptorBindings::Require(right.clone().into()),
    ] {
        assert!(matches!(
            check(&ours, &Sent::Both(&right), false),
            Ok(BindingOutcome::Agree { .. })
        ));
        for sent in [
            Sent::Both(&wrong),
            Sent::Mixed(&right, &wrong),
            Sent::Mixed(&wrong, &right),
        ] {
            assert!(refused(&check(&ours, &sent, false), true));
        }
    }
}

#[test]
fn gss_23_without_md5() {
    let right = ChannelBindings::from_application_data("tls-exporter:1");
    let wrong = ChannelBindings::from_application_data("tls-exporter:2");
    let ours = AcceptorBindings::Require(right.clone().into());
    assert!(matches!(
        check(&ours, &Sent::MicOnly(&right), false),
        Ok(BindingOutcome::Agree { .. })
    ));
    assert!(refused(&check(&ours, &Sent::MicOnly(&wrong), false), true));
    let no_md5 = GssChecksum {
        bindings: [0xFF; 16],
        ..GssChecksum::default()
    };
    assert!(refused(&ours.check(&no_md5, &key(), false), true));
}

#[test]
fn gss_22_a_mic_of_another_key() {
    let right = ChannelBindings::from_application_data("tls-exporter:1");
    let other = Key::new(Enctype::AES128_CTS_HMAC_SHA256_128, &[0x43; 16]).unwrap();
    let mic = right.mic(&other).unwrap();
    for len in 0..=mic.len() {
        let checksum = GssChecksum {
            bindings: right.digest(),
            extensions: vec![Extension {
                ext_type: Extension::CHANNEL_BINDING,
                data: &mic[..len],
            }],
            ..GssChecksum::default()
        };
        let ours = AcceptorBindings::Allow(right.clone().into());
        assert!(refused(&ours.check(&checksum, &key(), false), true));
    }
}

#[test]
fn gss_24_octets_are_application_data() {
    let bindings = ChannelBindings::from_application_data(b"x".to_vec());
    assert_eq!(bindings.initiator_addrtype, 0);
    assert_eq!(bindings.acceptor_addrtype, 0);
    assert!(bindings.initiator_address.is_empty() && bindings.acceptor_address.is_empty());
    assert_eq!(bindings.application_data, b"x");
}

/// Without a checksum all flags are 0 and bindings are not looked at: the context says so.
#[test]
fn ap_84_without_a_checksum() {
    let bindings = ChannelBindings::from_application_data("x");
    let token = |cksum, data: crate::ap::tests::forge::Elements| {
        let forge = Forge {
            cksum,
            authenticator_data: data,
            ..Forge::right()
        };
        frame(TokenId::AP_REQ, &forge.request())
    };
    let flags = ContextFlags(0x3f).without(ContextFlags::MUTUAL);
    let allow = AcceptorBindings::Allow(bindings.clone().into());
    for policy in [AcceptorBindings::None, allow.clone()] {
        let acceptor = acceptor().bindings(policy.clone());
        let (reply, context) = accepted(acceptor.accept(&token(None, Vec::new()), NOW));
        // Only the AP-REQ's own option is left (GSS-12).
        assert!(reply.is_some());
        assert_eq!(context.flags().and(flags), ContextFlags::NONE);
        let expected = match policy {
            AcceptorBindings::None => BindingOutcome::NotCompared,
            _ => BindingOutcome::Absent,
        };
        assert_eq!(context.info().bindings, expected);
    }
    let require = AcceptorBindings::Require(bindings.into());
    let plain = token(None, Vec::new());
    assert!(acceptor().bindings(require).accept(&plain, NOW).is_err());
    // AP-81 holds all the same.
    let element = (143, 0x4000u32.to_le_bytes().to_vec());
    let announced = vec![crate::ap::tests::forge::if_relevant(vec![element])];
    let announced = token(None, announced);
    assert!(acceptor().bindings(allow).accept(&announced, NOW).is_err());
}

/// An acceptor that audits lets everyone in and says what it found.
#[test]
fn gss_21_audit() {
    let right = ChannelBindings::from_application_data("tls-exporter:1");
    let wrong = ChannelBindings::from_application_data("tls-exporter:2");
    for (sent, expected) in [
        (None, BindingOutcome::Absent),
        (Some(right.clone()), agrees(0, BindingType::Exporter)),
        (Some(wrong), BindingOutcome::Differ),
    ] {
        let ours = match sent {
            Some(sent) => initiator().bindings(sent),
            None => initiator(),
        };
        let audit = AcceptorBindings::Audit(right.clone().into());
        let (_, theirs) = established(ours, acceptor().bindings(audit));
        assert_eq!(theirs.info().bindings, expected);
        let bound = theirs.flags().contains(ContextFlags::CHANNEL_BOUND);
        assert_eq!(bound, expected.agrees());
    }
}

/// Every policy against every candidate, alone and among others, with Bnd, with both and with the
/// MIC of RFC 6542 alone: which one agreed, and of what type.
#[test]
fn cb_04_cb_06_matrix_of_candidates() {
    use BindingOutcome::{Absent, Differ, NotCompared, Withheld};
    use BindingType::{Exporter, Other, ServerEndPoint, Unique};
    let named = [
        ("tls-server-end-point:ours", ServerEndPoint),
        ("tls-server-end-point:the proxy's", ServerEndPoint),
        ("tls-exporter:ours", Exporter),
        ("tls-unique:ours", Unique),
        ("of no type", Other),
        // A second of the same octets never agrees: the first does.
        ("tls-exporter:ours", Exporter),
    ];
    let all: Vec<_> = named
        .iter()
        .map(|(octets, _)| ChannelBindings::from_application_data(*octets))
        .collect();
    let wrong = ChannelBindings::from_application_data("tls-exporter:another's");
    for count in 0..=all.len() {
        let ours: Candidates = all[..count].iter().cloned().collect();
        assert_eq!((ours.len(), ours.is_empty()), (count, count == 0));
        let policies = [
            AcceptorBindings::Allow(ours.clone()),
            AcceptorBindings::Require(ours.clone()),
        ];
        let audit = AcceptorBindings::Audit(ours);
        let theirs = all.iter().chain([&wrong]);
        for (at, theirs) in theirs.enumerate() {
            let first = all[..count].iter().position(|ours| ours == theirs);
            assert!(first.is_none_or(|first| first <= at));
            let expected = match first {
                Some(first) => agrees(first, named[first].1),
                None => Differ,
            };
            for sent in [
                Sent::Digest(theirs),
                Sent::Both(theirs),
                Sent::MicOnly(theirs),
            ] {
                let none = check(&AcceptorBindings::None, &sent, true);
                assert_eq!(none.unwrap(), NotCompared);
                assert_eq!(check(&audit, &sent, true).unwrap(), expected);
                for policy in &policies {
                    match (check(policy, &sent, false), first) {
                        (Ok(outcome), Some(_)) => assert_eq!(outcome, expected),
                        (result, None) => assert!(refused(&result, true), "{result:?}"),
                        (result, _) => panic!("{result:?}"),
                    }
                }
            }
        }
        // The digest of one candidate and the MIC of another are not one initiator's.
        if let [first, second, ..] = &all[..count] {
            for sent in [Sent::Mixed(first, second), Sent::Mixed(second, first)] {
                assert_eq!(check(&audit, &sent, false).unwrap(), Differ);
                assert!(
                    policies
                        .iter()
                        .all(|p| refused(&check(p, &sent, false), true))
                );
            }
        }
        for (promised, expected) in [(false, Absent), (true, Withheld)] {
            assert_eq!(check(&audit, &Sent::None, promised).unwrap(), expected);
            assert!(refused(&check(&policies[1], &Sent::None, promised), false));
            assert_eq!(
                check(&policies[0], &Sent::None, promised).is_ok(),
                !promised
            );
        }
    }
}

/// What the application data say, and what they do not.
#[test]
fn cb_06_the_type_of_bindings() {
    for (octets, expected) in [
        (&b"tls-exporter:"[..], BindingType::Exporter),
        (b"tls-exporter", BindingType::Other),
        (b"tls-exporter,", BindingType::Other),
        (b"tls-unique:x:y", BindingType::Unique),
        (b"TLS-UNIQUE:x", BindingType::Other),
        (b"tls-server-end-point-2:x", BindingType::Other),
        (b"\xFF:x", BindingType::Other),
        (b":x", BindingType::Other),
        (b"", BindingType::Other),
        (b"p=tls-exporter,a=bob,x", BindingType::Exporter),
        (b"p=tls-unique,,x:y", BindingType::Unique),
        (b"p=tls-unique:x", BindingType::Other),
        (b"n,,", BindingType::Other),
        (b"y,,", BindingType::Other),
    ] {
        let bindings = ChannelBindings::from_application_data(octets);
        assert_eq!(bindings.binding_type(), expected, "{octets:?}");
    }
    for kind in [
        BindingType::ServerEndPoint,
        BindingType::Exporter,
        BindingType::Unique,
    ] {
        assert_eq!(BindingType::of_name(&kind.to_string()), kind);
    }
    assert_eq!(BindingType::of_name("other"), BindingType::Other);
}
