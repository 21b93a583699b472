//! The rows: what is measured.

use std::time::Duration;

use orthros::crypto::Enctype;

use crate::bulk::{self, Bulk};
use crate::clock;
use crate::peers::{Acceptor, Context, Initiator, Kdc, Peer, Reason, ReplayFile, kdc};
use crate::realm::{ENCTYPES, PacKind, Realm};

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    work: Work,
    enctype: Enctype,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// An AP-REQ in its GSS token verified, recorded in the replay cache, and answered.
    Accept(PacKind),
    /// The same, where each AP-REQ brings a ticket that no acceptor has seen.
    AcceptNew(PacKind),
    /// The same, with MIT krb5's replay cache in a file.
    AcceptFile2,
    /// A request tested for in and inserted into MIT krb5's replay cache in a file.
    File2,
    /// An AP-REQ in its GSS token made from a ticket that is at hand.
    Initiate,
    /// Wrap with confidentiality of a message of so many octets.
    Wrap(usize),
    /// Unwrap of such a message.
    Unwrap(usize),
    /// The same where the message lies.
    WrapInPlace(usize),
    /// The same where the token lies.
    UnwrapInPlace(usize),
    /// An AS-REQ with an encrypted timestamp answered with a TGT.
    AsExchange,
    /// A TGS-REQ answered with a service ticket.
    TgsExchange,
    /// Many messages.
    Bulk(Bulk),
}

/// What a number of a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Operations in a second of processor time.
    PerSecond,
    /// Microseconds of processor time for one operation.
    Microseconds,
    /// Megabytes (a million octets) in a second of processor time.
    Megabytes(usize),
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::PerSecond => "1/s",
            Unit::Microseconds => "µs",
            Unit::Megabytes(_) => "MB/s",
        }
    }

    /// The number for so many nanoseconds an operation.
    pub fn of(self, nanoseconds: f64) -> f64 {
        match self {
            Unit::PerSecond => 1e9 / nanoseconds,
            Unit::Microseconds => nanoseconds / 1e3,
            Unit::Megabytes(octets) => octets as f64 * 1e3 / nanoseconds,
        }
    }
}

const SIZES: [(usize, &str); 4] = [
    (64, "64"),
    (1 << 10, "1KiB"),
    (16 << 10, "16KiB"),
    (1 << 20, "1MiB"),
];

impl Row {
    /// Every row, in the order in which they are printed.
    pub fn all() -> Vec<Row> {
        let mut rows = Vec::new();
        let mut each = |work| rows.extend(ENCTYPES.map(|enctype| Row { work, enctype }));
        for pac in PacKind::ALL {
            each(Work::Accept(pac));
        }
        for pac in PacKind::ALL {
            each(Work::AcceptNew(pac));
        }
        each(Work::Initiate);
        for (size, _) in SIZES {
            each(Work::Wrap(size));
        }
        for (size, _) in &SIZES[1..] {
            each(Work::Unwrap(*size));
        }
        each(Work::WrapInPlace(16 << 10));
        each(Work::UnwrapInPlace(16 << 10));
        for bulk in Bulk::ALL {
            each(Work::Bulk(bulk));
        }
        let single = [
            Work::AcceptFile2,
            Work::File2,
            Work::AsExchange,
            Work::TgsExchange,
        ];
        rows.extend(single.map(|work| Row {
            work,
            enctype: Enctype::AES256_CTS_HMAC_SHA1_96,
        }));
        rows
    }

    /// The name by which it is selected.
    pub fn name(&self) -> String {
        let size = |octets| {
            SIZES
                .iter()
                .find(|(size, _)| *size == octets)
                .map_or("", |(_, name)| name)
        };
        let number = self.enctype.0;
        match self.work {
            Work::Accept(pac) => format!("accept/{number}/{}", pac.name()),
            Work::AcceptNew(pac) => format!("accept-new/{number}/{}", pac.name()),
            Work::AcceptFile2 => format!("accept-file2/{number}"),
            Work::File2 => "file2".to_owned(),
            Work::Initiate => format!("initiate/{number}"),
            Work::Wrap(octets) => format!("wrap/{number}/{}", size(octets)),
            Work::Unwrap(octets) => format!("unwrap/{number}/{}", size(octets)),
            Work::WrapInPlace(octets) => format!("wrap-in-place/{number}/{}", size(octets)),
            Work::UnwrapInPlace(octets) => format!("unwrap-in-place/{number}/{}", size(octets)),
            Work::AsExchange => format!("as/{number}"),
            Work::TgsExchange => format!("tgs/{number}"),
            Work::Bulk(bulk) => bulk.name(self.enctype),
        }
    }

