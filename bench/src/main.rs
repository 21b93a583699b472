//! What an exchange costs: Orthros beside MIT krb5 and the `krb5` crate, in one run on one core.

mod alloc;
mod bulk;
mod clock;
mod fleet;
mod peers;
mod pipe;
mod realm;
mod report;
mod rows;
mod shared;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::peers::Peer;
use crate::peers::krb5_crate::Krb5Crate;
use crate::peers::mit::{Library5, Mit};
use crate::peers::orthros::Orthros;
use crate::realm::{CLIENT, Realm};
use crate::report::{Cell, Measured, Report};
use crate::rows::{Row, Task, Tokens};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Measures what an exchange costs, beside MIT krb5 and the krb5 crate.
#[derive(Parser)]
#[command(name = "orthros-bench")]
struct Arguments {
    /// Rows to run: those whose name holds one of these texts. All if none is given.
    rows: Vec<String>,
    /// Few and short rounds: whether everything works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Print the names of the rows.
    #[arg(long)]
    list: bool,
    /// Measure what no row can: two threads, the memory of a replay cache, a replay cache on a
    /// server.
    #[arg(long, conflicts_with_all = ["rows", "json", "list", "profile"])]
    shared: bool,
    /// How many rounds there are.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Run one row alone, in a loop, for a profiler.
    #[arg(long, value_name = "ROW", conflicts_with_all = ["rows", "json", "list"])]
    profile: Option<String>,
    /// With --profile: for how many seconds.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "profile")]
    seconds: u64,
    /// With --profile: which library.
    #[arg(long, value_name = "NAME", requires = "profile")]
    library: Option<String>,
}

fn main() {
    let arguments = Arguments::parse();
    let rows: Vec<Row> = Row::all()
        .into_iter()
        .filter(|row| {
            let name = row.name();
            arguments.rows.is_empty() || arguments.rows.iter().any(|text| name.contains(text))
        })
        .collect();
    if arguments.list {
        for row in rows {
            println!("{}", row.name());
        }
        return;
    }
    alloc::keep_freed_memory();
    if arguments.shared {
        let (realm, rounds) = (Realm::new(), arguments.rounds.unwrap_or(11));
        shared::memory();
        shared::threads(&realm, rounds);
        fleet::report(&realm, rounds);
        return;
    }
    let core = clock::stay_on_one_core();
    let realm = Realm::new();
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(Orthros)];
    let mut not_run = Vec::new();
    // SAFETY: this program has one thread.
    match unsafe { Library5::load(&realm) } {
        Ok(library) => {
            peers.push(Box::new(Mit::with_files(library)));
            peers.push(Box::new(Mit::in_memory(library)));
        }
        Err(why) => not_run.push(("MIT krb5".to_owned(), why)),
    }
    peers.push(Box::new(Krb5Crate));

    if let Some(name) = &arguments.profile {
        profile(name, &arguments, &peers, &realm);
        return;
    }
    let rounds = arguments
        .rounds
        .unwrap_or(if arguments.quick { 3 } else { 11 });
    let mut checked = Vec::new();
    let mut measured = Vec::new();
    for row in rows {
        let case = (row.enctype(), row.pac(), row.asks_kdc());
        if !checked.contains(&case) {
            check(&peers, &realm, &row);
            checked.push(case);
        }
        progress(&row.name());
        measured.push(measure(&row, &peers, &realm, rounds, arguments.quick));
    }
    progress("");
    let report = Report {
        machine: machine(core, rounds),
        peers: peers.iter().map(|peer| peer.name().to_owned()).collect(),
        not_run,
        rows: measured,
    };
    match arguments.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.text()),
    }
}

/// What is being measured, where somebody watches.
fn progress(row: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{row:40}\r");
    }
}

/// That the work is done right. Of a KDC, that a client accepts its replies. Else every library's
/// initiator with every library's acceptor: each accepts the other's token and
/// reads the other's messages, both ways.
fn check(peers: &[Box<dyn Peer>], realm: &Realm, row: &Row) {
    if row.asks_kdc() {
        for peer in peers {
            if let Ok(mut kdc) = peer.kdc(realm)
                && let Err(why) = peers::kdc::check(kdc.as_mut())
            {
                panic!("the KDC of {}: {why}", peer.name());
            }
        }
        return;
    }
    for initiator in peers {
        for acceptor in peers {
            let pair = format!(
                "{} with {}, {}",
                initiator.name(),
                acceptor.name(),
                row.name()
            );
            if let Err(why) = check_pair(initiator.as_ref(), acceptor.as_ref(), realm, row) {
                panic!("{pair}: {why}");
            }
        }
    }
}

