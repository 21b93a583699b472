//! How names, numbers and times are put into an operator's text.

use std::fmt::Display;

use crate::time::Timestamp;

/// A longer name is cut: no principal of use is longer, and a hostile one may fill a log.
const LONGEST_NAME: usize = 255;

/// Longest line of an explanation.
const LONGEST_LINE: usize = 2000;

/// Whether a character changes how the text around it is shown: controls, line separators,
/// directional overrides.
fn is_unruly(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line of text that is safe to print.
pub(super) fn plain(text: &str) -> String {
    cut(text, LONGEST_LINE)
}

/// A name or value inside a sentence.
pub(super) fn short(value: &(impl Display + ?Sized)) -> String {
    cut(&value.to_string(), LONGEST_NAME)
}

fn cut(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len().min(longest));
    for (n, c) in text.chars().enumerate() {
        if n == longest {
            out.push('…');
            break;
        }
        if is_unruly(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A name as one word of a shell command. The operator pastes these lines, and the name may come
/// from a stranger.
pub(super) fn sh(word: &(impl Display + ?Sized)) -> String {
    let word = word.to_string();
    let usual = |c: char| c.is_ascii_alphanumeric() || "._/@:+-=,".contains(c);
    if word.is_empty() || word.starts_with('-') || word.chars().count() > LONGEST_NAME {
        "NAME".to_owned()
    } else if word.chars().all(usual) {
        word
    } else if word.chars().any(is_unruly) {
        "NAME".to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `+312.500000 s`: how far `theirs` is ahead of `ours`.
pub(super) fn offset(micros: i64) -> String {
    let sign = if micros < 0 { '-' } else { '+' };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}

/// `5 min 12 s`, `3 h 20 min`, `2 days 4 h`: the two units that matter.
pub(super) fn span(micros: i64) -> String {
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    let units = [("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let Some(first) = units.iter().position(|(_, size)| seconds >= *size) else {
        return format!("0.{micros:06} s");
    };
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, size) in units.iter().skip(first).take(2) {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            let name = if *name == "days" && count == 1 {
                "day"
            } else {
                name
            };
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

/// `who` is ahead of or behind `whom` by so much, for a sentence.
pub(super) fn ahead(micros: i64) -> &'static str {
    if micros < 0 { "behind" } else { "ahead of" }
}

/// What the size of a clock's error says about its cause.
pub(super) fn clock_reason(theirs: Timestamp, ours: Timestamp) -> Option<String> {
    const YEAR: u64 = 365 * 86_400;
    let seconds = theirs.micros_since(ours).unsigned_abs() / 1_000_000;
    let half_hours = (seconds + 900) / 1_800;
    if seconds > YEAR {
        Some("One of the two clocks was never set: no battery, a fresh machine, a virtual machine restored from an image.".to_owned())
    } else if (2..=28).contains(&half_hours) && seconds.abs_diff(half_hours * 1_800) <= 120 {
        let hours = half_hours / 2;
        let half = if half_hours % 2 == 1 { ".5" } else { "" };
        Some(format!(
            "The difference is close to {hours}{half} h: one of the two takes local time for UTC."
        ))
    } else if seconds > 86_400 {
        Some("A virtual machine was resumed or restored and its clock not corrected.".to_owned())
    } else {
        None
    }
}
