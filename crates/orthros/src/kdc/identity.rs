//! Who a principal is in the words of a PAC (MS-PAC, MS-KILE 3.3.5).

use super::{Kdc, PrincipalEntry, Refused};
use crate::ap::{OpenTicket, ServiceKeys};
use crate::crypto::{Enctype, Mac};
use crate::error::{Error, Rejection};
use crate::pac::{
    self, Attributes, FileTime, GroupMembership, LogonInfo, Pac, PacBuilder, PacError,
    SamNameAndSid, Sid, SidAndAttributes, UpnDnsInfo, UserFlags, VerifiedPac,
};
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::primitive::from_der;
use crate::wire::{EncTicketPart, ErrorCode, PaData, PaDataType, PaPacRequest};

/// SE_GROUP_MANDATORY, SE_GROUP_ENABLED_BY_DEFAULT, SE_GROUP_ENABLED
const GROUP: u32 = 7;

/// The domain that a realm is to users of PACs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its SID, `S-1-5-21-x-y-z`.
    pub sid: Sid,
    /// Its short name.
    pub netbios_name: String,
}

/// A principal's account in its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The last part of its SID.
    pub rid: u32,
    /// The last part of the SID of its first group; 513, the domain's users.
    pub primary_group: u32,
    /// The last parts of the SIDs of its other groups in the domain.
    pub groups: Vec<u32>,
    /// Groups elsewhere, and whatever else counts for access.
    pub extra_sids: Vec<Sid>,
    /// A name for people.
    pub full_name: String,
}

impl Identity {
    /// An account that is in the group of the domain's users and no other.
    pub fn new(rid: u32) -> Self {
        Self {
            rid,
            primary_group: 513,
            groups: Vec::new(),
            extra_sids: Vec::new(),
            full_name: String::new(),
        }
    }

    /// The whole SID.
    pub fn sid(&self, domain: &Domain) -> Option<Sid> {
        domain.sid.with_rid(self.rid)
    }
}

/// What the client said about a PAC (PAC-29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Nothing,
    Pac,
    NoPac,
}

