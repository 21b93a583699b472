//! DEVICE_INFO: the computer that a compound identity was used from (MS-PAC 2.12).

use super::error::Fault;
use super::logon_info::{
    DomainGroupMembership, GroupMembership, SidAndAttributes, read_domain, read_domain_groups,
    read_groups, read_sids, write_domain, write_groups, write_sids,
};
use super::ndr::{Reader, Writer};
use super::{BufferType, PacError, Sid};

/// ```text
/// typedef struct _PAC_DEVICE_INFO {
///     ULONG UserId, PrimaryGroupId;
///     PISID AccountDomainId;
///     ULONG AccountGroupCount;
///     [size_is(AccountGroupCount)] PGROUP_MEMBERSHIP AccountGroupIds;
///     ULONG SidCount;
///     [size_is(SidCount)] PKERB_SID_AND_ATTRIBUTES ExtraSids;
///     ULONG DomainGroupCount;
///     [size_is(DomainGroupCount)] PDOMAIN_GROUP_MEMBERSHIP DomainGroup;
/// } PAC_DEVICE_INFO;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the structure above")]
pub struct DeviceInfo {
    pub user_id: u32,
    pub primary_group_id: u32,
    pub account_domain_id: Sid,
    pub account_group_ids: Vec<GroupMembership>,
    pub extra_sids: Vec<SidAndAttributes>,
    pub domain_groups: Vec<DomainGroupMembership>,
}

impl DeviceInfo {
    /// AccountDomainId-UserId.
    pub fn device_sid(&self) -> Option<Sid> {
        self.account_domain_id.with_rid(self.user_id)
    }

    pub(super) fn parse(buffer: &[u8]) -> Result<Self, Fault> {
        let mut ndr = Reader::new(buffer)?;
        ndr.pointer_to_one()?;
        let (user_id, primary_group_id) = (ndr.u32()?, ndr.u32()?);
        ndr.pointer_to_one()?;
        let (group_count, groups) = (ndr.u32()?, ndr.pointer()?);
        let (sid_count, sids) = (ndr.u32()?, ndr.pointer()?);
        let (domain_count, domains) = (ndr.u32()?, ndr.pointer()?);
        Ok(Self {
            user_id,
            primary_group_id,
            account_domain_id: read_domain(&mut ndr)?,
            account_group_ids: read_groups(&mut ndr, groups, group_count)?,
            extra_sids: read_sids(&mut ndr, sids, sid_count)?,
            domain_groups: read_domains(&mut ndr, domains, domain_count)?,
        })
    }

    /// The buffer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PacError> {
        self.write().map_err(|why| PacError::Unencodable {
            buffer: BufferType::DEVICE_INFO,
            why,
        })
    }

    fn write(&self) -> Result<Vec<u8>, &'static str> {
        let mut ndr = Writer::new();
        ndr.pointer(true);
        ndr.u32(self.user_id);
        ndr.u32(self.primary_group_id);
        ndr.pointer(true);
        ndr.count(self.account_group_ids.len())?;
        ndr.pointer(!self.account_group_ids.is_empty());
        ndr.count(self.extra_sids.len())?;
        ndr.pointer(!self.extra_sids.is_empty());
        ndr.count(self.domain_groups.len())?;
        ndr.pointer(!self.domain_groups.is_empty());

        write_domain(&mut ndr, &self.account_domain_id)?;
        write_groups(&mut ndr, &self.account_group_ids)?;
        write_sids(&mut ndr, &self.extra_sids)?;
        if !self.domain_groups.is_empty() {
            ndr.count(self.domain_groups.len())?;
            for domain in &self.domain_groups {
                ndr.pointer(true);
                ndr.count(domain.group_ids.len())?;
                ndr.pointer(!domain.group_ids.is_empty());
            }
            for domain in &self.domain_groups {
                write_domain(&mut ndr, &domain.domain_id)?;
                write_groups(&mut ndr, &domain.group_ids)?;
            }
        }
        ndr.finish()
    }
}

fn read_domains(
    ndr: &mut Reader<'_>,
    present: bool,
    count: u32,
) -> Result<Vec<DomainGroupMembership>, Fault> {
    // Two pointers and a count, and behind them at least 12 octets of SID.
    let count = ndr.conformance(present, count, 24)?;
    let mut fixed = Vec::with_capacity(count);
    for _ in 0..count {
        ndr.pointer_to_one()?;
        fixed.push((ndr.u32()?, ndr.pointer()?));
    }
    fixed
        .into_iter()
        .filter_map(|(count, groups)| read_domain_groups(ndr, true, groups, count).transpose())
        .collect()
}
