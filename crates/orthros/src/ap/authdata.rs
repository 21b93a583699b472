//! Authorization data in tickets and authenticators: what may be used, what must be understood
//! (RFC 4120 §5.2.6, RFC 7751, MS-KILE 3.4.5.3).

use crate::crypto::{ChecksumType, Enctype, Key, KeyUsage};
use crate::error::Rejection;
use crate::wire::{
    AdCammac, AdKdcIssued, AdType, AuthorizationDataElement, authdata::authorization_data,
    primitive::from_der,
};

/// AD-IF-RELEVANT within AD-IF-RELEVANT: this deep and no deeper (MSG-24, security case 22).
const MAX_DEPTH: usize = 8;
/// Elements of one ticket or authenticator, nested ones included (MSG-24).
const MAX_ELEMENTS: usize = 1024;

/// An element of authorization data, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthData {
    /// Its type.
    pub ad_type: AdType,
    /// Its contents.
    pub data: Vec<u8>,
}

impl AuthData {
    pub(super) fn new(element: &AuthorizationDataElement<'_>) -> Self {
        Self {
            ad_type: element.ad_type,
            data: element.ad_data.as_bytes().to_vec(),
        }
    }
}

/// What to do with an element that must be understood and is not (AP-34).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownCritical {
    /// Refuse the request, as RFC 4120 demands.
    #[default]
    Refuse,
    /// Ignore the element, as Windows and acceptors of RFC 1510 do.
    Ignore,
}

/// What the authorization data of a ticket says, as far as it is vouched for.
#[derive(Debug, Default)]
pub(super) struct TicketData<'a> {
    /// The PAC: from the ticket only (AP-38) and within AD-IF-RELEVANT only (PAC-01).
    pub(super) pac: Option<&'a [u8]>,
    /// A second PAC (PAC-01).
    pub(super) second_pac: bool,
    /// Elements of AD-KDC-ISSUED whose checksum is right (AP-36).
    pub(super) kdc_issued: Vec<AuthData>,
    /// Elements of AD-CAMMAC whose service verifier is right (AP-37).
    pub(super) cammac: Vec<AuthData>,
}

/// What the client put into its authenticator. Nobody vouches for it.
#[derive(Debug, Default)]
pub(super) struct AuthenticatorData {
    /// AD-ETYPE-NEGOTIATION: what the client can do, most wanted first (RFC 4537).
    pub(super) enctypes: Vec<Enctype>,
    /// KERB-AP-OPTIONS (AP-80).
    pub(super) ap_options: u32,
}

/// KERB-AP-OPTIONS: the client supplies channel bindings (AP-80).
pub(super) const AP_OPTIONS_CBT: u32 = 0x4000;
/// KERB-AP-OPTIONS: the client has not verified the target's name (AP-80).
pub(super) const AP_OPTIONS_UNVERIFIED_TARGET_NAME: u32 = 0x8000;

