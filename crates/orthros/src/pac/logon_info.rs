//! LOGON_INFO: KERB_VALIDATION_INFO (MS-PAC 2.5).

use std::fmt;

use zeroize::Zeroize;

use super::error::Fault;
use super::ndr::{Reader, Writer};
use super::{BufferType, FileTime, PacError, Sid};

/// A group of the domain that stands beside it (MS-PAC 2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// The group's relative identifier.
    pub relative_id: u32,
    /// SE_GROUP_MANDATORY 1, SE_GROUP_ENABLED_BY_DEFAULT 2, SE_GROUP_ENABLED 4,
    /// SE_GROUP_RESOURCE 0x20000000.
    pub attributes: u32,
}

/// A group, or another SID of the user (MS-PAC 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidAndAttributes {
    /// The whole SID.
    pub sid: Sid,
    /// As in [`GroupMembership`].
    pub attributes: u32,
}

/// Groups of one domain (MS-PAC 2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainGroupMembership {
    /// The domain.
    pub domain_id: Sid,
    /// Its groups.
    pub group_ids: Vec<GroupMembership>,
}

/// UserFlags of [`LogonInfo`].
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct UserFlags(pub u32);

impl UserFlags {
    /// ExtraSids are valid (PAC-23).
    pub const EXTRA_SIDS: Self = Self(0x20);
    /// The resource groups are valid (PAC-23).
    pub const RESOURCE_GROUPS: Self = Self(0x200);

    /// Whether every flag of `other` is set in `self`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `self` without the flags of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for UserFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A key that NTLM logons carry here and Kerberos logons leave zero; wiped, never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserSessionKey([u8; 16]);

impl UserSessionKey {
    /// The octets themselves. The name is long so that a reader of the calling code notices.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Drop for UserSessionKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for UserSessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

/// Who the client is to its domain: names, groups, account data (PAC-22).
///
/// ```text
/// typedef struct _KERB_VALIDATION_INFO {
///     FILETIME LogonTime, LogoffTime, KickOffTime;
///     FILETIME PasswordLastSet, PasswordCanChange, PasswordMustChange;
///     RPC_UNICODE_STRING EffectiveName, FullName, LogonScript;
///     RPC_UNICODE_STRING ProfilePath, HomeDirectory, HomeDirectoryDrive;
///     USHORT LogonCount, BadPasswordCount;
///     ULONG UserId, PrimaryGroupId, GroupCount;
///     [size_is(GroupCount)] PGROUP_MEMBERSHIP GroupIds;
///     ULONG UserFlags;
///     USER_SESSION_KEY UserSessionKey;
///     RPC_UNICODE_STRING LogonServer, LogonDomainName;
///     PISID LogonDomainId;
///     ULONG Reserved1[2], UserAccountControl, SubAuthStatus;
///     FILETIME LastSuccessfulILogon, LastFailedILogon;
///     ULONG FailedILogonCount, Reserved3, SidCount;
///     [size_is(SidCount)] PKERB_SID_AND_ATTRIBUTES ExtraSids;
///     PISID ResourceGroupDomainSid;
///     ULONG ResourceGroupCount;
///     [size_is(ResourceGroupCount)] PGROUP_MEMBERSHIP ResourceGroupIds;
/// } KERB_VALIDATION_INFO;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the structure above")]
pub struct LogonInfo {
    pub logon_time: FileTime,
    pub logoff_time: FileTime,
    pub kick_off_time: FileTime,
    pub password_last_set: FileTime,
    pub password_can_change: FileTime,
    pub password_must_change: FileTime,
    pub effective_name: String,
    pub full_name: String,
    pub logon_script: String,
    pub profile_path: String,
    pub home_directory: String,
    pub home_directory_drive: String,
    pub logon_count: u16,
    pub bad_password_count: u16,
    pub user_id: u32,
    pub primary_group_id: u32,
    pub group_ids: Vec<GroupMembership>,
    pub user_flags: UserFlags,
    pub user_session_key: UserSessionKey,
    pub logon_server: String,
    pub logon_domain_name: String,
    pub logon_domain_id: Sid,
    pub user_account_control: u32,
    pub sub_auth_status: u32,
    pub last_successful_ilogon: FileTime,
    pub last_failed_ilogon: FileTime,
    pub failed_ilogon_count: u32,
    /// Without meaning unless [`UserFlags::EXTRA_SIDS`] is set.
    pub extra_sids: Vec<SidAndAttributes>,
    /// Without meaning unless [`UserFlags::RESOURCE_GROUPS`] is set.
    pub resource_groups: Option<DomainGroupMembership>,
}

impl LogonInfo {
    /// An account `effective_name`, `domain-user_id`, whose primary group is `primary_group_id`
    /// and that is a member of it; no other groups, times "not set" and "never".
    pub fn new(
        effective_name: &str,
        domain_name: &str,
        domain: Sid,
        user_id: u32,
        primary_group_id: u32,
    ) -> Self {
        Self {
            logon_time: FileTime::UNSET,
            logoff_time: FileTime::NEVER,
            kick_off_time: FileTime::NEVER,
            password_last_set: FileTime::UNSET,
            password_can_change: FileTime::UNSET,
            password_must_change: FileTime::NEVER,
            effective_name: effective_name.to_owned(),
            full_name: String::new(),
            logon_script: String::new(),
            profile_path: String::new(),
            home_directory: String::new(),
            home_directory_drive: String::new(),
            logon_count: 0,
            bad_password_count: 0,
            user_id,
            primary_group_id,
            group_ids: vec![GroupMembership {
                relative_id: primary_group_id,
                attributes: 7,
            }],
            user_flags: UserFlags::default(),
            user_session_key: UserSessionKey::default(),
            logon_server: String::new(),
            logon_domain_name: domain_name.to_owned(),
            logon_domain_id: domain,
            // USER_NORMAL_ACCOUNT
            user_account_control: 0x10,
            sub_auth_status: 0,
            last_successful_ilogon: FileTime::UNSET,
            last_failed_ilogon: FileTime::UNSET,
            failed_ilogon_count: 0,
            extra_sids: Vec::new(),
            resource_groups: None,
        }
    }