fn wish(padata: &[PaData<'_>]) -> Result<Wish, Refused> {
    let mut requests = padata
        .iter()
        .filter(|pa| pa.padata_type == PaDataType::PAC_REQUEST);
    let Some(pa) = requests.next() else {
        return Ok(Wish::Nothing);
    };
    let request: PaPacRequest = from_der("KERB-PA-PAC-REQUEST", pa.padata_value.0)?;
    Ok(match request.include_pac {
        true => Wish::Pac,
        false => Wish::NoPac,
    })
}

/// The account's SID, if it has an account.
fn account(kdc: &Kdc, entry: &PrincipalEntry) -> Option<Sid> {
    entry.identity.as_ref()?.sid(kdc.policy.domain.as_ref()?)
}

/// The PAC of an initial ticket, unless the client wants none or is nobody (PAC-26, PAC-29).
pub(super) fn initial(
    kdc: &Kdc,
    entry: &PrincipalEntry,
    client: &Principal,
    server: &Principal,
    padata: &[PaData<'_>],
    authtime: KerberosTime,
) -> Result<Option<PacBuilder>, Refused> {
    let wish = wish(padata)?;
    let (Some(domain), Some(identity)) = (&kdc.policy.domain, &entry.identity) else {
        return Ok(None);
    };
    let Some(sid) = identity.sid(domain).filter(|_| wish != Wish::NoPac) else {
        return Ok(None);
    };
    let account_name = entry.name.components().collect::<Vec<_>>().join("/");
    let upn = UpnDnsInfo {
        upn: format!("{account_name}@{}", kdc.realm().to_lowercase()),
        dns_domain_name: kdc.realm().to_owned(),
        // It is made of the account's name.
        flags: 1,
        sam_name_and_sid: Some(SamNameAndSid {
            sam_name: account_name.clone(),
            sid,
        }),
    };
    let logon = logon_info(domain, identity, entry, &account_name, authtime);
    let mut builder = PacBuilder::new(client, authtime)?
        .logon_info(&logon)?
        .upn_dns_info(&upn)?;
    if server.is_krbtgt() {
        let attributes = match wish {
            Wish::Pac => Attributes::REQUESTED,
            _ => Attributes::GIVEN_IMPLICITLY,
        };
        builder = builder.attributes(attributes).requestor_sid(&sid);
    }
    Ok(Some(builder))
}

fn logon_info(
    domain: &Domain,
    identity: &Identity,
    entry: &PrincipalEntry,
    account_name: &str,
    authtime: KerberosTime,
) -> LogonInfo {
    let Identity {
        rid, primary_group, ..
    } = *identity;
    let mut info = LogonInfo::new(
        account_name,
        &domain.netbios_name,
        domain.sid,
        rid,
        primary_group,
    );
    info.logon_time = FileTime::from(authtime);
    info.full_name.clone_from(&identity.full_name);
    if let Some(moment) = entry.password_expires {
        info.password_must_change = FileTime::from(moment);
    }
    info.group_ids
        .extend(identity.groups.iter().map(|group| GroupMembership {
            relative_id: *group,
            attributes: GROUP,
        }));
    info.user_flags = UserFlags::EXTRA_SIDS;
    info.extra_sids = std::iter::once(&Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY)
        .chain(&identity.extra_sids)
        .map(|sid| SidAndAttributes {
            sid: *sid,
            attributes: GROUP,
        })
        .collect();
    info
}

/// How a ticket was sealed.
#[derive(Clone, Copy)]
pub(super) struct Seal {
    pub(super) kvno: Option<u32>,
    pub(super) enctype: Enctype,
}

impl Seal {
    pub(super) fn of(ticket: &OpenTicket) -> Self {
        Self {
            kvno: ticket.kvno,
            enctype: ticket.enctype,
        }
    }

    /// The MACs of the keys that can have sealed it.
    fn macs(self, keys: &ServiceKeys) -> impl Iterator<Item = &Mac> {
        keys.iter()
            .filter(move |key| key.enctype() == self.enctype)
            .filter(move |key| self.kvno.is_none_or(|kvno| kvno == key.kvno()))
            .filter_map(|key| key.pac_mac().ok())
    }
}

/// The PAC of a TGT of this realm: both its signatures verify, it is the ticket's, and it was made
/// for the account that the client's name finds now (PAC-20, PAC-27).
pub(super) fn of_tgt(
    kdc: &Kdc,
    part: &EncTicketPart<'_>,
    seal: Seal,
    client: &Principal,
    entry: &PrincipalEntry,
) -> Result<Option<VerifiedPac>, Refused> {
    let Some(octets) = find(part)? else {
        return Ok(None);
    };
    let pac = Pac::parse(octets)?;
    // What seals a TGT signs for the realm too.
    let verified = first_ok(
        seal.macs(&kdc.krbtgt_keys)
            .map(|mac| pac.verify_kdc(mac, mac, client, part.authtime)),
    )?;
    match account(kdc, entry) {
        Some(account) => verified.check_requestor(&account)?,
        None => return Err(no_account(client)),
    }
    Ok(Some(verified))
}

/// The PAC of a service ticket that comes back to be renewed, validated or lent: all four
/// signatures (PAC-20), and the same account.
pub(super) fn of_service_ticket(
    kdc: &Kdc,
    part: &EncTicketPart<'_>,
    seal: Seal,
    server_keys: &ServiceKeys,
    client: &Principal,
    entry: &PrincipalEntry,
) -> Result<Option<VerifiedPac>, Refused> {
    let Some(octets) = find(part)? else {
        return Ok(None);
    };
    let pac = Pac::parse(octets)?;
    let authtime = part.authtime;
    // Which of the realm's keys signed is not written anywhere.
    let realm: Vec<_> = kdc
        .krbtgt_keys
        .iter()
        .filter_map(|key| key.pac_mac().ok())
        .collect();
    let pairs = seal
        .macs(server_keys)
        .flat_map(|server| realm.iter().map(move |krbtgt| (server, *krbtgt)));
    let verified = first_ok(
        pairs.map(|(server, krbtgt)| pac.verify_evidence(server, krbtgt, part, client, authtime)),
    )?;
    match account(kdc, entry) {
        Some(account) if verified.user_sid() == Some(account) => Ok(Some(verified)),
        _ => Err(no_account(client)),
    }
}

fn no_account(client: &Principal) -> Refused {
    Refused::new(
        ErrorCode::KDC_ERR_TGT_REVOKED,
        format!("the PAC is not that of the account {client}"),
    )
}

fn find<'a>(part: &EncTicketPart<'a>) -> Result<Option<&'a [u8]>, PacError> {
    pac::locate(part.authorization_data.as_deref().unwrap_or_default())
}

/// One key after the other: the first that verifies everything, or why none does. That a key is of
/// another type says nothing about the PAC.
fn first_ok(
    tried: impl Iterator<Item = Result<VerifiedPac, PacError>>,
) -> Result<VerifiedPac, Error> {
    let mut why = None;
    for result in tried {
        match (result, &why) {
            (Ok(verified), _) => return Ok(verified),
            (Err(PacError::SignatureType { .. }), Some(_)) => {}
            (Err(error), _) => why = Some(error),
        }
    }
    Err(match why {
        Some(why) => why.into(),
        None => Rejection::Pac {
            why: "no key of the realm can have signed it".to_owned(),
            code: ErrorCode::KRB_AP_ERR_MODIFIED,
        }
        .into(),
    })
}

/// The PAC of a ticket by another ticket: what that one's says, signed anew (KDC-24, PAC-05).
pub(super) fn reissued(verified: &VerifiedPac, server: &Principal) -> PacBuilder {
    let mut builder = PacBuilder::reissue(verified);
    if server.is_krbtgt() {
        if let Some(attributes) = verified.attributes() {
            builder = builder.attributes(attributes);
        }
        if let Some(sid) = verified.requestor_sid() {
            builder = builder.requestor_sid(&sid);
        }
    }
    builder
}
