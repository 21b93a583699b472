//! The published vectors, and what a hostile peer may send.

mod bulk;
mod hostile;
mod vectors;

use serde_json::Value;

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Entries of one section of a vector file; a section that is missing or empty is an error, not a
/// test that passes.
fn section(file: &str, name: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).unwrap();
    let entries = file[name].as_array().unwrap().clone();
    assert!(!entries.is_empty());
    entries
}

fn octets(entry: &Value, field: &str) -> Vec<u8> {
    unhex(
        entry[field]
            .as_str()
            .unwrap_or_else(|| panic!("{field} in {entry}")),
    )
}

fn number(entry: &Value, field: &str) -> i64 {
    entry[field]
        .as_i64()
        .unwrap_or_else(|| panic!("{field} in {entry}"))
}
