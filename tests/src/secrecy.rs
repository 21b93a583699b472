//! Looks for secrets in what is printed, logged or serialised (security case 118): for every run of
//! four octets of them, in any notation.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use orthros::crypto::Key;
use orthros::error::Error;
use orthros::random::{Random, RandomUnavailable};
use orthros::report::Report;

/// Octets that are the same in every run, so that no accident of chance is found.
#[derive(Debug)]
pub struct Repeating(AtomicU64);

impl Repeating {
    /// Another sequence for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for Repeating {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        for octet in out {
            let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            *octet = (z ^ z >> 31).to_be_bytes()[3];
        }
        Ok(())
    }
}

const BASE64: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

fn base64(octets: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::new();
    for three in octets.chunks_exact(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for shift in [18, 12, 6, 0] {
            out.push(char::from(alphabet[(bits >> shift & 63) as usize]));
        }
    }
    out
}

/// How four octets could be written.
fn notations(four: &[u8]) -> Vec<String> {
    let join = |one: &dyn Fn(&u8) -> String, between: &str| {
        four.iter().map(one).collect::<Vec<_>>().join(between)
    };
    let mut all = Vec::new();
    for between in ["", " ", ":", "-", ", ", ","] {
        all.push(join(&|o| format!("{o:02x}"), between));
        all.push(join(&|o| format!("{o:02X}"), between));
    }
    for between in [" ", ", ", ","] {
        all.push(join(&|o| format!("{o:#04x}"), between));
        all.push(join(&|o| format!("{o:#04X}"), between));
        all.push(join(&|o| o.to_string(), between));
    }
    // As `{:#?}` prints a list.
    for margin in 1..8 {
        all.push(join(
            &|o| o.to_string(),
            &format!(",\n{}", "    ".repeat(margin)),
        ));
    }
    all.push(join(&|o| format!("\\x{o:02x}"), ""));
    all.push(join(&|o| format!("\\u{o:04x}"), ""));
    all.push(four.escape_ascii().to_string());
    if let Ok(text) = std::str::from_utf8(four) {
        all.push(text.to_owned());
    }
    // As the characters of these numbers, and as Debug and JSON print those.
    let text: String = four.iter().copied().map(char::from).collect();
    all.push(text.escape_debug().to_string());
    if let Ok(json) = serde_json::to_string(&text) {
        all.push(json.trim_matches('"').to_owned());
    }
    all.push(text);
    all
}

/// What is looked for: of each secret every run of four octets in every notation, and in base64
/// runs of six, whose eight characters are no accident.
pub fn needles(secrets: &[Vec<u8>]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for secret in secrets {
        for four in secret.windows(4) {
            all.extend(notations(four));
        }
        for eight in secret.windows(8) {
            all.extend(std::str::from_utf8(eight).map(str::to_owned));
        }
        for six in secret.windows(6) {
            all.extend(BASE64.map(|alphabet| base64(six, alphabet)));
        }
    }
    // Four letters may be of any word; eight are not.
    let word = |needle: &str| needle.bytes().all(|c| c.is_ascii_alphabetic() || c == b' ');
    all.retain(|needle| needle.len() >= 8 || needle.len() >= 4 && !word(needle));
    all
}

/// The needles by their first four octets.
pub type Index<'a> = BTreeMap<[u8; 4], Vec<&'a String>>;

/// Puts the needles in order.
pub fn index(needles: &BTreeSet<String>) -> Index<'_> {
    let mut index = Index::new();
    for needle in needles {
        if let Some(head) = needle.as_bytes().first_chunk() {
            index.entry(*head).or_default().push(needle);
        }
    }
    index
}

/// Every needle that stands in `text`.
pub fn found<'a>(text: &str, index: &Index<'a>) -> Vec<&'a String> {
    let octets = text.as_bytes();
    let mut found = Vec::new();
    for at in 0..octets.len() {
        let rest = &octets[at..];
        let Some(candidates) = rest.first_chunk().and_then(|head| index.get(head)) else {
            continue;
        };
        let here = candidates
            .iter()
            .filter(|needle| rest.starts_with(needle.as_bytes()));
        found.extend(here.copied());
    }
    found
}

/// What was printed, of which type.
#[derive(Default)]
pub struct Shown {
    /// What, and its text.
    pub texts: Vec<(String, String)>,
    /// The paths of the types whose values were printed.
    pub types: BTreeSet<String>,
    /// What must be in none of the texts.
    pub secrets: Vec<Vec<u8>>,
}

impl Shown {
    /// Prints a value as `{:?}` and `{:#?}`.
    pub fn debug<T: Debug>(&mut self, value: &T) {
        let name = type_name::<T>();
        // `orthros::ap::acceptor::Accepted<()>` as its definition is called.
        let plain = name
            .split('<')
            .next()
            .unwrap_or(name)
            .trim_start_matches('&')
            .to_owned();
        self.texts
            .push((plain.clone(), format!("{value:?}\n{value:#?}")));
        self.types.insert(plain);
    }

    /// A text that a person or a program gets.
    pub fn text(&mut self, what: &str, text: impl Into<String>) {
        self.texts.push((what.to_owned(), text.into()));
    }

    /// An error in every form in which it reaches a person.
    pub fn error(&mut self, error: &Error) {
        self.debug(error);
        let explanation = error.explain();
        self.debug(&explanation);
        self.text("an error", format!("{error}\n{}", explanation.render()));
        self.text(
            "an explanation in JSON",
            serde_json::to_string(&explanation).expect("JSON"),
        );
        self.report(Report::failed(error));
        if let Error::Rejected(rejection) = error {
            self.debug(&**rejection);
        }
    }

    /// A report as record, line, JSON and event.
    pub fn report(&mut self, report: Report<'_>) {
        self.debug(&report);
        self.debug(&report.record());
        self.text("a record", report.record().to_string());
        self.text(
            "a record in JSON",
            serde_json::to_string(&report).expect("JSON"),
        );
        let listener = Listener::default();
        tracing::subscriber::with_default(listener.clone(), || report.emit());
        let events = listener.heard();
        assert!(!events.is_empty());
        self.text("an event", events);
    }

    /// Its octets are to be found nowhere.
    pub fn key(&mut self, key: &Key) {
        self.secrets.push(key.expose().to_vec());
    }

    /// The texts in which a secret stands: what it is of, the run that was found, the text.
    pub fn leaks(&self) -> Vec<String> {
        let needles = needles(&self.secrets);
        let index = index(&needles);
        // The same refusal comes many times.
        let texts: BTreeSet<_> = self.texts.iter().collect();
        let leak = |(what, text): &(String, String)| {
            let run = *found(text, &index).first()?;
            Some(format!("{what}: {run:?} in {text}"))
        };
        texts.into_iter().filter_map(leak).collect()
    }
}

/// Writes down every field of every event and span.
#[derive(Clone, Default)]
pub struct Listener(Arc<Mutex<Vec<String>>>);

impl Listener {
    /// What was written down so far.
    pub fn heard(&self) -> String {
        self.0.lock().expect("the events").join("\n")
    }
}

impl tracing::field::Visit for Listener {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        self.0
            .lock()
            .expect("the events")
            .push(format!("{field}={value:?}"));
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, fields: &tracing::span::Record<'_>) {
        fields.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
