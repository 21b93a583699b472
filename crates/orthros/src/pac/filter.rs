//! What a KDC lets in over a trust (MS-PAC 4.1.2.2).

use super::{BufferType, LogonInfo, PacBuilder, PacError, Sid, VerifiedPac};

/// The domains that a trust covers: only their SIDs pass (PAC-28).
///
/// This is the strictest of the boundaries of MS-PAC 4.1.2.2, "QuarantinedExternal". SIDs of the
/// own realm, of other realms and well-known ones are dropped, and so is what a KDC would have to
/// transform before it could vouch for it: claims and the client's computer.
#[derive(Clone, Debug)]
pub struct SidFilter {
    domains: Vec<Sid>,
}

/// A PAC that passed a [`SidFilter`].
#[derive(Clone, Debug)]
pub struct Filtered {
    /// To be signed with the keys of the own realm.
    pub builder: PacBuilder,
    /// The SIDs that were dropped.
    pub dropped: Vec<Sid>,
}

impl SidFilter {
    /// A trust that covers `domains`.
    pub fn new(domains: impl IntoIterator<Item = Sid>) -> Self {
        Self {
            domains: domains.into_iter().collect(),
        }
    }

    /// What of a PAC from over the trust goes into tickets of the own realm.
    ///
    /// A user of a domain that the trust does not cover is refused altogether; there would be
    /// nothing left to say about it.
    pub fn apply(&self, verified: &VerifiedPac) -> Result<Filtered, PacError> {
        let mut dropped = Vec::new();
        let mut builder = PacBuilder::reissue(verified)
            .without(BufferType::CLIENT_CLAIMS_INFO)
            .without(BufferType::DEVICE_INFO)
            .without(BufferType::DEVICE_CLAIMS_INFO)
            .without(BufferType::CREDENTIALS_INFO);
        if let Some(info) = verified.logon_info() {
            builder = builder.logon_info(&self.logon_info(info, &mut dropped)?)?;
        }
        if let Some(extension) = verified
            .upn_dns_info()
            .and_then(|info| info.sam_name_and_sid.as_ref())
        {
            self.covers(&extension.sid)?;
        }
        if let Some(sid) = verified.requestor_sid() {
            self.covers(&sid)?;
        }
        // A type that is not known may name anybody.
        for buffer in verified.types().filter(|buffer| buffer.name().is_none()) {
            builder = builder.without(buffer);
        }
        Ok(Filtered { builder, dropped })
    }

    fn logon_info(&self, info: &LogonInfo, dropped: &mut Vec<Sid>) -> Result<LogonInfo, PacError> {
        let domain = info.logon_domain_id;
        if !self.domains.contains(&domain) {
            return Err(PacError::Foreign { domain });
        }
        // The extra SID that names the user must not be dropped: the next one would take its place.
        if let Some(sid) = info.user_sid() {
            self.covers(&sid)?;
        }
        let mut info = info.clone();
        info.extra_sids.retain(|extra| {
            let passes = self.domains.iter().any(|domain| extra.sid.is_in(domain));
            if !passes {
                dropped.push(extra.sid);
            }
            passes
        });
        if let Some(groups) = info
            .resource_groups
            .take_if(|groups| !self.domains.contains(&groups.domain_id))
        {
            let sids = groups.group_ids.iter();
            dropped.extend(sids.filter_map(|group| groups.domain_id.with_rid(group.relative_id)));
        }
        Ok(info)
    }

    fn covers(&self, sid: &Sid) -> Result<(), PacError> {
        if self.domains.iter().any(|domain| sid.is_in(domain)) {
            Ok(())
        } else {
            Err(PacError::Foreign {
                domain: sid.domain_and_rid().map_or(*sid, |(domain, _)| domain),
            })
        }
    }
}
