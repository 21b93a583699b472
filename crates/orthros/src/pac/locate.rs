//! Where a PAC is: authorization data of the ticket (MS-KILE 3.4.5.3).

use super::PacError;
use crate::secret::Secret;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    AdType, AuthorizationData, AuthorizationDataElement, EncTicketPart, Malformed, Message,
    OctetString,
};

/// How many AD-IF-RELEVANT may stand one within the other (security case 22).
pub const MAX_NESTING: usize = 8;

const WHAT: &str = "AuthorizationData";

/// The octets of the PAC in a ticket's authorization data: the one element of type 128 within
/// AD-IF-RELEVANT (PAC-01).
///
/// Give it what the KDC sealed into the ticket and nothing else: authorization data that a client
/// writes holds no PAC, whatever it looks like (security case 62).
pub fn locate<'a>(
    authorization_data: &[AuthorizationDataElement<'a>],
) -> Result<Option<&'a [u8]>, PacError> {
    let mut found = None;
    let mut containers: Vec<(usize, &'a [u8])> = authorization_data
        .iter()
        .filter(|element| element.ad_type == AdType::IF_RELEVANT)
        .map(|element| (1, element.ad_data.0))
        .collect();
    while let Some((depth, octets)) = containers.pop() {
        if depth > MAX_NESTING {
            return Err(PacError::Nesting);
        }
        for element in contents(octets)? {
            match element.ad_type {
                AdType::WIN2K_PAC if found.is_some() => return Err(PacError::TwoPacs),
                AdType::WIN2K_PAC => found = Some(element.ad_data.0),
                AdType::IF_RELEVANT => containers.push((depth + 1, element.ad_data.0)),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// The DER of `part` with `pac` as the first element of its authorization data, within
/// AD-IF-RELEVANT. It must not have a PAC yet.
pub(super) fn attach(part: &EncTicketPart<'_>, pac: &[u8]) -> Result<Secret, PacError> {
    let others = part.authorization_data.as_deref().unwrap_or_default();
    if locate(others)?.is_some() {
        return Err(PacError::TwoPacs);
    }
    let container = encode(&vec![element(AdType::WIN2K_PAC, pac)])?;
    let mut all = vec![element(AdType::IF_RELEVANT, &container)];
    all.extend_from_slice(others);
    to_octets(part, all)
}

/// The DER of `part` in which the PAC's `ad-data` is `replacement` (PAC-12); `None` if it has no
/// PAC.
pub(super) fn replace(
    part: &EncTicketPart<'_>,
    replacement: &[u8],
) -> Result<Option<Secret>, PacError> {
    let elements = part.authorization_data.as_deref().unwrap_or_default();
    let mut all = elements.to_vec();
    for (index, container) in elements.iter().enumerate() {
        if container.ad_type != AdType::IF_RELEVANT {
            continue;
        }
        if let Some(octets) = rewrite(container.ad_data.0, replacement, 1)? {
            if let Some(here) = all.get_mut(index) {
                *here = element(AdType::IF_RELEVANT, &octets);
            }
            return to_octets(part, all).map(Some);
        }
    }
    Ok(None)
}

/// One container with the PAC in it replaced. It calls itself [`MAX_NESTING`] times at most.
fn rewrite(octets: &[u8], replacement: &[u8], depth: usize) -> Result<Option<Vec<u8>>, PacError> {
    if depth > MAX_NESTING {
        return Err(PacError::Nesting);
    }
    let mut elements = contents(octets)?;
    for here in &mut elements {
        if here.ad_type == AdType::WIN2K_PAC {
            here.ad_data = OctetString(replacement);
            return encode(&elements).map(Some);
        }
    }
    for (index, here) in elements.iter().enumerate() {
        if here.ad_type != AdType::IF_RELEVANT {
            continue;
        }
        if let Some(inner) = rewrite(here.ad_data.0, replacement, depth + 1)? {
            let mut elements = elements.clone();
            if let Some(here) = elements.get_mut(index) {
                here.ad_data = OctetString(&inner);
            }
            return encode(&elements).map(Some);
        }
    }
    Ok(None)
}

fn contents(octets: &[u8]) -> Result<AuthorizationData<'_>, PacError> {
    from_der(WHAT, octets).map_err(PacError::AuthorizationData)
}

fn encode(elements: &AuthorizationData<'_>) -> Result<Vec<u8>, PacError> {
    to_der(WHAT, elements).map_err(PacError::AuthorizationData)
}

fn element(ad_type: AdType, octets: &[u8]) -> AuthorizationDataElement<'_> {
    AuthorizationDataElement {
        ad_type,
        ad_data: OctetString(octets),
    }
}

fn to_octets<'a>(
    part: &EncTicketPart<'a>,
    authorization_data: AuthorizationData<'a>,
) -> Result<Secret, PacError> {
    let mut part = part.clone();
    part.authorization_data = Some(authorization_data);
    let octets: Result<Vec<u8>, Malformed> = part.to_bytes();
    octets.map(Secret::new).map_err(PacError::AuthorizationData)
}
