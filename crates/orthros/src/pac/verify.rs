//! From a PAC to what it says.

use std::fmt;

use super::client_info::NameForm;
use super::container::Entry;
use super::signature::{self, Signature};
use super::{
    Attributes, BufferType, Claims, ClientInfo, DelegationInfo, DeviceInfo, LogonInfo, Pac,
    PacError, Sid, SidAndAttributes, UpnDnsInfo, locate,
};
use crate::crypto::Mac;
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::EncTicketPart;

/// Which signatures were verified (PAC-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checked {
    /// The server signature: whoever holds the key of the service wrote the PAC. That is all that a
    /// service can check (PAC-20).
    Server,
    /// The KDC signature as well: the KDC wrote the server signature.
    Kdc,
    /// Ticket and full signature as well: the KDC wrote the ticket and the PAC.
    Evidence,
}

/// A PAC whose signatures were verified and that is of the ticket's client.
///
/// Only [`Pac::verify`] and its siblings make one (security case 20). Everything in it was read and
/// is sound.
#[derive(Clone)]
pub struct VerifiedPac {
    checked: Checked,
    octets: Box<[u8]>,
    entries: Vec<Entry>,
    client_info: ClientInfo,
    // Boxed: they are large, absent from most PACs, and the whole is handed on several times.
    logon_info: Option<Box<LogonInfo>>,
    upn_dns_info: Option<Box<UpnDnsInfo>>,
    attributes: Option<Attributes>,
    requestor_sid: Option<Sid>,
    delegation_info: Option<DelegationInfo>,
    client_claims: Option<Claims>,
    device_info: Option<Box<DeviceInfo>>,
    device_claims: Option<Claims>,
}

