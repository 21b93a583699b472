//! What happened, step by step, for people and for programs.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use orthros::cause::Explanation;
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, KeyUsage};
use orthros::error::{Error, PeerError, Rejection};
use orthros::gss::{ContextInfo, token};
use orthros::principal::Principal;
use orthros::time::Timestamp;
use orthros::wire::{ApRep, ApReq, EncApRepPart, KrbError, Message, Ticket};
use serde_json::{Map, Value, json};

use super::breakage::Breakage;
use super::client::{GREETING, Outcome, Talk};
use super::service::{Conversation, Seen};
use super::stage::Scene;

/// Who takes part.
pub(super) struct Cast {
    pub(super) realm: String,
    pub(super) kdc: SocketAddr,
    pub(super) service: Principal,
    pub(super) service_address: SocketAddr,
    pub(super) client: Principal,
    pub(super) credentials: Credentials,
}

/// One step of the exchange.
struct Step {
    number: u8,
    who: &'static str,
    what: String,
    octets: Option<usize>,
    facts: Vec<(&'static str, Value)>,
}

/// Who refused, and what each of the two says.
struct Failure {
    step: u8,
    by: &'static str,
    server: Option<Explanation>,
    client: Option<Explanation>,
}

/// The whole exchange.
pub(super) struct Report {
    cast: Cast,
    broken: Option<Breakage>,
    steps: Vec<Step>,
    failure: Option<Failure>,
    pub(super) elapsed: Duration,
}

impl Report {
    /// Puts together what client and service saw.
    pub(super) fn new(scene: Scene, broken: Option<Breakage>) -> Self {
        let Scene {
            cast,
            side,
            seen,
            again,
            now,
        } = scene;
        let mut steps = vec![request(&cast, &side.sent, now)];
        let failure = match (&side.outcome, &seen) {
            (Outcome::Talked(talk), Seen::Accepted(conversation)) => {
                steps.extend(accepted(&cast, &side.sent, talk, conversation));
                None
            }
            (outcome, Seen::Refused(error)) => {
                let step = step_of(error);
                if step > 2 {
                    steps.push(opened(&cast));
                }
                if again.is_some() {
                    steps.insert(0, first_time(&side.sent));
                }
                Some(Failure {
                    step,
                    by: "server",
                    server: Some(error.explain()),
                    client: match (again, outcome) {
                        (Some(answer), _) => told(&answer, now).map(|e| e.explain()),
                        (None, Outcome::Failed(error)) => Some(error.explain()),
                        (None, _) => None,
                    },
                })
            }
            (Outcome::Failed(error), _) => {
                steps.push(Step {
                    number: 5,
                    who: "server → client",
                    what: "an answer".to_owned(),
                    octets: None,
                    facts: Vec::new(),
                });
                Some(Failure {
                    step: 6,
                    by: "client",
                    server: None,
                    client: Some(error.explain()),
                })
            }
            _ => Some(Failure {
                step: 6,
                by: "client",
                server: None,
                client: None,
            }),
        };
        Self {
            cast,
            broken,
            steps,
            failure,
            elapsed: Duration::ZERO,
        }
    }

    /// Whether somebody was refused.
    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }
}

/// At which step a server stops.
fn step_of(error: &Error) -> u8 {
    use Rejection::*;
    match error {
        Error::Rejected(rejection) => match &**rejection {
            AuthenticatorModified { .. }
            | ClientMismatch { .. }
            | Address { .. }
            | Skew { .. }
            | NotYetValid { .. }
            | InvalidFlag { .. }
            | Expired { .. }
            | ChannelBindings { .. }
            | GssChecksum { .. }
            | Replay { .. } => 3,
            _ => 2,
        },
        _ => 2,
    }
}

/// What a KRB-ERROR tells the one who gets it.
fn told(answer: &[u8], now: Timestamp) -> Option<Error> {
    let (_, message) = token::unframe(answer).ok()?;
    let error = KrbError::from_bytes(message).ok()?;
    Some(Error::Peer(Box::new(PeerError::new(&error, now))))
}

fn first_time(sent: &[u8]) -> Step {
    Step {
        number: 0,
        who: "before",
        what: "the same request was sent and accepted once".to_owned(),
        octets: Some(sent.len()),
        facts: Vec::new(),
    }
}

