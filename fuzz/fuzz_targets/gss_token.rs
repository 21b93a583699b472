//! Context tokens: what the acceptor is sent first, and what the initiator is answered. The first
//! octet says what the others are: a token as it comes, or what somebody with the right key has
//! sealed in one.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use orthros::ap;
use orthros::crypto::{ChecksumType, KeyUsage};
use orthros::gss::token::{TokenId, frame, unframe};
use orthros::gss::{
    Acceptor, AcceptorBindings, ChannelBindings, ContextFlags, GssChecksum, Initiator,
};
use orthros::step::Step;
use orthros::wire::{
    Authenticator, Checksum, EncTicketPart, EncryptedData, KRB5_PVNO, KrbCred, Message, MsgType,
    OctetString, Raw,
};
use orthros_fuzz::recorded::{
    CREDENTIALS, ENC_TICKET_PART, NOW, SERVICE, SESSION, TICKET, acceptor, ap_req,
    authenticator_for, sealed,
};
use orthros_fuzz::{Repeating, bounded, pick, refused, say};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// The initiator's token.
    Token,
    /// The same, inside SPNEGO.
    InSpnego,
    /// The acceptor's token.
    Answer,
    /// The contents of a 0x8003 checksum.
    Checksum,
    /// The KRB-CRED in one.
    Delegation,
    /// The EncKrbCredPart in that, for one ticket.
    DelegatedPart,
}

const INPUTS: [Input; 6] = [
    Input::Token,
    Input::InSpnego,
    Input::Answer,
    Input::Checksum,
    Input::Delegation,
    Input::DelegatedPart,
];

/// A token whose authenticator has this checksum.
fn with_checksum(octets: &[u8]) -> Vec<u8> {
    let part = EncTicketPart::from_bytes(ENC_TICKET_PART).expect("recorded");
    let authenticator = authenticator_for(&part);
    let mut authenticator = Authenticator::from_bytes(&authenticator).expect("ours");
    authenticator.cksum = Some(Checksum {
        cksumtype: ChecksumType::GSS.0,
        checksum: OctetString(octets),
    });
    let authenticator = authenticator.to_bytes().expect("short");
    frame(TokenId::AP_REQ, &ap_req(TICKET, &SESSION, &authenticator))
}

/// A token that delegates.
fn with_delegation(krb_cred: &[u8]) -> Vec<u8> {
    let checksum = GssChecksum {
        flags: ContextFlags::MUTUAL,
        delegation: Some(krb_cred),
        ..GssChecksum::default()
    };
    with_checksum(&checksum.to_bytes())
}

fn krb_cred(part: &[u8]) -> Vec<u8> {
    let cipher = sealed(&SESSION, KeyUsage::KRB_CRED, part);
    let message = KrbCred {
        pvno: KRB5_PVNO,
        msg_type: MsgType::CRED.0,
        tickets: vec![Raw::new(TICKET).expect("an element")],
        enc_part: EncryptedData {
            etype: SESSION.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    message.to_bytes().expect("short")
}

fn accept(token: &[u8], in_spnego: bool) {
    let ours = ["tls-server-end-point:", "tls-exporter:"];
    let ours = ours.map(ChannelBindings::from_application_data);
    for bindings in [AcceptorBindings::None, AcceptorBindings::Allow(ours.into())] {
        let shared = Acceptor::new(ap::Acceptor::new(acceptor())).bindings(bindings);
        let acceptor = || match in_spnego {
            true => shared.clone().in_spnego(),
            false => shared.clone(),
        };
        match acceptor().accept(token, NOW) {
            Ok(Step::Established {
                token: answer,
                context,
            }) => {
                let flags = context.flags();
                assert_eq!(answer.is_some(), flags.contains(ContextFlags::MUTUAL));
                let delegated = !context.info().delegated.is_empty();
                assert_eq!(delegated, flags.contains(ContextFlags::DELEG));
                std::hint::black_box(format!("{context:?}"));
                assert!(acceptor().accept(token, NOW).is_err(), "accepted twice");
            }
            Ok(Step::Continue { token, .. }) => {
                // In DCE style an AP-REP without framing, else a KRB-ERROR.
                if token.first() != Some(&0x6F) {
                    let (id, _) = unframe(&token).expect("ours");
                    assert_eq!(id, TokenId::KRB_ERROR);
                }
            }
            Err(refusal) => {
                refused(&refusal.error, &[&SERVICE, &SESSION]);
                if let Some(token) = refusal.token {
                    assert_eq!(unframe(&token).expect("ours").0, TokenId::KRB_ERROR);
                }
            }
        }
    }
}

fn answered(token: &[u8]) {
    let initiator = Initiator::new(Arc::clone(&CREDENTIALS)).random(Arc::new(Repeating::new()));
    let Ok(Step::Continue { next, .. }) = initiator.request(NOW) else {
        panic!("mutual authentication was asked for");
    };
    match next.reply(token, NOW) {
        Ok(_) => panic!("an AP-REP with a time that nobody was told"),
        Err(refusal) => refused(&refusal.error, &[&SESSION]),
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    if let Ok((id, message)) = unframe(octets) {
        assert_eq!(frame(id, message), octets, "a frame has one encoding");
    }
    match input {
        Input::Token => accept(octets, false),
        Input::InSpnego => accept(octets, true),
        Input::Answer => answered(octets),
        Input::Checksum => {
            match GssChecksum::parse(octets) {
                Ok(checksum) => {
                    let ours = checksum.to_bytes();
                    let again = GssChecksum::parse(&ours).expect("ours");
                    assert_eq!(again.to_bytes(), ours);
                    assert_eq!(again.delegation, checksum.delegation);
                    assert_eq!(again.extensions, checksum.extensions);
                }
                Err(rejection) => say(&orthros::error::Error::rejected(rejection)),
            }
            accept(&with_checksum(octets), false);
        }
        Input::Delegation => accept(&with_delegation(octets), false),
        Input::DelegatedPart => accept(&with_delegation(&krb_cred(octets)), false),
    }
}));
