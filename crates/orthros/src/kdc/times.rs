//! From when, until when: the times of a new ticket (RFC 4120 §3.1.3, §3.3.3).

use std::time::Duration;

use super::{Policy, PrincipalEntry, Refused};
use crate::ap::OpenTicket;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{ErrorCode, KdcOptions, KdcReqBody, TicketFlags};

/// The times of a new ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) starttime: KerberosTime,
    pub(super) endtime: KerberosTime,
    /// The ticket is renewable if there is one.
    pub(super) renew_till: Option<KerberosTime>,
    /// The ticket starts later, and is invalid until it is validated (RFC 4120 §2.4).
    pub(super) postdated: bool,
}

/// `19700101000000Z` is "as long as policy allows" (MSG-17).
fn open_ended(time: KerberosTime) -> KerberosTime {
    match time {
        KerberosTime::EPOCH => KerberosTime::LAST,
        time => time,
    }
}

/// When the ticket starts, and whether that is later than now (KDC-15).
///
/// `postdatable` is whether everybody concerned allows it.
pub(super) fn start(
    body: &KdcReqBody<'_>,
    policy: &Policy,
    postdatable: bool,
    now: Timestamp,
) -> Result<(KerberosTime, bool), Refused> {
    let wanted = body.kdc_options.contains(KdcOptions::POSTDATED);
    match body.from {
        Some(from) if wanted && Timestamp::from(from) > now => {
            if postdatable {
                Ok((from, true))
            } else {
                Err(Refused::new(
                    ErrorCode::KDC_ERR_CANNOT_POSTDATE,
                    "the ticket may not be postdated",
                ))
            }
        }
        Some(from) if Timestamp::from(from) > now.plus(policy.clock_skew) => Err(Refused::new(
            ErrorCode::KDC_ERR_CANNOT_POSTDATE,
            format!("the ticket is to start at {from}, and POSTDATED is not asked for"),
        )),
        _ => Ok((now.time(), false)),
    }
}

/// The shortest of the realm's and the principals' limits.
fn limit(
    realm: Duration,
    principals: &[&PrincipalEntry],
    of: fn(&PrincipalEntry) -> Option<Duration>,
) -> Duration {
    principals
        .iter()
        .filter_map(|entry| of(entry))
        .fold(realm, Duration::min)
}

/// The end and the last renewal of a ticket that starts at `start`.
///
/// `not_after` bounds the end and `renewable` the renewals: those of the TGT, or nothing in the AS
/// exchange. `renewable` is `None` if no renewable ticket may be issued (KDC-15, KDC-23).
pub(super) fn end(
    body: &KdcReqBody<'_>,
    policy: &Policy,
    principals: &[&PrincipalEntry],
    start: KerberosTime,
    not_after: KerberosTime,
    renewable: Option<KerberosTime>,
) -> Result<(KerberosTime, Option<KerberosTime>), Refused> {
    let till = open_ended(body.till);
    let life = limit(policy.max_life, principals, |entry| entry.max_life);
    let endtime = till.min(not_after).min(start.plus(life));
    if endtime <= start {
        return Err(Refused::new(
            ErrorCode::KDC_ERR_NEVER_VALID,
            format!("the ticket would end at {endtime} and start at {start}"),
        ));
    }
    let options = body.kdc_options;
    let rtime = if options.contains(KdcOptions::RENEWABLE) {
        Some(open_ended(body.rtime.unwrap_or_default()))
    } else if options.contains(KdcOptions::RENEWABLE_OK) && endtime < till {
        // As long as was asked for, in several lives.
        Some(till)
    } else {
        None
    };
    let renew_till = rtime.zip(renewable).map(|(rtime, bound)| {
        let life = limit(policy.max_renewable_life, principals, |entry| {
            entry.max_renewable_life
        });
        rtime.min(bound).min(start.plus(life))
    });
    Ok((endtime, renew_till.filter(|till| *till > endtime)))
}

/// The times of a ticket from the AS exchange (KDC-15).
pub(super) fn initial(
    body: &KdcReqBody<'_>,
    policy: &Policy,
    client: &PrincipalEntry,
    server: &PrincipalEntry,
    now: Timestamp,
) -> Result<Times, Refused> {
    let both = [client, server];
    let postdatable = both.iter().all(|entry| entry.attributes.postdatable);
    let (starttime, postdated) = start(body, policy, postdatable, now)?;
    let wanted = open_ended(body.till).as_secs() - starttime.as_secs();
    if wanted < i64::try_from(policy.min_life.as_secs()).unwrap_or(i64::MAX) {
        return Err(Refused::new(
            ErrorCode::KDC_ERR_NEVER_VALID,
            format!("a life of {wanted} seconds is below the realm's minimum"),
        ));
    }
    let renewable = both
        .iter()
        .all(|entry| entry.attributes.renewable)
        .then_some(KerberosTime::LAST);
    let last = KerberosTime::LAST;
    let (endtime, renew_till) = end(body, policy, &both, starttime, last, renewable)?;
    Ok(Times {
        starttime,
        endtime,
        renew_till,
        postdated,
    })
}

/// What the principals' attributes allow.
#[derive(Clone, Copy)]
pub(super) struct May {
    pub(super) postdate: bool,
    pub(super) renew: bool,
}

/// The times of a ticket by a TGT (KDC-23).
pub(super) fn subsequent(
    body: &KdcReqBody<'_>,
    policy: &Policy,
    server: &PrincipalEntry,
    tgt: &OpenTicket,
    may: May,
    now: Timestamp,
) -> Result<Times, Refused> {
    let (starttime, postdated) = start(body, policy, may.postdate, now)?;
    let renewable = tgt
        .renew_till
        .filter(|_| may.renew && tgt.flags.contains(TicketFlags::RENEWABLE));
    let (endtime, renew_till) = end(body, policy, &[server], starttime, tgt.endtime, renewable)?;
    Ok(Times {
        starttime,
        endtime,
        renew_till,
        postdated,
    })
}

/// The times of a renewed ticket: as long a life as before (KDC-23).
pub(super) fn renewed(ticket: &OpenTicket, now: Timestamp) -> Result<Times, Refused> {
    let life = ticket.endtime.as_secs() - ticket.valid_from().as_secs();
    let life = Duration::from_secs(life.max(0).unsigned_abs());
    let starttime = now.time();
    let until = ticket.renew_till.unwrap_or(starttime);
    let endtime = until.min(starttime.plus(life));
    if endtime <= starttime {
        return Err(Refused::new(
            ErrorCode::KDC_ERR_NEVER_VALID,
            "nothing is left of the ticket's life",
        ));
    }
    Ok(Times {
        starttime,
        endtime,
        renew_till: ticket.renew_till,
        postdated: false,
    })
}

/// The times of a ticket that is validated.
pub(super) fn unchanged(ticket: &OpenTicket) -> Times {
    Times {
        starttime: ticket.valid_from(),
        endtime: ticket.endtime,
        renew_till: ticket.renew_till,
        postdated: false,
    }
}
