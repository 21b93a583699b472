//! S4U_DELEGATION_INFO: the services a ticket was delegated through (MS-PAC 2.9).

use super::error::Fault;
use super::ndr::{Reader, Writer};
use super::{BufferType, PacError};

/// ```text
/// typedef struct _S4U_DELEGATION_INFO {
///     RPC_UNICODE_STRING S4U2proxyTarget;
///     ULONG TransitedListSize;
///     [size_is(TransitedListSize)] PRPC_UNICODE_STRING S4UTransitedServices;
/// } S4U_DELEGATION_INFO;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationInfo {
    /// The service that the ticket is for.
    pub s4u2proxy_target: String,
    /// The services that acted for the client, in the order of delegation.
    pub s4u_transited_services: Vec<String>,
}

impl DelegationInfo {
    pub(super) fn parse(buffer: &[u8]) -> Result<Self, Fault> {
        let mut ndr = Reader::new(buffer)?;
        ndr.pointer_to_one()?;
        let target = ndr.unicode_string()?;
        let (count, services) = (ndr.u32()?, ndr.pointer()?);
        Ok(Self {
            s4u2proxy_target: ndr.characters(target)?,
            s4u_transited_services: {
                let count = ndr.conformance(services, count, 8)?;
                let mut strings = Vec::with_capacity(count);
                for _ in 0..count {
                    strings.push(ndr.unicode_string()?);
                }
                strings
                    .into_iter()
                    .map(|string| ndr.characters(string))
                    .collect::<Result<_, _>>()?
            },
        })
    }

    /// The buffer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PacError> {
        self.write().map_err(|why| PacError::Unencodable {
            buffer: BufferType::S4U_DELEGATION_INFO,
            why,
        })
    }

    fn write(&self) -> Result<Vec<u8>, &'static str> {
        let mut ndr = Writer::new();
        ndr.pointer(true);
        let target = ndr.unicode_string(&self.s4u2proxy_target, 0)?;
        ndr.count(self.s4u_transited_services.len())?;
        ndr.pointer(!self.s4u_transited_services.is_empty());
        ndr.characters(&target)?;
        if !self.s4u_transited_services.is_empty() {
            ndr.count(self.s4u_transited_services.len())?;
            let mut strings = Vec::with_capacity(self.s4u_transited_services.len());
            for service in &self.s4u_transited_services {
                strings.push(ndr.unicode_string(service, 0)?);
            }
            for string in &strings {
                ndr.characters(string)?;
            }
        }
        ndr.finish()
    }
}