fn check_pair(
    initiator: &dyn Peer,
    acceptor: &dyn Peer,
    realm: &Realm,
    row: &Row,
) -> Result<(), String> {
    let case = realm.case(row.enctype(), row.pac());
    // A library that lacks one of the parts says so in the table.
    let (Ok(mut initiator), Ok(mut acceptor)) =
        (initiator.initiator(realm, case), acceptor.acceptor(realm))
    else {
        return Ok(());
    };
    let (token, started) = initiator.initiate();
    let mut accepted = acceptor.accept(&token)?;
    if accepted.client != CLIENT {
        return Err(format!("the client is taken for {}", accepted.client));
    }
    if !accepted.pac {
        return Err("the PAC was not verified".into());
    }
    if accepted
        .enctype
        .is_some_and(|enctype| enctype != row.enctype())
    {
        return Err("the context has a key of another enctype".into());
    }
    let mut context = started.finish(&accepted.reply)?;
    for message in [b"attack at dawn".as_slice(), &[0x5a; 70_000], b""] {
        if accepted.context.unwrap(&context.wrap(message))? != message {
            return Err("the acceptor reads another message".into());
        }
        if context.unwrap(&accepted.context.wrap(message))? != message {
            return Err("the initiator reads another message".into());
        }
        if let Ok((before, behind)) = context.room(message.len()) {
            let mut token = vec![0; before + message.len() + behind];
            token[before..before + message.len()].copy_from_slice(message);
            context.wrap_in_place(&mut token);
            if accepted.context.unwrap(&token)? != message {
                return Err("a token made in place is read as another message".into());
            }
            let mut token = accepted.context.wrap(message);
            let place = context.unwrap_in_place(&mut token)?;
            if token[place] != *message {
                return Err("a token read in place gives another message".into());
            }
        }
    }
    Ok(())
}

/// What the acceptors of a row are given.
fn tokens(peers: &[Box<dyn Peer>], realm: &Realm, row: &Row, count: usize) -> Vec<Vec<u8>> {
    let case = realm.case(row.enctype(), row.pac());
    match row.tokens() {
        // Of the first library that can make them.
        Tokens::OfOneTicket => {
            let mut initiator = peers
                .iter()
                .find_map(|peer| peer.initiator(realm, case).ok())
                .expect("some library initiates");
            (0..count).map(|_| initiator.initiate().0).collect()
        }
        Tokens::OfNewTickets => (0..count)
            .map(|_| peers::orthros::first_token(realm, case))
            .collect(),
        Tokens::Sealed => (0..count).map(|_| peers::orthros::sealed(64)).collect(),
    }
}

fn measure(
    row: &Row,
    peers: &[Box<dyn Peer>],
    realm: &Realm,
    rounds: usize,
    quick: bool,
) -> Measured {
    let batch = row.batch(quick);
    let mut tasks: Vec<Result<Task<'_>, String>> = peers
        .iter()
        .map(|peer| row.task(peer.as_ref(), realm))
        .collect();
    let mut times = vec![Vec::new(); peers.len()];
    let mut allocations = vec![None; peers.len()];
    // Round 0 warms up.
    for round in 0..=rounds {
        let tokens = match row.accepts() {
            true => tokens(peers, realm, row, batch),
            false => Vec::new(),
        };
        for (n, task) in tasks.iter_mut().enumerate() {
            let Ok(task) = task else { continue };
            let mut time = 0.0;
            let counted = alloc::counted(|| time = task.run(batch, &tokens));
            if round > 0 {
                times[n].push(time);
            }
            // Whoever takes tokens makes none meanwhile, and a stream's octets are there already.
            if (row.accepts() || row.streams()) && peers[n].allocates_here() {
                let each = |count: u64| count as f64 / batch as f64;
                allocations[n] = Some((each(counted.0), each(counted.1)));
            }
        }
    }
    let cells = tasks
        .into_iter()
        .zip(times)
        .map(|(task, times)| match task {
            Ok(_) => Cell::Rounds(times),
            Err(why) => Cell::None(why),
        })
        .collect();
    Measured {
        row: *row,
        cells,
        allocations,
    }
}

/// One row of one library in a loop.
fn profile(name: &str, arguments: &Arguments, peers: &[Box<dyn Peer>], realm: &Realm) {
    let fail = |what: &str| -> ! {
        eprintln!("{what}");
        std::process::exit(2);
    };
    let Some(row) = Row::all().into_iter().find(|row| row.name() == name) else {
        fail("there is no such row; --list prints them");
    };
    let library = arguments.library.as_deref();
    let Some(peer) = peers
        .iter()
        .find(|peer| library.is_none_or(|library| library == peer.name()))
    else {
        fail("there is no such library");
    };
    check(peers, realm, &row);
    let batch = row.batch(false);
    let mut task = match row.task(peer.as_ref(), realm) {
        Ok(task) => task,
        Err(why) => fail(&why),
    };
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut times = Vec::new();
    while Instant::now() < end {
        let tokens = match row.accepts() {
            true => tokens(peers, realm, &row, batch),
            false => Vec::new(),
        };
        times.push(task.run(batch, &tokens));
    }
    let rounds = times.len();
    if let Some(median) = Cell::Rounds(times).median() {
        let value = report::unit_of_profile(row.unit(), median);
        println!(
            "{}: {name}: {value}, {} operations",
            peer.name(),
            rounds * batch
        );
    }
}

fn machine(core: Option<usize>, rounds: usize) -> Vec<(&'static str, String)> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpuinfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == name)
            .map_or_else(
                || "unknown".to_owned(),
                |(_, value)| value.trim().to_owned(),
            )
    };
    let flags = field("flags");
    let has = |flag: &str| flags.split(' ').any(|f| f == flag);
    let processor = format!(
        "{} (family {} model {}){}{}",
        field("model name"),
        field("cpu family"),
        field("model"),
        if has("aes") { ", AES instructions" } else { "" },
        if has("sha_ni") {
            ", SHA instructions"
        } else {
            ""
        },
    );
    let core = core.map_or("not pinned".into(), |core| format!("core {core}"));
    vec![
        ("processor", processor),
        ("run", format!("{core}, median of {rounds} rounds")),
    ]
}
