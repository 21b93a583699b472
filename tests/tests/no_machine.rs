//! A caller who passes every value has nothing looked up for him: neither files nor the environment
//! (FILE-36).
//!
//! The test runs itself under a tracer of system calls, in an environment that leads everywhere. What
//! is between two marks must not touch a file, a socket or another process.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use orthros::ap::{self, AcceptorConfig, Accepts, MemoryReplayCache, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::client::{AsExchange, TgsExchange};
use orthros::gss::{Acceptor, Initiator, Protection};
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::keytab::Keytab;
use orthros::local_name::LocalNames;
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting, Step};
use orthros::time::Timestamp;
use orthros_tests::mit::{program_or_not_run, text};

/// Set in the run that is traced.
const TRACED: &str = "ORTHROS_TRACED";
/// Files that are not there: to ask for them is a mark in the trace.
const BEGIN: &str = "/nonexistent/orthros-begin";
const END: &str = "/nonexistent/orthros-end";

/// What leads to files, of this project's and of MIT krb5's.
const VARIABLES: [&str; 12] = [
    "KRB5_CONFIG",
    "KRB5CCNAME",
    "KRB5_KTNAME",
    "KRB5_CLIENT_KTNAME",
    "KRB5RCACHENAME",
    "KRB5RCACHETYPE",
    "KRB5RCACHEDIR",
    "KRB5_TRACE",
    "KRB5_KDC_PROFILE",
    "GSS_MECH_CONFIG",
    "SSPI_KDC_URL",
    "TMPDIR",
];

fn run<N: Awaiting>(kdc: &EmbeddedKdc, mut ask: Ask<N, N::Output>, now: Timestamp) -> N::Output {
    loop {
        match ask {
            Ask::Done(output) => return output,
            Ask::Send { request, next, .. } => {
                let answer = kdc.answer(&request, now).expect("an answer");
                ask = next.reply(&answer, now).expect("a good answer");
            }
        }
    }
}

/// From a password to a message, every value given.
fn everything(now: Timestamp) {
    let name = |text: &str| Principal::parse(text, Some("A.TEST")).expect("a name");
    let kdc = EmbeddedKdc::new("A.TEST", Policy::default(), Arc::new(OsRandom)).expect("a KDC");
    let (alice, web) = (name("alice"), name("HTTP/web.a.test"));
    let password = || Secret::from("correct horse");
    kdc.add_user(alice.clone(), &password()).expect("a user");
    kdc.add_service(web.clone()).expect("a service");
    let exchange = AsExchange::with_password(alice.clone(), password());
    let tgt = run(&kdc, exchange.start(now).expect("an AS-REQ"), now).credentials;
    let exchange = TgsExchange::new(&tgt, web.clone());
    let ticket = run(&kdc, exchange.start(now).expect("a TGS-REQ"), now).credentials;
    // Files as octets.
    let keytab = kdc.keytab_for(&web, now).expect("its keys").to_bytes();
    let keytab = Keytab::parse(keytab.expose(), "FILE:/etc/krb5.keytab").expect("a keytab");
    let cache = CredentialCache::with_credentials(&ticket).to_bytes();
    let cache = cache.expect("octets");
    CredentialCache::parse(cache.expose(), "FILE:/tmp/krb5cc_0").expect("a cache");
    let keys = Arc::new(ServiceKeys::from(&keytab));
    let config = AcceptorConfig::new(keys, Accepts::Service(web))
        .replay_cache(Arc::new(MemoryReplayCache::new()));
    let acceptor = Acceptor::new(ap::Acceptor::new(config));
    let step = Initiator::new(ticket).request(now).expect("a token");
    let Step::Continue { token, next } = step else {
        panic!("mutual authentication is asked for");
    };
    let step = acceptor.clone().accept(&token, now).expect("accepted");
    let Step::Established {
        token: Some(reply),
        context: mut theirs,
    } = step
    else {
        panic!("established");
    };
    let Ok(Step::Established {
        context: mut ours, ..
    }) = next.reply(&reply, now)
    else {
        panic!("established");
    };
    let sealed = ours
        .wrap(Protection::Confidentiality, b"hello")
        .expect("sealed");
    let heard = theirs
        .unwrap(&sealed)
        .and_then(|message| message.complete());
    assert_eq!(heard.expect("opened"), b"hello");
    let local = LocalNames::new("A.TEST").map(&alice);
    assert_eq!(local.as_deref(), Ok("alice"));
    // What is refused looks nothing up either, and neither does its explanation.
    let refusal = acceptor.accept(&token, now).expect_err("seen before");
    assert_eq!(refusal.error.protocol_code().0, 34);
    assert!(!refusal.error.explain().render().is_empty());
}

#[test]
fn file_36_a_caller_who_gives_every_value() {
    if std::env::var_os(TRACED).is_some() {
        let now = Timestamp::from(SystemTime::now());
        // What is done once in a process: the features of the processor are asked for.
        everything(now);
        let _ = fs::metadata(BEGIN);
        everything(now);
        let _ = fs::metadata(END);
        return;
    }
    let test = "a library that looks nothing up";
    let Some(strace) = program_or_not_run(test, "strace") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let trace = directory.path().join("trace");
    let mut command = Command::new(strace);
    command
        .args([
            "-f",
            "-e",
            "trace=%file,%network,%process,read,openat",
            "-o",
        ])
        .arg(&trace)
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "file_36_a_caller_who_gives_every_value",
            "--test-threads=1",
        ])
        .env(TRACED, "1");
    for variable in VARIABLES {
        command.env(
            variable,
            format!("/nonexistent/{}", variable.to_lowercase()),
        );
    }
    let output = command.output().expect("strace runs");
    let said = text(&output);
    if said.contains("Operation not permitted") && !trace.exists() {
        println!("not run: {test}: tracing is not permitted here");
        return;
    }
    assert!(output.status.success(), "{said}");
    let trace = fs::read_to_string(trace).expect("a trace");
    let (_, behind) = trace.split_once(BEGIN).expect("the first mark");
    let (between, _) = behind.split_once(END).expect("the second mark");
    // The rest of the line of the first mark, and the beginning of that of the second.
    let mut calls: Vec<&str> = between.lines().skip(1).collect();
    calls.pop();
    assert!(calls.is_empty(), "{}", calls.join("\n"));
    for variable in VARIABLES {
        let path = format!("/nonexistent/{}", variable.to_lowercase());
        assert!(!trace.contains(&path), "{path} was looked for");
    }
}
