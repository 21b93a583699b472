//! Tickets that came again.
//!
//! A client brings the same ticket for hours, to a web service with every request. What a ticket
//! says is a function of its octets, of the service's keys and of the acceptor's policy, so what
//! was found out about one is true of the next that is equal to it, octet for octet:
//!
//! ```text
//! of the ticket, remembered     which key opened it, its contents, the derived keys of its session
//!                               key, its PAC, verified and read, and who else vouches for what
//! of the request, every time    the authenticator: its MAC, the client's name in it, its checksum
//!                               of now: clock, start and end of the ticket; the peer's address
//!                               the realms on the path, anonymous clients, the replay cache
//! ```
//!
//! The memory belongs to one [`Acceptor`](super::Acceptor), whose keys and policy never change, so
//! there is nothing in it that could become wrong: new keys are a new acceptor. Only a ticket of a
//! request that passed every check gets in, and only when it comes for the second time, so that
//! whoever comes once leaves nothing here and strangers cannot fill it. What it holds is bounded,
//! and wiped when it goes.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::ticket::OpenTicket;
use super::verify::Vouched;
use crate::crypto::Cipher;
use crate::time::KerberosTime;

/// How many tickets of one place of the table are remembered.
const WAYS: usize = 4;
/// A ticket that is longer is not remembered.
const LONGEST: usize = 8 << 10;
/// Of a ticket's octets so many are hashed, the last ones: its MAC, which is as good as random.
const HASHED: usize = 16;

/// What an acceptor remembers of tickets.
pub(super) struct RememberedTickets {
    /// Made when the first ticket came.
    table: OnceLock<Box<[Mutex<TicketSet>]>>,
    sets: usize,
    hasher: RandomState,
}

/// The tickets whose hashes fall together.
#[derive(Default)]
struct TicketSet {
    /// The last used one first.
    tickets: Vec<Arc<RememberedTicket>>,
    /// Hashes of tickets that came once, the youngest first.
    once: [u64; WAYS],
}

/// A ticket, and everything that follows from its octets.
pub(super) struct RememberedTicket {
    hash: u64,
    /// The Ticket, DER, as it came.
    octets: Box<[u8]>,
    pub(super) facts: Facts,
}

/// What follows from the octets of a ticket.
pub(super) struct Facts {
    pub(super) ticket: Arc<OpenTicket>,
    /// The place in the keytab and the version of the key.
    pub(super) key: Option<(usize, u32)>,
    pub(super) fallback: bool,
    pub(super) vouched: Vouched,
    /// Of the session key: what opens authenticators.
    pub(super) authenticator: Cipher,
    /// Of the session key: what seals AP-REPs.
    pub(super) reply: Cipher,
}

/// Whether a ticket came before.
pub(super) enum Sight {
    /// It is remembered.
    Known(Arc<RememberedTicket>),
    /// It may have come before: from now on it is to be remembered.
    Again(u64),
    /// It did not.
    First(u64),
    /// It is none to be remembered.
    Never,
}

impl RememberedTickets {
    /// A memory of about so many tickets; of none if there are to be 0.
    pub(super) fn new(tickets: usize) -> Self {
        Self {
            table: OnceLock::new(),
            sets: tickets.div_ceil(WAYS),
            hasher: RandomState::new(),
        }
    }

    fn set(&self, hash: u64) -> Option<MutexGuard<'_, TicketSet>> {
        let table = self.table.get_or_init(|| {
            let sets = (0..self.sets).map(|_| Mutex::default());
            sets.collect()
        });
        let at = usize::try_from(hash >> 32).unwrap_or_default();
        let set = table.get(at.checked_rem(self.sets)?)?;
        // A panic in another thread left nothing half done: a set is whole between two statements.
        Some(set.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for a Ticket, DER.
    pub(super) fn find(&self, ticket: &[u8]) -> Sight {
        if self.sets == 0 || ticket.len() > LONGEST {
            return Sight::Never;
        }
        let last = ticket.len().saturating_sub(HASHED);
        let hash = self.hasher.hash_one(ticket.get(last..));
        let Some(mut set) = self.set(hash) else {
            return Sight::Never;
        };
        let same = |known: &Arc<RememberedTicket>| known.hash == hash && *known.octets == *ticket;
        let found = set.tickets.iter().position(same);
        if let Some(front) = found.and_then(|at| set.tickets.get_mut(..=at)) {
            front.rotate_right(1);
            if let Some(known) = front.first() {
                return Sight::Known(Arc::clone(known));
            }
        }
        match set.once.contains(&hash) {
            true => Sight::Again(hash),
            false => Sight::First(hash),
        }
    }

    /// A ticket came for the first time, in a request that passed every check.
    pub(super) fn note(&self, hash: u64) {
        if let Some(mut set) = self.set(hash) {
            set.once.rotate_right(1);
            let [youngest, ..] = &mut set.once;
            *youngest = hash;
        }
    }

    /// A ticket came again, in a request that passed every check. It takes the place of one that
    /// has ended, or of the one that was used the longest ago.
    pub(super) fn remember(
        &self,
        hash: u64,
        ticket: &[u8],
        facts: Facts,
        now: KerberosTime,
    ) -> Arc<RememberedTicket> {
        let remembered = Arc::new(RememberedTicket {
            hash,
            octets: ticket.into(),
            facts,
        });
        if let Some(mut set) = self.set(hash) {
            // Another thread may have been as quick with the same ticket.
            set.tickets
                .retain(|old| old.hash != hash && old.facts.ticket.endtime >= now);
            set.tickets.truncate(WAYS - 1);
            set.tickets.insert(0, Arc::clone(&remembered));
        }
        remembered
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let sets = self.table.get().into_iter().flatten();
        sets.map(|set| set.lock().unwrap().tickets.len()).sum()
    }
}