fn request(cast: &Cast, sent: &[u8], now: Timestamp) -> Step {
    let credentials = &cast.credentials;
    let mut facts = Vec::new();
    let mut what = "KRB_AP_REQ";
    let decoded = token::unframe(sent)
        .ok()
        .and_then(|(_, message)| ApReq::from_bytes(message).ok());
    let ticket = decoded
        .as_ref()
        .and_then(|request| Ticket::from_bytes(request.ticket.as_bytes()).ok());
    if let (Some(request), Some(ticket)) = (&decoded, &ticket) {
        let server = Principal::from_wire(&ticket.realm, &ticket.sname);
        facts.push((
            "ticket",
            json!(format!(
                "{}  {}{}  {} octets, {}",
                server.map_or_else(|_| "?".to_owned(), |p| p.to_string()),
                ticket
                    .enc_part
                    .kvno
                    .map_or(String::new(), |k| format!("kvno {}  ", k.0)),
                Enctype(ticket.enc_part.etype),
                request.ticket.as_bytes().len(),
                lifetime(credentials, now),
            )),
        ));
        facts.push((
            "authenticator",
            json!(format!(
                "{} octets, sealed with the {} session key the KDC issued",
                request.authenticator.cipher.as_bytes().len(),
                credentials.session_key.enctype(),
            )),
        ));
        let options: Vec<_> = request.ap_options.names().collect();
        facts.push(("options", json!(options.join(" "))));
    } else {
        what = "a token";
        let kind = orthros::cause::recognise(sent).unwrap_or("not a Kerberos message");
        facts.push(("content", json!(kind)));
    }
    Step {
        number: 1,
        who: "client → server",
        what: what.to_owned(),
        octets: Some(sent.len()),
        facts,
    }
}

fn lifetime(credentials: &Credentials, now: Timestamp) -> String {
    let left = Timestamp::from(credentials.endtime).micros_since(now) / 1_000_000;
    match left {
        ..=0 => "expired".to_owned(),
        left if left >= 3600 * 48 => format!("expires in {} days", left / 86_400),
        left if left >= 3600 => format!("expires in {} h {} min", left / 3600, left % 3600 / 60),
        left => format!("expires in {} min", left / 60),
    }
}

/// Of a refusal after the ticket was opened.
fn opened(cast: &Cast) -> Step {
    Step {
        number: 2,
        who: "server",
        what: "ticket decrypted with its keytab".to_owned(),
        octets: None,
        facts: vec![("session key", json!(fingerprint(&cast.credentials)))],
    }
}

fn fingerprint(credentials: &Credentials) -> String {
    let key = &credentials.session_key;
    format!("{}, fingerprint {}", key.enctype(), key.fingerprint())
}

fn accepted(cast: &Cast, sent: &[u8], talk: &Talk, conversation: &Conversation) -> Vec<Step> {
    let info = conversation.context.info();
    let Some(peer) = info.peer.as_ref() else {
        return Vec::new();
    };
    let entry = peer.keytab_entry().unwrap_or_default();
    let mut facts = vec![("user", json!(peer.client().to_string()))];
    if let Some(pac) = peer.pac() {
        let user = pac
            .user_sid()
            .map_or_else(|| "no SID".to_owned(), |sid| sid.to_string());
        let groups: Vec<String> = pac
            .group_sids()
            .map(|group| group.sid.to_string())
            .collect();
        facts.push((
            "authorization",
            json!(format!(
                "PAC: {user}, {} groups (server signature verified)",
                groups.len()
            )),
        ));
        facts.push(("groups", json!(groups.join(" "))));
    }
    facts.push(("session key", json!(fingerprint(&cast.credentials))));
    let decrypted = Step {
        number: 2,
        who: "server",
        what: format!("ticket decrypted with keytab entry #{entry}"),
        octets: None,
        facts,
    };
    let offset = peer.clock_offset();
    let judged = Step {
        number: 3,
        who: "server",
        what: format!(
            "authenticator opened; clock offset {:+.6} s (limit ±300 s); not seen before",
            offset as f64 / 1e6
        ),
        octets: None,
        facts: vec![(
            "client time",
            json!(conversation.now.offset(offset).to_string()),
        )],
    };
    let mutual = Step {
        number: 4,
        who: "server",
        what: "mutual authentication requested: yes".to_owned(),
        octets: None,
        facts: Vec::new(),
    };
    let answer = Step {
        number: 5,
        who: "server → client",
        what: "KRB_AP_REP".to_owned(),
        octets: Some(conversation.reply),
        facts: Vec::new(),
    };
    let returned = returned_time(cast, &talk.answer);
    let mut facts = vec![("session", json!(session(&talk.info)))];
    facts.push((
        "→",
        json!(format!("{GREETING:?}  (sealed, {} octets)", talk.sealed)),
    ));
    facts.push(("←", json!(format!("{:?}  (sealed)   ok", talk.heard))));
    debug_assert_eq!(conversation.message, GREETING);
    let proven = Step {
        number: 6,
        who: "client",
        what: match (returned, sent_time(cast, sent)) {
            (Some(returned), Some(sent)) if returned == sent => {
                format!("server returned our time stamp {returned} → server is genuine")
            }
            _ => "server is genuine".to_owned(),
        },
        octets: None,
        facts,
    };
    vec![decrypted, judged, mutual, answer, proven]
}