impl Pac<'_> {
    /// As a service: the server signature, then CLIENT_INFO, then everything else (PAC-17).
    ///
    /// `server` is the [`NON_KERB_CKSUM`](crate::crypto::KeyUsage::NON_KERB_CKSUM) checksum of the
    /// key that opened the ticket (PAC-08, PAC-09); `client` and `authtime` are the ticket's.
    pub fn verify(
        &self,
        server: &Mac,
        client: &Principal,
        authtime: KerberosTime,
    ) -> Result<VerifiedPac, PacError> {
        self.verify_as(server, client, NameForm::WithoutRealm, authtime)
    }

    /// [`verify`](Self::verify) for a TGT of cross-realm S4U2self, whose CLIENT_INFO names the
    /// client with its realm (PAC-18).
    pub fn verify_s4u2self(
        &self,
        server: &Mac,
        client: &Principal,
        authtime: KerberosTime,
    ) -> Result<VerifiedPac, PacError> {
        self.verify_as(server, client, NameForm::WithRealm, authtime)
    }

    fn verify_as(
        &self,
        server: &Mac,
        client: &Principal,
        form: NameForm,
        authtime: KerberosTime,
    ) -> Result<VerifiedPac, PacError> {
        signature::verify_server(self, server)?;
        let client_info = self
            .read(BufferType::CLIENT_INFO, ClientInfo::parse)?
            .ok_or(PacError::Missing {
                buffer: BufferType::CLIENT_INFO,
            })?;
        client_info.check(client, form, authtime)?;
        self.contents(Checked::Server, client_info)
    }

    /// As a KDC that was given a TGT of its own realm: also the KDC signature (PAC-20).
    ///
    /// `server` is of the key that opened the TGT, `krbtgt` of the key that signs for the realm.
    pub fn verify_kdc(
        &self,
        server: &Mac,
        krbtgt: &Mac,
        client: &Principal,
        authtime: KerberosTime,
    ) -> Result<VerifiedPac, PacError> {
        let mut verified = self.verify(server, client, authtime)?;
        signature::verify_kdc(self, krbtgt)?;
        verified.checked = Checked::Kdc;
        Ok(verified)
    }

    /// As a KDC that was given a service ticket, as evidence or to be renewed: all four signatures,
    /// each on its own and none of them optional (PAC-20, security cases 21, 69, 70).
    ///
    /// `part` is the ticket that this PAC was found in.
    pub fn verify_evidence(
        &self,
        server: &Mac,
        krbtgt: &Mac,
        part: &EncTicketPart<'_>,
        client: &Principal,
        authtime: KerberosTime,
    ) -> Result<VerifiedPac, PacError> {
        let mut verified = self.verify_kdc(server, krbtgt, client, authtime)?;
        signature::verify_full(self, krbtgt)?;
        let ticket = locate::replace(part, &[0])?.ok_or(PacError::Container {
            why: "it is not in the ticket",
        })?;
        signature::verify(
            self,
            BufferType::TICKET_CHECKSUM,
            krbtgt,
            &[ticket.expose()],
        )?;
        verified.checked = Checked::Evidence;
        Ok(verified)
    }

    fn read<T, F>(&self, buffer: BufferType, parse: F) -> Result<Option<T>, PacError>
    where
        F: FnOnce(&[u8]) -> Result<T, super::error::Fault>,
    {
        self.buffer(buffer)
            .map(|octets| parse(octets).map_err(|fault| fault.of(buffer)))
            .transpose()
    }

    fn read_boxed<T, F>(&self, buffer: BufferType, parse: F) -> Result<Option<Box<T>>, PacError>
    where
        F: FnOnce(&[u8]) -> Result<T, super::error::Fault>,
    {
        self.read(buffer, |octets| parse(octets).map(Box::new))
    }

    /// Reads every buffer whose type is known.
    pub(super) fn contents(
        &self,
        checked: Checked,
        client_info: ClientInfo,
    ) -> Result<VerifiedPac, PacError> {
        Ok(VerifiedPac {
            checked,
            client_info,
            logon_info: self.read_boxed(BufferType::LOGON_INFO, LogonInfo::parse)?,
            upn_dns_info: self.read_boxed(BufferType::UPN_DNS_INFO, UpnDnsInfo::parse)?,
            attributes: self.read(BufferType::ATTRIBUTES_INFO, Attributes::parse)?,
            requestor_sid: self.read(BufferType::REQUESTOR_SID, Sid::parse)?,
            delegation_info: self.read(BufferType::S4U_DELEGATION_INFO, DelegationInfo::parse)?,
            client_claims: self
                .read(BufferType::CLIENT_CLAIMS_INFO, Claims::parse)?
                .flatten(),
            device_info: self.read_boxed(BufferType::DEVICE_INFO, DeviceInfo::parse)?,
            device_claims: self
                .read(BufferType::DEVICE_CLAIMS_INFO, Claims::parse)?
                .flatten(),
            octets: self.octets.into(),
            entries: self.entries.clone(),
        })
    }
}

impl VerifiedPac {
    /// The PAC of a service's peer, whose server signature and client were verified before it was
    /// sealed, by the service and for itself.
    pub(crate) fn restore(pac: &Pac<'_>) -> Result<Self, PacError> {
        let client_info = pac
            .read(BufferType::CLIENT_INFO, ClientInfo::parse)?
            .ok_or(PacError::Missing {
                buffer: BufferType::CLIENT_INFO,
            })?;
        pac.contents(Checked::Server, client_info)
    }

    /// Which signatures were verified.
    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// The whole PAC, as the KDC signed it.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The types of the buffers, in their order.
    pub fn types(&self) -> impl ExactSizeIterator<Item = BufferType> {
        self.entries.iter().map(|entry| entry.buffer_type)
    }

    /// The octets of a buffer; of the first one if there are several, which can be only of types
    /// that are not known.
    pub fn buffer(&self, buffer: BufferType) -> Option<&[u8]> {
        let entry = self.entries.iter().find(|e| e.buffer_type == buffer)?;
        self.octets.get(entry.range.clone())
    }