    pub fn unit(&self) -> Unit {
        match self.work {
            Work::Accept(_)
            | Work::AcceptNew(_)
            | Work::AcceptFile2
            | Work::File2
            | Work::Initiate
            | Work::AsExchange
            | Work::TgsExchange => Unit::PerSecond,
            Work::Wrap(64) => Unit::Microseconds,
            Work::Wrap(octets)
            | Work::Unwrap(octets)
            | Work::WrapInPlace(octets)
            | Work::UnwrapInPlace(octets) => Unit::Megabytes(octets),
            Work::Bulk(bulk) => Unit::Megabytes(bulk.octets()),
        }
    }

    pub fn enctype(&self) -> Enctype {
        self.enctype
    }

    /// The PAC of the tickets it uses.
    pub fn pac(&self) -> PacKind {
        match self.work {
            Work::Accept(pac) | Work::AcceptNew(pac) => pac,
            _ => PacKind::Minimal,
        }
    }

    /// Whether it is an exchange with a KDC.
    pub fn asks_kdc(&self) -> bool {
        matches!(self.work, Work::AsExchange | Work::TgsExchange)
    }

    /// Whether it takes tokens.
    pub fn accepts(&self) -> bool {
        matches!(
            self.work,
            Work::Accept(_) | Work::AcceptNew(_) | Work::AcceptFile2 | Work::File2
        )
    }

    /// Where the tokens come from that every library takes.
    pub fn tokens(&self) -> Tokens {
        match self.work {
            Work::AcceptNew(_) => Tokens::OfNewTickets,
            Work::File2 => Tokens::Sealed,
            _ => Tokens::OfOneTicket,
        }
    }

    /// Whether it is a stream.
    pub fn streams(&self) -> bool {
        matches!(self.work, Work::Bulk(Bulk::Stream))
    }

    /// How many operations make one round.
    pub fn batch(&self, quick: bool) -> usize {
        let few = if quick { 5 } else { 1 };
        match self.work {
            Work::Accept(_)
            | Work::AcceptNew(_)
            | Work::AcceptFile2
            | Work::File2
            | Work::Initiate => 1_000 / few,
            Work::AsExchange | Work::TgsExchange => 500 / few,
            Work::Wrap(octets)
            | Work::Unwrap(octets)
            | Work::WrapInPlace(octets)
            | Work::UnwrapInPlace(octets) => ((8 << 20) / octets).clamp(10, 2_000) / few,
            Work::Bulk(bulk) => bulk.batch(quick),
        }
    }

    /// The work as one library does it.
    pub fn task<'a>(&self, peer: &'a dyn Peer, realm: &'a Realm) -> Result<Task<'a>, Reason> {
        let case = realm.case(self.enctype, self.pac());
        Ok(match self.work {
            Work::Accept(_) | Work::AcceptNew(_) => Task::Accept(peer.acceptor(realm)?),
            Work::AcceptFile2 => Task::Accept(peer.acceptor_with_file2(realm)?),
            Work::File2 => Task::Remember(peer.file2(realm)?),
            Work::Initiate => Task::Initiate(peer.initiator(realm, case)?),
            Work::Wrap(octets) => {
                let (initiator, _) = establish(peer, peer, realm, self)?;
                Task::Wrap(initiator, vec![0x5a; octets])
            }
            Work::Unwrap(octets) => {
                let (initiator, acceptor) = establish(peer, peer, realm, self)?;
                Task::Unwrap(initiator, acceptor, vec![0x5a; octets])
            }
            Work::WrapInPlace(octets) => {
                let (mut initiator, _) = establish(peer, peer, realm, self)?;
                let (before, behind) = initiator.room(octets)?;
                Task::WrapInPlace(initiator, vec![0x5a; before + octets + behind])
            }
            Work::UnwrapInPlace(octets) => {
                let (initiator, mut acceptor) = establish(peer, peer, realm, self)?;
                acceptor.room(octets)?;
                Task::UnwrapInPlace(initiator, acceptor, vec![0x5a; octets])
            }
            Work::AsExchange => Task::Kdc(peer.kdc(realm)?, kdc::as_requests),
            Work::TgsExchange => Task::Kdc(peer.kdc(realm)?, kdc::tgs_requests),
            Work::Bulk(bulk) => Task::Bulk(bulk.task(establish(peer, peer, realm, self)?)?),
        })
    }
}

