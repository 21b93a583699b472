//! Which check of the acceptor is switched off how: the list `mutations.txt`, and its application to
//! a source.
//!
//! ```text
//! file crates/orthros/src/ap/verify.rs     what follows is about this file
//! tests ap:: pac::                         the tests that are to notice; all, if none does
//! AP-28 the clock                          a check, named after its row
//!     - if offset.abs() > limit {          its lines, trimmed, which stand once in the file
//!     + ...                                what stands there instead; OFF is true if it is off
//! by others: the callers' checks           why these lines are no check of their own
//!     - Err(Rejection::Version { .. })
//! ```
//!
//! Without `+`, `if CONDITION {` becomes one that never holds, and a statement that ends in `?;` is
//! left out.

use std::ops::Range;

/// One check that can be switched off.
#[derive(Debug)]
pub struct Mutation {
    /// Its row and what it is about.
    pub name: String,
    /// The file it is in, from the root of the workspace.
    pub file: String,
    /// The tests that are asked first.
    pub tests: Vec<String>,
    /// Its lines, trimmed.
    lines: Vec<String>,
    /// What stands there instead.
    instead: Vec<String>,
}

/// The whole list.
#[derive(Debug, Default)]
pub struct Mutations {
    /// The files whose every refusal must be covered.
    pub files: Vec<String>,
    /// The checks.
    pub checks: Vec<Mutation>,
    /// Lines that refuse, and are covered elsewhere: file and lines.
    others: Vec<(String, Vec<String>)>,
}

impl Mutations {
    /// Reads the list.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut all = Self::default();
        let (mut other, mut tests) = (false, Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what| format!("mutations.txt, line {number}: {what}");
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if line.starts_with(' ') {
                let mark = trimmed.split_at_checked(2);
                match (mark, other) {
                    (Some(("- ", line)), true) => match all.others.last_mut() {
                        Some((_, lines)) => lines.push(line.trim().to_owned()),
                        None => return Err(wrong("a line of nothing")),
                    },
                    (Some(("- ", line)), false) => match all.checks.last_mut() {
                        Some(check) => check.lines.push(line.trim().to_owned()),
                        None => return Err(wrong("a line of nothing")),
                    },
                    (Some(("+ ", line)), false) => match all.checks.last_mut() {
                        Some(check) => check.instead.push(line.trim().to_owned()),
                        None => return Err(wrong("a line of nothing")),
                    },
                    _ => return Err(wrong("neither `- ` nor `+ `")),
                }
            } else if let Some(file) = trimmed.strip_prefix("file ") {
                all.files.push(file.to_owned());
                tests.clear();
            } else if let Some(filters) = trimmed.strip_prefix("tests ") {
                tests = filters.split_whitespace().map(str::to_owned).collect();
            } else {
                let file = all.files.last().ok_or_else(|| wrong("of no file"))?.clone();
                other = trimmed.starts_with("by others: ");
                match other {
                    true => all.others.push((file, Vec::new())),
                    false => all.checks.push(Mutation {
                        name: trimmed.to_owned(),
                        file,
                        tests: tests.clone(),
                        lines: Vec::new(),
                        instead: Vec::new(),
                    }),
                }
            }
        }
        Ok(all)
    }

    /// The source of `file` with every check of it behind its own switch.
    pub fn apply(&self, file: &str, source: &str) -> Result<String, String> {
        let lines: Vec<&str> = source.lines().collect();
        let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for (number, check) in self.checks.iter().enumerate() {
            if check.file != file {
                continue;
            }
            let range = find(&lines, &check.lines)
                .map_err(|what| format!("{file}, {}: {what}", check.name))?;
            let switch = format!("crate::mutation::off({number})");
            let instead = check.mutated(&switch)?;
            // The number of lines stays, so that messages of the compiler name the right ones.
            for line in out.get_mut(range.clone()).into_iter().flatten() {
                line.clear();
            }
            if let Some(first) = out.get_mut(range.start) {
                *first = instead;
            }
        }
        Ok(out.join("\n") + "\n")
    }

    /// The lines of `source` that refuse and that the list does not know.
    pub fn uncovered(&self, file: &str, source: &str) -> Result<Vec<String>, String> {
        let lines: Vec<&str> = without_tests(source);
        let mut known: Vec<Range<usize>> = Vec::new();
        for check in self.checks.iter().filter(|check| check.file == file) {
            known.push(block(&lines, find(&lines, &check.lines)?));
        }
        for (_, other) in self.others.iter().filter(|(of, _)| of == file) {
            // The same refusal may stand in several places.
            let mut from = 0;
            let mut found = false;
            while let Some(range) = find_from(&lines, other, from) {
                from = range.end;
                found = true;
                known.push(range);
            }
            if !found {
                return Err(format!("{file}: {other:?} stands nowhere"));
            }
        }
        let missed = refusals(&lines).filter(|at| !known.iter().any(|range| range.contains(at)));
        Ok(missed
            .map(|at| format!("{file}:{}: {}", at + 1, lines[at].trim()))
            .collect())
    }
}