    /// LogonDomainId-UserId. An account outside of the domain has UserId 0 and is the first of the
    /// extra SIDs (MS-PAC 2.5).
    pub fn user_sid(&self) -> Option<Sid> {
        match self.user_id {
            0 => self.valid_extra_sids().first().map(|extra| extra.sid),
            rid => self.logon_domain_id.with_rid(rid),
        }
    }

    /// Every group, and every other SID that counts for access: LogonDomainId-rid of GroupIds,
    /// ExtraSids if their flag is set, the resource groups if theirs is (PAC-23).
    pub fn group_sids(&self) -> impl Iterator<Item = SidAndAttributes> {
        let resource = self
            .resource_groups
            .as_ref()
            .filter(|_| self.user_flags.contains(UserFlags::RESOURCE_GROUPS));
        in_domain(&self.logon_domain_id, &self.group_ids)
            .chain(self.valid_extra_sids().iter().copied())
            .chain(
                resource
                    .into_iter()
                    .flat_map(|groups| in_domain(&groups.domain_id, &groups.group_ids)),
            )
    }

    fn valid_extra_sids(&self) -> &[SidAndAttributes] {
        if self.user_flags.contains(UserFlags::EXTRA_SIDS) {
            &self.extra_sids
        } else {
            &[]
        }
    }