/// What an acceptor is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Tokens with one ticket, each with an authenticator of its own.
    OfOneTicket,
    /// Tokens each with a ticket and an authenticator of its own.
    OfNewTickets,
    /// Not tokens, but cipher texts as those of authenticators.
    Sealed,
}

/// The initiator's and the acceptor's end of a context.
type Ends = (Box<dyn Context>, Box<dyn Context>);

/// Both ends of a context, each from its own library.
fn establish(
    initiator: &dyn Peer,
    acceptor: &dyn Peer,
    realm: &Realm,
    row: &Row,
) -> Result<Ends, String> {
    let case = realm.case(row.enctype, row.pac());
    let (token, started) = initiator.initiator(realm, case)?.initiate();
    let accepted = acceptor.acceptor(realm)?.accept(&token)?;
    Ok((started.finish(&accepted.reply)?, accepted.context))
}

/// Set-up work of one library.
pub enum Task<'a> {
    Accept(Box<dyn Acceptor + 'a>),
    Remember(Box<dyn ReplayFile + 'a>),
    Initiate(Box<dyn Initiator + 'a>),
    Wrap(Box<dyn Context>, Vec<u8>),
    Unwrap(Box<dyn Context>, Box<dyn Context>, Vec<u8>),
    WrapInPlace(Box<dyn Context>, Vec<u8>),
    UnwrapInPlace(Box<dyn Context>, Box<dyn Context>, Vec<u8>),
    Kdc(Box<dyn Kdc + 'a>, fn(&mut dyn Kdc, usize) -> Vec<Vec<u8>>),
    Bulk(bulk::Task),
}

impl Task<'_> {
    /// Does the work `count` times; the nanoseconds of processor time for one. An acceptor takes
    /// `tokens`, of which there are `count`.
    pub fn run(&mut self, count: usize, tokens: &[Vec<u8>]) -> f64 {
        let mut input = match self {
            Task::Unwrap(initiator, _, message) | Task::UnwrapInPlace(initiator, _, message) => {
                (0..count).map(|_| initiator.wrap(message)).collect()
            }
            Task::Kdc(kdc, requests) => requests(kdc.as_mut(), count),
            Task::Bulk(task) => task.input(count),
            _ => Vec::new(),
        };
        let before = self.cpu_time();
        self.profiled(count, tokens, &mut input);
        let spent = self.cpu_time() - before;
        spent.as_nanos() as f64 / count as f64
    }

    fn cpu_time(&self) -> Duration {
        match self {
            Task::Kdc(kdc, _) => kdc.cpu_time(),
            _ => clock::process_cpu_time(),
        }
    }

    /// What is measured, and nothing else: the function for a profiler to look below.
    #[inline(never)]
    fn profiled(&mut self, count: usize, tokens: &[Vec<u8>], input: &mut [Vec<u8>]) {
        match self {
            Task::Accept(acceptor) => acceptor.accept_all(tokens),
            Task::Remember(file) => file.remember_all(tokens),
            Task::Initiate(initiator) => initiator.initiate_all(count),
            Task::Wrap(context, message) => context.wrap_all(message, count),
            Task::Unwrap(_, acceptor, _) => acceptor.unwrap_all(input),
            Task::WrapInPlace(context, token) => context.wrap_in_place_all(token, count),
            Task::UnwrapInPlace(_, acceptor, _) => acceptor.unwrap_in_place_all(input),
            Task::Kdc(kdc, _) => kdc.answer_all(input),
            Task::Bulk(task) => task.run(count, input),
        }
    }
}