/// The time in the authenticator, opened with the session key as the server does.
fn sent_time(cast: &Cast, sent: &[u8]) -> Option<Timestamp> {
    let (_, message) = token::unframe(sent).ok()?;
    let request = ApReq::from_bytes(message).ok()?;
    let octets = cast
        .credentials
        .session_key
        .decrypt(
            KeyUsage::AP_REQ_AUTHENTICATOR,
            request.authenticator.cipher.as_bytes(),
        )
        .ok()?;
    let part = orthros::wire::Authenticator::from_bytes(&octets).ok()?;
    Some(Timestamp::new(part.ctime, part.cusec.get()))
}

/// The time in the AP-REP, opened with the session key as the client does.
fn returned_time(cast: &Cast, answer: &[u8]) -> Option<Timestamp> {
    let (_, message) = token::unframe(answer).ok()?;
    let reply = ApRep::from_bytes(message).ok()?;
    let key = &cast.credentials.session_key;
    let octets = key
        .decrypt(KeyUsage::AP_REP, reply.enc_part.cipher.as_bytes())
        .ok()?;
    let part = EncApRepPart::from_bytes(&octets).ok()?;
    Some(Timestamp::new(part.ctime, part.cusec.get()))
}

fn session(info: &ContextInfo) -> String {
    let from = match (&info.keys.acceptor_subkey, &info.keys.initiator_subkey) {
        (Some(_), _) => "subkey from server",
        (None, Some(_)) => "subkey from client",
        (None, None) => "session key of the ticket",
    };
    format!(
        "GSS wrap, privacy, {} {from}, first numbers {} → and ← {}",
        info.keys.in_force().enctype(),
        info.keys.initiator_seq,
        info.keys.acceptor_seq
    )
}

// Text

impl Report {
    ///
    /// `orthros` is how the reader can run this program again.
    pub(super) fn to_text(&self, orthros: &str) -> String {
        let mut out = String::new();
        self.write_text(orthros, &mut out).unwrap_or_default();
        out
    }

    fn write_text(&self, orthros: &str, out: &mut String) -> std::fmt::Result {
        let cast = &self.cast;
        writeln!(
            out,
            "realm {}  kdc {} (udp+tcp)  service {} at {}  client {}",
            cast.realm,
            cast.kdc,
            cast.service.name(),
            cast.service_address,
            cast.client
        )?;
        if let Some(broken) = self.broken {
            writeln!(out, "broken on purpose: {}", broken.what())?;
        }
        writeln!(out)?;
        for step in &self.steps {
            let octets = step
                .octets
                .map_or(String::new(), |n| format!("{} bytes", thousands(n)));
            let number = match step.number {
                0 => " ".to_owned(),
                number => number.to_string(),
            };
            let line = format!("{number}  {:<17}{:<50}{octets:>12}", step.who, step.what);
            writeln!(out, "{}", line.trim_end())?;
            for (name, value) in &step.facts {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                writeln!(out, "   {name:<14} {text}")?;
            }
        }
        if let Some(failure) = &self.failure {
            self.write_failure(orthros, failure, out)?;
        } else {
            writeln!(
                out,
                "\ndone in {} ms.  Try breaking it:  {orthros} demo --break kvno   (--help lists every WHAT)",
                self.elapsed.as_millis()
            )?;
        }
        Ok(())
    }

