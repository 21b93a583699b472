//! Making PACs, as a KDC.

use std::ops::Range;

use super::client_info::NameForm;
use super::{
    Attributes, BufferType, ClientInfo, DelegationInfo, DeviceInfo, LogonInfo, PacError, Sid,
    UpnDnsInfo, VerifiedPac, locate,
};
use crate::crypto::{ChecksumType, Mac};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::KerberosTime;
use crate::wire::EncTicketPart;

/// A PAC to be signed (PAC-29).
///
/// ```text
/// TGT              LOGON_INFO … CLIENT_INFO UPN_DNS_INFO ATTRIBUTES_INFO REQUESTOR_SID   6 7
/// service ticket   LOGON_INFO … CLIENT_INFO UPN_DNS_INFO                                 6 7 16 19
/// ```
#[derive(Clone, Debug)]
pub struct PacBuilder {
    buffers: Vec<(BufferType, Vec<u8>)>,
}

impl PacBuilder {
    /// A PAC with CLIENT_INFO (PAC-18). `client` and `authtime` are those of the ticket.
    pub fn new(client: &Principal, authtime: KerberosTime) -> Result<Self, PacError> {
        Self::with_client(client, NameForm::WithoutRealm, authtime)
    }

    /// A PAC for a TGT of cross-realm S4U2self, whose CLIENT_INFO has the realm.
    pub fn s4u2self(client: &Principal, authtime: KerberosTime) -> Result<Self, PacError> {
        Self::with_client(client, NameForm::WithRealm, authtime)
    }

    fn with_client(
        client: &Principal,
        form: NameForm,
        authtime: KerberosTime,
    ) -> Result<Self, PacError> {
        let info = ClientInfo::new(client, form, authtime).to_bytes()?;
        Ok(Self {
            buffers: vec![(BufferType::CLIENT_INFO, info)],
        })
    }

    /// The PAC of a TGT, or of evidence, for another ticket: all its buffers but the signatures and
    /// those that only TGTs have (ATTRIBUTES_INFO, REQUESTOR_SID). It is signed anew (PAC-05).
    pub fn reissue(verified: &VerifiedPac) -> Self {
        let buffers = verified.buffers().filter(|(buffer, _)| {
            !buffer.is_signature()
                && !matches!(
                    *buffer,
                    BufferType::ATTRIBUTES_INFO | BufferType::REQUESTOR_SID
                )
        });
        let mut builder = Self {
            buffers: Vec::new(),
        };
        for (buffer, octets) in buffers {
            builder.buffers.push((buffer, octets.to_vec()));
        }
        builder.order();
        builder
    }

    /// With LOGON_INFO.
    pub fn logon_info(self, info: &LogonInfo) -> Result<Self, PacError> {
        Ok(self.set(BufferType::LOGON_INFO, info.to_bytes()?))
    }

    /// With UPN_DNS_INFO.
    pub fn upn_dns_info(self, info: &UpnDnsInfo) -> Result<Self, PacError> {
        Ok(self.set(BufferType::UPN_DNS_INFO, info.to_bytes()?))
    }

    /// With S4U_DELEGATION_INFO.
    pub fn delegation_info(self, info: &DelegationInfo) -> Result<Self, PacError> {
        Ok(self.set(BufferType::S4U_DELEGATION_INFO, info.to_bytes()?))
    }

    /// With DEVICE_INFO.
    pub fn device_info(self, info: &DeviceInfo) -> Result<Self, PacError> {
        Ok(self.set(BufferType::DEVICE_INFO, info.to_bytes()?))
    }

    /// With ATTRIBUTES_INFO, for a TGT (PAC-26).
    #[must_use]
    pub fn attributes(self, attributes: Attributes) -> Self {
        self.set(BufferType::ATTRIBUTES_INFO, attributes.to_bytes())
    }

    /// With REQUESTOR_SID, for a TGT (PAC-27).
    #[must_use]
    pub fn requestor_sid(self, sid: &Sid) -> Self {
        self.set(BufferType::REQUESTOR_SID, sid.to_bytes())
    }

    /// With any other buffer, replacing one of that type. Signatures are made by signing only.
    pub fn buffer(self, buffer: BufferType, octets: Vec<u8>) -> Result<Self, PacError> {
        if buffer.is_signature() {
            return Err(PacError::Unencodable {
                buffer,
                why: "a signature is not set",
            });
        }
        Ok(self.set(buffer, octets))
    }

    /// Without a buffer.
    #[must_use]
    pub fn without(mut self, buffer: BufferType) -> Self {
        self.buffers.retain(|(of, _)| *of != buffer);
        self
    }

    fn set(mut self, buffer: BufferType, octets: Vec<u8>) -> Self {
        self = self.without(buffer);
        self.buffers.push((buffer, octets));
        self.order();
        self
    }

    /// The order that domain controllers use; it has no meaning (PAC-05).
    fn order(&mut self) {
        self.buffers.sort_by_key(|(buffer, _)| match *buffer {
            BufferType::CLIENT_INFO => 101,
            BufferType::UPN_DNS_INFO => 102,
            BufferType::ATTRIBUTES_INFO => 103,
            BufferType::REQUESTOR_SID => 104,
            known if known.name().is_some() => known.0,
            _ => 105,
        });
    }