/// Walks the elements in order, into AD-IF-RELEVANT, without recursion.
///
/// `seen` gets each element and whether it is optional, and says whether it is understood.
fn walk<'a>(
    top: &[AuthorizationDataElement<'a>],
    unknown: UnknownCritical,
    mut seen: impl FnMut(&AuthorizationDataElement<'a>, bool) -> Result<bool, Rejection>,
) -> Result<(), Rejection> {
    let refuse = |ad_type, why| Rejection::AuthorizationData { ad_type, why };
    let mut due: Vec<(usize, AuthorizationDataElement<'a>)> =
        top.iter().rev().map(|element| (0, *element)).collect();
    let mut count = 0;
    while let Some((depth, element)) = due.pop() {
        count += 1;
        if count > MAX_ELEMENTS {
            return Err(refuse(element.ad_type, "too many elements"));
        }
        let optional = depth > 0;
        match element.ad_type {
            AdType::IF_RELEVANT => {
                if depth >= MAX_DEPTH {
                    return Err(refuse(element.ad_type, "nested too deep"));
                }
                let inner = authorization_data(element.ad_data.as_bytes())
                    .map_err(|_| refuse(element.ad_type, "not an AuthorizationData"))?;
                due.extend(inner.into_iter().rev().map(|element| (depth + 1, element)));
            }
            AdType::AND_OR if !optional => {
                return Err(refuse(element.ad_type, "AD-AND-OR is not supported"));
            }
            ad_type => {
                if !seen(&element, optional)? && !optional && unknown == UnknownCritical::Refuse {
                    return Err(refuse(ad_type, "it must be understood and is not"));
                }
            }
        }
    }
    Ok(())
}

/// The authorization data of a ticket. `service` is the key that sealed the ticket.
pub(super) fn of_ticket<'a>(
    elements: &[AuthorizationDataElement<'a>],
    session: &Key,
    service: &Key,
    unknown: UnknownCritical,
) -> Result<TicketData<'a>, Rejection> {
    let mut data = TicketData::default();
    walk(elements, unknown, |element, optional| {
        let octets = element.ad_data.as_bytes();
        match element.ad_type {
            AdType::WIN2K_PAC if optional => {
                data.second_pac |= data.pac.is_some();
                data.pac = data.pac.or(Some(octets));
            }
            AdType::KDC_ISSUED => data.kdc_issued.extend(kdc_issued(octets, session)),
            AdType::CAMMAC => data.cammac.extend(cammac(octets, service)),
            // For the KDC, not for us (RFC 4120 §5.2.6.4).
            AdType::MANDATORY_FOR_KDC => {}
            // Only those inside a CAMMAC say anything (RFC 8129 §3).
            AdType::AUTHENTICATION_INDICATOR => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(data)
}

/// AP-36: the client knows the session key too, so that this raises no privilege.
fn kdc_issued(octets: &[u8], session: &Key) -> Vec<AuthData> {
    let Ok(issued) = from_der::<AdKdcIssued<'_>>("AD-KDCIssued", octets) else {
        return Vec::new();
    };
    let right = session.verify_checksum(
        KeyUsage::AD_KDC_ISSUED,
        ChecksumType(issued.ad_checksum.cksumtype),
        issued.elements.as_bytes(),
        issued.ad_checksum.checksum.as_bytes(),
    );
    match right {
        Ok(()) => elements_of(issued.elements.as_bytes()),
        Err(_) => Vec::new(),
    }
}

/// AP-37: only the KDC and the service know the service's key.
fn cammac(octets: &[u8], service: &Key) -> Vec<AuthData> {
    let Ok(cammac) = from_der::<AdCammac<'_>>("AD-CAMMAC", octets) else {
        return Vec::new();
    };
    let Some(verifier) = cammac.svc_verifier else {
        return Vec::new();
    };
    let right = service.verify_checksum(
        KeyUsage::CAMMAC,
        ChecksumType(verifier.mac.cksumtype),
        cammac.elements.as_bytes(),
        verifier.mac.checksum.as_bytes(),
    );
    match right {
        Ok(()) => elements_of(cammac.elements.as_bytes()),
        Err(_) => Vec::new(),
    }
}

fn elements_of(octets: &[u8]) -> Vec<AuthData> {
    let elements = authorization_data(octets).unwrap_or_default();
    elements.iter().map(AuthData::new).collect()
}

/// The elements, and those within AD-IF-RELEVANT in their place. Of data that [`walk`] let through:
/// its depth and number are bounded.
pub(super) fn elements_within(top: Vec<AuthData>) -> impl Iterator<Item = AuthData> {
    let mut due: Vec<AuthData> = top.into_iter().rev().collect();
    std::iter::from_fn(move || {
        loop {
            let element = due.pop()?;
            if element.ad_type != AdType::IF_RELEVANT {
                return Some(element);
            }
            due.extend(elements_of(&element.data).into_iter().rev());
        }
    })
}

/// The authorization data of an authenticator. A PAC in it is not one (AP-38).
pub(super) fn of_authenticator(
    elements: &[AuthorizationDataElement<'_>],
    unknown: UnknownCritical,
) -> Result<AuthenticatorData, Rejection> {
    let mut data = AuthenticatorData::default();
    walk(elements, unknown, |element, _| {
        let octets = element.ad_data.as_bytes();
        match element.ad_type {
            AdType::ETYPE_NEGOTIATION => {
                let list: Vec<i32> =
                    from_der("EtypeList", octets).map_err(|_| Rejection::AuthorizationData {
                        ad_type: element.ad_type,
                        why: "not a list of enctypes",
                    })?;
                // No enctype with a negative number is negotiated (RFC 4537 §3).
                data.enctypes = list.into_iter().filter(|e| *e > 0).map(Enctype).collect();
            }
            AdType::AP_OPTIONS => {
                // Other lengths are ignored (AP-80).
                if let Ok(word) = octets.try_into() {
                    data.ap_options = u32::from_le_bytes(word);
                }
            }
            // Ignored unless the machine's own, and none has an identity here (AP-82).
            AdType::KERB_TOKEN_RESTRICTIONS | AdType::KERB_LOCAL | AdType::CLIENT_TARGET => {}
            AdType::MANDATORY_FOR_KDC => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(data)
}
