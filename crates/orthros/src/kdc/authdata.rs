//! Which authorization data goes into a new ticket (RFC 4120 §5.2.6, KDC-24, KDC-25).

use super::Refused;
use crate::ap::OpenTicket;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    AdType, AuthorizationData, AuthorizationDataElement, ErrorCode, Malformed, OctetString,
};

/// AD-IF-RELEVANT within AD-IF-RELEVANT: this deep and no deeper (MSG-24).
const MAX_DEPTH: usize = 8;

/// What only a KDC may say. From a client it is left out: a service would take it for the KDC's
/// word (KDC-25, security cases 62 and 94).
const KDC_ONLY: [AdType; 9] = [
    AdType::KDC_ISSUED,
    AdType::INITIAL_VERIFIED_CAS,
    AdType::AUTHENTICATION_STRENGTH,
    AdType::FX_FAST_ARMOR,
    AdType::FX_FAST_USED,
    AdType::LOGIN_ALIAS,
    AdType::CAMMAC,
    AdType::AUTHENTICATION_INDICATOR,
    AdType::WIN2K_PAC,
];

/// An element, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) ad_type: AdType,
    pub(super) data: Vec<u8>,
}

impl Element {
    fn new(element: &AuthorizationDataElement<'_>) -> Self {
        Self {
            ad_type: element.ad_type,
            data: element.ad_data.0.to_vec(),
        }
    }

    pub(super) fn to_wire(&self) -> AuthorizationDataElement<'_> {
        AuthorizationDataElement {
            ad_type: self.ad_type,
            ad_data: OctetString(&self.data),
        }
    }
}

/// The DER of AuthorizationData.
pub(super) fn encode(elements: &[Element]) -> Result<Vec<u8>, Malformed> {
    let wire: Vec<_> = elements.iter().map(Element::to_wire).collect();
    to_der("AuthorizationData", &wire)
}

/// What a TGT passes on: everything but the PAC, which is signed anew (KDC-24).
pub(super) fn of_tgt(tgt: &OpenTicket) -> Result<Vec<Element>, Refused> {
    let part = tgt.enc_part()?;
    let mut passed = Vec::new();
    for element in part.authorization_data.iter().flatten() {
        match element.ad_type {
            AdType::WIN2K_PAC => {}
            AdType::IF_RELEVANT => {
                let inner: AuthorizationData<'_> =
                    from_der("AuthorizationData", element.ad_data.0)?;
                let others: Vec<_> = inner
                    .iter()
                    .filter(|element| element.ad_type != AdType::WIN2K_PAC)
                    .map(Element::new)
                    .collect();
                if others.len() == inner.len() {
                    passed.push(Element::new(element));
                } else if !others.is_empty() {
                    passed.push(Element {
                        ad_type: AdType::IF_RELEVANT,
                        data: encode(&others)?,
                    });
                }
            }
            _ => passed.push(Element::new(element)),
        }
    }
    Ok(passed)
}

/// What a client may put into its ticket; the order of what stays is kept (KDC-25).
pub(super) fn of_client(octets: &[u8]) -> Result<Vec<Element>, Refused> {
    filtered(octets, 0)
}

fn filtered(octets: &[u8], depth: usize) -> Result<Vec<Element>, Refused> {
    let refuse = |why: &str| Refused::new(ErrorCode::KDC_ERR_POLICY, why);
    if depth > MAX_DEPTH {
        return Err(refuse("authorization data is nested too deep"));
    }
    let elements: AuthorizationData<'_> = from_der("AuthorizationData", octets)?;
    let mut kept = Vec::new();
    for element in &elements {
        match element.ad_type {
            ad_type if KDC_ONLY.contains(&ad_type) => {}
            AdType::IF_RELEVANT => {
                let inner = filtered(element.ad_data.0, depth + 1)?;
                if !inner.is_empty() {
                    kept.push(Element {
                        ad_type: AdType::IF_RELEVANT,
                        data: encode(&inner)?,
                    });
                }
            }
            // There is no type in it that this KDC understands (RFC 4120 §5.2.6.4).
            AdType::MANDATORY_FOR_KDC => {
                return Err(refuse("AD-MANDATORY-FOR-KDC demands what is not known"));
            }
            // To leave out an alternative would change what the client demands of the service.
            AdType::AND_OR => return Err(refuse("AD-AND-OR is not supported")),
            _ => kept.push(Element::new(element)),
        }
    }
    Ok(kept)
}