    pub(super) fn parse(buffer: &[u8]) -> Result<Self, Fault> {
        let mut ndr = Reader::new(buffer)?;
        ndr.pointer_to_one()?;
        let mut time = || Ok::<_, Fault>(FileTime(ndr.filetime()?));
        let (logon_time, logoff_time, kick_off_time) = (time()?, time()?, time()?);
        let (password_last_set, password_can_change) = (time()?, time()?);
        let password_must_change = time()?;
        let effective_name = ndr.unicode_string()?;
        let full_name = ndr.unicode_string()?;
        let logon_script = ndr.unicode_string()?;
        let profile_path = ndr.unicode_string()?;
        let home_directory = ndr.unicode_string()?;
        let home_directory_drive = ndr.unicode_string()?;
        let (logon_count, bad_password_count) = (ndr.u16()?, ndr.u16()?);
        let (user_id, primary_group_id) = (ndr.u32()?, ndr.u32()?);
        let (group_count, groups) = (ndr.u32()?, ndr.pointer()?);
        let user_flags = UserFlags(ndr.u32()?);
        let user_session_key = UserSessionKey(read_key(&mut ndr)?);
        let logon_server = ndr.unicode_string()?;
        let logon_domain_name = ndr.unicode_string()?;
        ndr.pointer_to_one()?;
        // Reserved1
        ndr.octets(8)?;
        let (user_account_control, sub_auth_status) = (ndr.u32()?, ndr.u32()?);
        let last_successful_ilogon = FileTime(ndr.filetime()?);
        let last_failed_ilogon = FileTime(ndr.filetime()?);
        let failed_ilogon_count = ndr.u32()?;
        // Reserved3
        ndr.u32()?;
        let (sid_count, extra) = (ndr.u32()?, ndr.pointer()?);
        let resource_domain = ndr.pointer()?;
        let (resource_count, resource) = (ndr.u32()?, ndr.pointer()?);

        // Struct expressions evaluate their fields in the order written, which is the order of the
        // deferred pointers.
        Ok(Self {
            logon_time,
            logoff_time,
            kick_off_time,
            password_last_set,
            password_can_change,
            password_must_change,
            effective_name: ndr.characters(effective_name)?,
            full_name: ndr.characters(full_name)?,
            logon_script: ndr.characters(logon_script)?,
            profile_path: ndr.characters(profile_path)?,
            home_directory: ndr.characters(home_directory)?,
            home_directory_drive: ndr.characters(home_directory_drive)?,
            logon_count,
            bad_password_count,
            user_id,
            primary_group_id,
            group_ids: read_groups(&mut ndr, groups, group_count)?,
            user_flags,
            user_session_key,
            logon_server: ndr.characters(logon_server)?,
            logon_domain_name: ndr.characters(logon_domain_name)?,
            logon_domain_id: read_domain(&mut ndr)?,
            user_account_control,
            sub_auth_status,
            last_successful_ilogon,
            last_failed_ilogon,
            failed_ilogon_count,
            extra_sids: read_sids(&mut ndr, extra, sid_count)?,
            resource_groups: read_domain_groups(
                &mut ndr,
                resource_domain,
                resource,
                resource_count,
            )?,
        })
    }

    /// The buffer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PacError> {
        self.write().map_err(|why| PacError::Unencodable {
            buffer: BufferType::LOGON_INFO,
            why,
        })
    }

    fn write(&self) -> Result<Vec<u8>, &'static str> {
        let mut ndr = Writer::new();
        ndr.pointer(true);
        for time in [
            self.logon_time,
            self.logoff_time,
            self.kick_off_time,
            self.password_last_set,
            self.password_can_change,
            self.password_must_change,
        ] {
            ndr.filetime(time.0);
        }
        let names = [
            &self.effective_name,
            &self.full_name,
            &self.logon_script,
            &self.profile_path,
            &self.home_directory,
            &self.home_directory_drive,
        ];
        let mut strings = Vec::with_capacity(names.len());
        for name in names {
            strings.push(ndr.unicode_string(name, 0)?);
        }
        ndr.u16(self.logon_count);
        ndr.u16(self.bad_password_count);
        ndr.u32(self.user_id);
        ndr.u32(self.primary_group_id);
        ndr.count(self.group_ids.len())?;
        ndr.pointer(!self.group_ids.is_empty());
        ndr.u32(self.user_flags.0);
        ndr.octets(self.user_session_key.expose());
        // Domain controllers leave room for a NUL in these two.
        let logon_server = ndr.unicode_string(&self.logon_server, 2)?;
        let logon_domain_name = ndr.unicode_string(&self.logon_domain_name, 2)?;
        ndr.pointer(true);
        ndr.octets(&[0; 8]);
        ndr.u32(self.user_account_control);
        ndr.u32(self.sub_auth_status);
        ndr.filetime(self.last_successful_ilogon.0);
        ndr.filetime(self.last_failed_ilogon.0);
        ndr.u32(self.failed_ilogon_count);
        ndr.u32(0);
        ndr.count(self.extra_sids.len())?;
        ndr.pointer(!self.extra_sids.is_empty());
        let resource: &[GroupMembership] = match &self.resource_groups {
            Some(groups) => &groups.group_ids,
            None => &[],
        };
        ndr.pointer(self.resource_groups.is_some());
        ndr.count(resource.len())?;
        ndr.pointer(!resource.is_empty());