impl Mutation {
    fn mutated(&self, switch: &str) -> Result<String, String> {
        if !self.instead.is_empty() {
            return Ok(self.instead.join(" ").replace("OFF", switch));
        }
        let text = self.lines.join(" ");
        let (before, rest) = match text.strip_prefix("} else ") {
            Some(rest) => ("} else ", rest),
            None => ("", text.as_str()),
        };
        if let Some(condition) = rest.strip_prefix("if ").and_then(|c| c.strip_suffix('{')) {
            let condition = condition.trim();
            return Ok(match condition.contains("let ") {
                true => format!("{before}if !{switch} && {condition} {{"),
                false => format!("{before}if !{switch} && ({condition}) {{"),
            });
        }
        match text.ends_with("?;") {
            true => Ok(format!("if !{switch} {{ {text} }}")),
            false => Err(format!("{}: says not what stands there instead", self.name)),
        }
    }
}

/// The source up to its tests.
fn without_tests(source: &str) -> Vec<&str> {
    let lines: Vec<&str> = source.lines().collect();
    let tests = lines
        .windows(2)
        .position(|two| two[0] == "#[cfg(test)]" && two[1].ends_with('{'));
    lines[..tests.unwrap_or(lines.len())].to_vec()
}

fn find(lines: &[&str], wanted: &[String]) -> Result<Range<usize>, String> {
    let range = find_from(lines, wanted, 0).ok_or_else(|| format!("{wanted:?} stands nowhere"))?;
    match find_from(lines, wanted, range.start + 1) {
        Some(_) => Err(format!("{wanted:?} stands there more than once")),
        None => Ok(range),
    }
}

fn find_from(lines: &[&str], wanted: &[String], from: usize) -> Option<Range<usize>> {
    let last = lines.len().checked_sub(wanted.len())?;
    (from..=last)
        .find(|at| {
            !wanted.is_empty()
                && wanted
                    .iter()
                    .zip(&lines[*at..])
                    .all(|(wanted, line)| line.trim() == wanted)
        })
        .map(|at| at..at + wanted.len())
}

/// The lines with those of the block that they open.
fn block(lines: &[&str], range: Range<usize>) -> Range<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let opens = lines[range.end - 1].trim_end().ends_with('{');
    if !opens {
        return range;
    }
    let depth = indent(lines[range.start]);
    let end = (range.end..lines.len())
        .find(|at| indent(lines[*at]) <= depth && lines[*at].trim_start().starts_with('}'));
    range.start..end.unwrap_or(range.end) + 1
}

/// The lines that refuse: an `Err` that is made here, or a statement whose `?` is all it is for. One
/// that gives a value needs no test: without the value nothing compiles.
fn refusals<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
    (0..lines.len()).filter(|at| {
        let line = lines[*at].trim();
        if line.starts_with("//") {
            return false;
        }
        let makes = line.contains("return Err(")
            || line.starts_with("Err(") && !line.contains(" => ") && !line.contains(") if ")
            || line.contains("=> Err(")
            || line.starts_with("return unknown(");
        makes || line.ends_with("?;") && is_bare_statement(lines, *at)
    })
}

/// Whether the statement that ends at this line binds nothing, and is not a part of a text.
fn is_bare_statement(lines: &[&str], end: usize) -> bool {
    let ends = |line: &str| {
        line.is_empty() || line.starts_with("//") || line.ends_with([';', '{', '}', ','])
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = indent(lines[end]);
    let start = (0..=end)
        .rev()
        .find(|at| {
            let before = at.checked_sub(1).map_or("", |before| lines[before].trim());
            let goes_on = lines[*at].trim_start().starts_with([')', '}', ']', '.']);
            !goes_on && indent(lines[*at]) <= depth && ends(before)
        })
        .unwrap_or(end);
    let text = lines[start..=end].join(" ");
    let starts = |words: &[&str]| words.iter().any(|word| text.trim().starts_with(word));
    !text.contains("let ") && !text.contains(" = ") && !starts(&["return ", "f.write", "write!("])
}