    fn write_failure(
        &self,
        orthros: &str,
        failure: &Failure,
        out: &mut String,
    ) -> std::fmt::Result {
        let heading = |e: &Explanation| {
            format!(
                "{} ({}, {})",
                e.code,
                e.protocol_name().unwrap_or("-"),
                e.protocol_code
            )
        };
        if let Some(server) = &failure.server {
            writeln!(
                out,
                "{}  {:<17}FAILED  {}",
                failure.step,
                "server",
                heading(server)
            )?;
            write_explanation(server, out)?;
        }
        match &failure.client {
            Some(client) => {
                let verb = if failure.by == "client" {
                    "FAILED"
                } else {
                    "told  "
                };
                let number = if failure.by == "client" { "6" } else { " " };
                writeln!(out, "{number}  {:<17}{verb}  {}", "client", heading(client))?;
                write_explanation(client, out)?;
            }
            None => writeln!(
                out,
                "   {:<17}told    nothing: the server hung up",
                "client"
            )?,
        }
        writeln!(out, "\nnext: {orthros} demo   shows the exchange unbroken")
    }
}

fn write_explanation(explanation: &Explanation, out: &mut String) -> std::fmt::Result {
    writeln!(out, "   {}", explanation.message)?;
    for (name, value) in &explanation.facts {
        writeln!(out, "     {name:<16} {value}")?;
    }
    let list = |title: &str, lines: &[String], out: &mut String| {
        lines.iter().enumerate().try_for_each(|(n, line)| {
            let title = if n == 0 { title } else { "" };
            writeln!(out, "   {title:<8} {line}")
        })
    };
    list("Likely:", &explanation.reasons, out)?;
    list("Fix:", &explanation.fixes, out)
}

/// `1412` as `1 412`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail
        .as_bytes()
        .chunks(3)
        .map(|c| String::from_utf8_lossy(c).into_owned());
    let all: Vec<String> = Some(head.to_owned())
        .filter(|head| !head.is_empty())
        .into_iter()
        .chain(groups)
        .collect();
    all.join(" ")
}

// JSON

impl Report {
    pub(super) fn to_json(&self) -> Value {
        let cast = &self.cast;
        let steps: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        let mut object = json!({
            "schema": "orthros.demo/1",
            "ok": !self.failed(),
            "realm": cast.realm,
            "kdc": cast.kdc.to_string(),
            "service": cast.service.to_string(),
            "service_address": cast.service_address.to_string(),
            "client": cast.client.to_string(),
            "elapsed_ms": self.elapsed.as_micros() as f64 / 1e3,
            "steps": steps,
        });
        if let (Some(broken), Some(map)) = (self.broken, object.as_object_mut()) {
            map.insert("broken".to_owned(), json!(broken.name()));
        }
        if let (Some(failure), Some(map)) = (&self.failure, object.as_object_mut()) {
            map.insert("failure".to_owned(), failure.to_json());
        }
        object
    }
}

impl Step {
    fn to_json(&self) -> Value {
        let facts: Map<String, Value> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        json!({
            "number": self.number,
            "who": self.who,
            "what": self.what,
            "bytes": self.octets,
            "facts": facts,
        })
    }
}

impl Failure {
    /// What the party that refused says, and under `server` and `client` what each of them says.
    fn to_json(&self) -> Value {
        let by = match self.by {
            "server" => self.server.as_ref(),
            _ => self.client.as_ref(),
        };
        let mut object = by.map_or_else(|| json!({}), explained);
        if let Some(map) = object.as_object_mut() {
            map.insert("step".to_owned(), json!(self.step));
            map.insert("by".to_owned(), json!(self.by));
            map.insert(
                "server".to_owned(),
                json!(self.server.as_ref().map(explained)),
            );
            map.insert(
                "client".to_owned(),
                json!(self.client.as_ref().map(explained)),
            );
        }
        object
    }
}

fn explained(explanation: &Explanation) -> Value {
    serde_json::to_value(explanation).unwrap_or_default()
}