    /// The DER of `part` with this PAC in it, signed: with ticket and full signature unless
    /// `server` is a ticket-granting service or `kadmin/changepw` (PAC-14).
    ///
    /// `server_mac` is the [`NON_KERB_CKSUM`](crate::crypto::KeyUsage::NON_KERB_CKSUM) checksum of
    /// the key that will encrypt the ticket, `krbtgt` that of the realm's own key. Nothing of
    /// `part` may change afterwards.
    pub fn seal(
        self,
        part: &EncTicketPart<'_>,
        server: &Principal,
        server_mac: &Mac,
        krbtgt: &Mac,
    ) -> Result<Secret, PacError> {
        let pac = if is_service(server) {
            // PAC-12: one zero octet stands for the PAC.
            let ticket = locate::attach(part, &[0])?;
            self.sign_service_ticket(server_mac, krbtgt, ticket.expose())?
        } else {
            self.sign_tgt(server_mac, krbtgt)?
        };
        locate::attach(part, &pac)
    }

    /// The PAC with the signatures of server and KDC.
    pub fn sign_tgt(self, server: &Mac, krbtgt: &Mac) -> Result<Vec<u8>, PacError> {
        let layout = Layout::new(&self.buffers, server, krbtgt, false)?;
        Ok(layout.sign(server, krbtgt))
    }

    /// The PAC with all four signatures. `ticket` is DER(EncTicketPart) in which one zero octet
    /// stands for the PAC (PAC-12).
    pub fn sign_service_ticket(
        self,
        server: &Mac,
        krbtgt: &Mac,
        ticket: &[u8],
    ) -> Result<Vec<u8>, PacError> {
        let mut layout = Layout::new(&self.buffers, server, krbtgt, true)?;
        // PAC-13: the ticket signature first; the server and full signatures cover it.
        let signature = krbtgt.checksum(&[ticket]);
        layout.put(BufferType::TICKET_CHECKSUM, &signature);
        Ok(layout.sign(server, krbtgt))
    }
}

/// PAC-14.
fn is_service(server: &Principal) -> bool {
    !server.is_krbtgt() && !server.components().eq(["kadmin", "changepw"])
}

/// The PAC with the octets of all signatures zero, and where they are.
struct Layout {
    octets: Vec<u8>,
    signatures: Vec<(BufferType, Range<usize>)>,
}

impl Layout {
    /// Buffers at multiples of 8, padded with zeros that their sizes do not count; the signatures
    /// come last, so that the last buffer is not empty (PAC-06).
    fn new(
        buffers: &[(BufferType, Vec<u8>)],
        server: &Mac,
        krbtgt: &Mac,
        all: bool,
    ) -> Result<Self, PacError> {
        let four = [
            (BufferType::SERVER_CHECKSUM, server),
            (BufferType::KDC_CHECKSUM, krbtgt),
            (BufferType::TICKET_CHECKSUM, krbtgt),
            (BufferType::FULL_CHECKSUM, krbtgt),
        ];
        let signatures = four.into_iter().take(if all { 4 } else { 2 });
        let blank: Vec<_> = signatures
            .map(|(buffer, mac)| (buffer, blank(mac.checksum_type(), mac.len())))
            .collect();
        let all = || buffers.iter().chain(&blank);
        let too_much = |buffer| PacError::Unencodable {
            buffer,
            why: "over 4 GiB",
        };
        let count = all().count();
        let mut octets = Vec::new();
        let mut body = Vec::new();
        let start = 8 + 16 * count;
        octets.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        octets.extend([0; 4]);
        let mut places = Vec::new();
        for (buffer, contents) in all() {
            let size = u32::try_from(contents.len()).map_err(|_| too_much(*buffer))?;
            let offset = start + body.len();
            octets.extend(buffer.0.to_le_bytes());
            octets.extend(size.to_le_bytes());
            octets.extend((offset as u64).to_le_bytes());
            body.extend_from_slice(contents);
            body.resize(body.len().next_multiple_of(8), 0);
            if buffer.is_signature() {
                places.push((*buffer, offset + 4..offset + contents.len()));
            }
        }
        octets.extend(body);
        Ok(Self {
            octets,
            signatures: places,
        })
    }

    fn put(&mut self, buffer: BufferType, signature: &[u8]) {
        let place = self.signatures.iter().find(|(of, _)| *of == buffer);
        if let Some(octets) = place.and_then(|(_, range)| self.octets.get_mut(range.clone()))
            && octets.len() == signature.len()
        {
            octets.copy_from_slice(signature);
        }
    }

    /// PAC-13: the full signature while 6, 7 and 19 are zero, then the server's, which covers it,
    /// then the KDC's over the server's.
    fn sign(mut self, server: &Mac, krbtgt: &Mac) -> Vec<u8> {
        let full = krbtgt.checksum(&[&self.octets]);
        self.put(BufferType::FULL_CHECKSUM, &full);
        let signature = server.checksum(&[&self.octets]);
        self.put(BufferType::SERVER_CHECKSUM, &signature);
        self.put(BufferType::KDC_CHECKSUM, &krbtgt.checksum(&[&signature]));
        self.octets
    }
}

/// A signature buffer with its type and no signature yet.
fn blank(signature_type: ChecksumType, len: usize) -> Vec<u8> {
    let mut buffer = signature_type.0.to_le_bytes().to_vec();
    buffer.resize(4 + len, 0);
    buffer
}