    pub(super) fn buffers(&self) -> impl Iterator<Item = (BufferType, &[u8])> {
        self.entries.iter().filter_map(|entry| {
            let octets = self.octets.get(entry.range.clone())?;
            Some((entry.buffer_type, octets))
        })
    }

    /// A signature. [`checked`](Self::checked) says whether it was verified. `None` if there is
    /// none, or one of a type that is not known.
    pub fn signature(&self, buffer: BufferType) -> Option<Signature<'_>> {
        if !buffer.is_signature() {
            return None;
        }
        Signature::parse(self.buffer(buffer)?)
    }

    /// CLIENT_INFO, which agrees with the ticket.
    pub fn client_info(&self) -> &ClientInfo {
        &self.client_info
    }

    /// LOGON_INFO. KDCs without a directory of accounts issue none (security case 77).
    pub fn logon_info(&self) -> Option<&LogonInfo> {
        self.logon_info.as_deref()
    }

    /// UPN_DNS_INFO.
    pub fn upn_dns_info(&self) -> Option<&UpnDnsInfo> {
        self.upn_dns_info.as_deref()
    }

    /// ATTRIBUTES_INFO, in TGTs (PAC-26).
    pub fn attributes(&self) -> Option<Attributes> {
        self.attributes
    }

    /// REQUESTOR_SID, in TGTs.
    pub fn requestor_sid(&self) -> Option<Sid> {
        self.requestor_sid
    }

    /// S4U_DELEGATION_INFO, in tickets by S4U2proxy.
    pub fn delegation_info(&self) -> Option<&DelegationInfo> {
        self.delegation_info.as_ref()
    }

    /// The claims about the client.
    pub fn client_claims(&self) -> Option<&Claims> {
        self.client_claims.as_ref()
    }

    /// The client's computer, in tickets of a compound identity.
    pub fn device_info(&self) -> Option<&DeviceInfo> {
        self.device_info.as_deref()
    }

    /// The claims about the client's computer.
    pub fn device_claims(&self) -> Option<&Claims> {
        self.device_claims.as_ref()
    }

    /// The client's SID: of LOGON_INFO, or of UPN_DNS_INFO, or of REQUESTOR_SID (PAC-23).
    pub fn user_sid(&self) -> Option<Sid> {
        let of_upn = || {
            let extension = self.upn_dns_info()?.sam_name_and_sid.as_ref()?;
            Some(extension.sid)
        };
        self.logon_info()
            .and_then(LogonInfo::user_sid)
            .or_else(of_upn)
            .or(self.requestor_sid)
    }

    /// Every group, and every other SID of the client that counts for access (PAC-23).
    pub fn group_sids(&self) -> impl Iterator<Item = SidAndAttributes> {
        self.logon_info()
            .into_iter()
            .flat_map(LogonInfo::group_sids)
    }

    /// As a KDC, before a TGT is used: it was issued to the account that its client name finds now
    /// (PAC-27, security cases 73, 74).
    pub fn check_requestor(&self, account: &Sid) -> Result<(), PacError> {
        match self.requestor_sid {
            Some(sid) if sid == *account => Ok(()),
            pac => Err(PacError::Requestor {
                pac: pac.map(Box::new),
                account: Box::new(*account),
            }),
        }
    }
}

impl fmt::Debug for VerifiedPac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedPac")
            .field("checked", &self.checked)
            .field("client", &self.client_info.name)
            .field("user_sid", &self.user_sid())
            .field("types", &self.types().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl VerifiedPac {
    /// Every buffer with its offset.
    pub(super) fn entries_for_tests(&self) -> impl Iterator<Item = (BufferType, usize, &[u8])> {
        self.entries.iter().map(|entry| {
            let octets = &self.octets[entry.range.clone()];
            (entry.buffer_type, entry.range.start, octets)
        })
    }
}