        for string in &strings {
            ndr.characters(string)?;
        }
        write_groups(&mut ndr, &self.group_ids)?;
        ndr.characters(&logon_server)?;
        ndr.characters(&logon_domain_name)?;
        write_domain(&mut ndr, &self.logon_domain_id)?;
        write_sids(&mut ndr, &self.extra_sids)?;
        if let Some(groups) = &self.resource_groups {
            write_domain(&mut ndr, &groups.domain_id)?;
        }
        write_groups(&mut ndr, resource)?;
        ndr.finish()
    }
}

fn in_domain(domain: &Sid, groups: &[GroupMembership]) -> impl Iterator<Item = SidAndAttributes> {
    groups.iter().filter_map(|group| {
        Some(SidAndAttributes {
            sid: domain.with_rid(group.relative_id)?,
            attributes: group.attributes,
        })
    })
}

fn read_key(ndr: &mut Reader<'_>) -> Result<[u8; 16], Fault> {
    let fault = ndr.fault("the NDR object ends early");
    ndr.octets(16)?.try_into().map_err(|_| fault)
}

/// A domain's SID, to which a relative identifier can be added.
pub(super) fn read_domain(ndr: &mut Reader<'_>) -> Result<Sid, Fault> {
    let fault = ndr.fault("a domain's SID without room for a relative identifier");
    let sid = ndr.sid()?;
    if sid.with_rid(0).is_some() {
        Ok(sid)
    } else {
        Err(fault)
    }
}

/// An array of GROUP_MEMBERSHIP.
pub(super) fn read_groups(
    ndr: &mut Reader<'_>,
    present: bool,
    count: u32,
) -> Result<Vec<GroupMembership>, Fault> {
    let count = ndr.conformance(present, count, 8)?;
    let (groups, _) = ndr.octets(count * 8)?.as_chunks::<8>();
    Ok(groups
        .iter()
        .map(|[r0, r1, r2, r3, a0, a1, a2, a3]| GroupMembership {
            relative_id: u32::from_le_bytes([*r0, *r1, *r2, *r3]),
            attributes: u32::from_le_bytes([*a0, *a1, *a2, *a3]),
        })
        .collect())
}

/// An array of KERB_SID_AND_ATTRIBUTES: pointers and attributes first, then the SIDs.
pub(super) fn read_sids(
    ndr: &mut Reader<'_>,
    present: bool,
    count: u32,
) -> Result<Vec<SidAndAttributes>, Fault> {
    // Each has a pointer, its attributes, and behind them at least 12 octets of SID.
    let count = ndr.conformance(present, count, 20)?;
    let mut attributes = Vec::with_capacity(count);
    for _ in 0..count {
        ndr.pointer_to_one()?;
        attributes.push(ndr.u32()?);
    }
    attributes
        .into_iter()
        .map(|attributes| {
            Ok(SidAndAttributes {
                sid: ndr.sid()?,
                attributes,
            })
        })
        .collect()
}

/// A pointer to a domain's SID and an array of its groups; no domain is possible only without
/// groups.
pub(super) fn read_domain_groups(
    ndr: &mut Reader<'_>,
    domain: bool,
    present: bool,
    count: u32,
) -> Result<Option<DomainGroupMembership>, Fault> {
    if domain {
        Ok(Some(DomainGroupMembership {
            domain_id: read_domain(ndr)?,
            group_ids: read_groups(ndr, present, count)?,
        }))
    } else if read_groups(ndr, present, count)?.is_empty() {
        Ok(None)
    } else {
        Err(ndr.fault("groups of no domain"))
    }
}

pub(super) fn write_domain(ndr: &mut Writer, domain: &Sid) -> Result<(), &'static str> {
    if domain.with_rid(0).is_none() {
        return Err("a domain's SID without room for a relative identifier");
    }
    ndr.sid(domain)
}

pub(super) fn write_groups(
    ndr: &mut Writer,
    groups: &[GroupMembership],
) -> Result<(), &'static str> {
    if groups.is_empty() {
        return Ok(());
    }
    ndr.count(groups.len())?;
    for group in groups {
        ndr.u32(group.relative_id);
        ndr.u32(group.attributes);
    }
    Ok(())
}

pub(super) fn write_sids(ndr: &mut Writer, sids: &[SidAndAttributes]) -> Result<(), &'static str> {
    if sids.is_empty() {
        return Ok(());
    }
    ndr.count(sids.len())?;
    for extra in sids {
        ndr.pointer(true);
        ndr.u32(extra.attributes);
    }
    sids.iter().try_for_each(|extra| ndr.sid(&extra.sid))
}
