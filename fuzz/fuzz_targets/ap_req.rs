//! The whole acceptor. The first octet says what the others are: an AP-REQ as it comes, or what
//! somebody with the right key has sealed in one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::ap::{Acceptor, AppData, Binding, Unbound};
use orthros::crypto::{Enctype, Key};
use orthros::wire::{
    AdType, AuthorizationDataElement, EncTicketPart, ErrorCode, KerberosString, KrbError, Message,
    OctetString, TicketFlags,
};
use orthros_fuzz::recorded::{
    ENC_TICKET_PART, NOW, SERVICE, SESSION, TICKET, acceptor, ap_req, authenticator_for, ticket_of,
};
use orthros_fuzz::{bounded, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// An AP-REQ.
    Message,
    /// An EncTicketPart: what only a KDC can write.
    TicketPart,
    /// An Authenticator: what the client writes.
    Authenticator,
    /// The ad-data of an AD-IF-RELEVANT in the ticket.
    AuthorizationData,
    /// The contents of a TransitedEncoding.
    Transited,
}

const INPUTS: [Input; 5] = [
    Input::Message,
    Input::TicketPart,
    Input::Authenticator,
    Input::AuthorizationData,
    Input::Transited,
];

/// An AP-REQ with these contents of its ticket and an authenticator that fits them, if one can.
fn with_part(octets: &[u8]) -> Vec<u8> {
    let fitting = EncTicketPart::from_bytes(octets).ok().and_then(|part| {
        let session = Key::new(Enctype(part.key.keytype), part.key.keyvalue.as_bytes()).ok()?;
        Some((session, authenticator_for(&part)))
    });
    let ticket = ticket_of(octets);
    match fitting {
        Some((session, authenticator)) => ap_req(&ticket, &session, &authenticator),
        None => ap_req(&ticket, &SESSION, &[]),
    }
}

/// An AP-REQ with the recorded contents of the ticket, changed.
fn changed<'a>(change: impl FnOnce(&mut EncTicketPart<'a>)) -> Vec<u8> {
    let mut part = EncTicketPart::from_bytes(ENC_TICKET_PART).expect("recorded");
    change(&mut part);
    with_part(&part.to_bytes().expect("short"))
}

fn judge<B: Binding>(request: &[u8], binding: &B) {
    let acceptor = Acceptor::new(acceptor());
    match acceptor.accept(request, binding, None, NOW) {
        Ok(accepted) => {
            std::hint::black_box(format!("{:?}", accepted.peer));
            let again = acceptor.accept(request, binding, None, NOW);
            assert!(again.is_err(), "accepted twice");
        }
        Err(refusal) => {
            refused(&refusal.error, &[&SERVICE, &SESSION]);
            // The peer gets the code and nothing else.
            let token = refusal.token.expect("a KRB-ERROR");
            let error = KrbError::from_bytes(&token).expect("a KRB-ERROR");
            assert_eq!(error.error_code, refusal.error.protocol_code());
            assert!((0..=127).contains(&error.error_code.0));
            let text = error.e_text.map(|text| text.0);
            assert_eq!(text, error.error_code.name(), "the code's name, no more");
            // Only the error for skew says more (AP-77).
            let skew = error.error_code == ErrorCode::KRB_AP_ERR_SKEW;
            assert_eq!(error.e_data.is_some(), skew);
        }
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    let request = match input {
        Input::Message => octets.to_vec(),
        Input::TicketPart => with_part(octets),
        Input::Authenticator => ap_req(TICKET, &SESSION, octets),
        Input::AuthorizationData => changed(|part| {
            part.authorization_data = Some(vec![AuthorizationDataElement {
                ad_type: AdType::IF_RELEVANT,
                ad_data: OctetString(octets),
            }]);
        }),
        // From another realm, and the KDC has not judged the way.
        Input::Transited => changed(|part| {
            part.transited.contents = OctetString(octets);
            part.flags = part.flags.without(TicketFlags::TRANSITED_POLICY_CHECKED);
            part.crealm = KerberosString("USERS.EXAMPLE.TEST");
        }),
    };
    judge(&request, &Unbound);
    if matches!(input, Input::Message | Input::Authenticator) {
        judge(&request, &AppData(b"application data"));
    }
}));
