//! One value of `auth_to_local`.

use std::fmt;
use std::str::FromStr;

use super::ere::Ere;
use super::{MAX_LEN, NoLocalName};
use crate::principal::Principal;

/// A value of `auth_to_local`, understood.
#[derive(Clone, Debug)]
pub struct Rule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Default,
    Rule {
        selection: Option<Selection>,
        matches: Option<Ere>,
        substitutions: Vec<Substitution>,
        letters: Option<Letters>,
    },
}

/// `[n:string]`
#[derive(Clone, Debug)]
struct Selection {
    components: usize,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Realm,
    /// A component, from 0.
    Component(usize),
}

/// `s/regex/text/g`
#[derive(Clone, Debug)]
struct Substitution {
    regex: Ere,
    text: String,
    every: bool,
}

/// `/L`, `/U`: of ASCII only. No letter of another alphabet becomes one of an account's name.
#[derive(Clone, Copy, Debug)]
enum Letters {
    Small,
    Capital,
}

impl Rule {
    /// A name of one component, of the local realm, is the local name.
    pub const DEFAULT: Self = Self(Kind::Default);

    /// The name that this rule gives; `None` if it does not apply.
    pub(super) fn apply(
        &self,
        principal: &Principal,
        local_realm: &str,
    ) -> Result<Option<String>, NoLocalName> {
        let Kind::Rule {
            selection,
            matches,
            substitutions,
            letters,
        } = &self.0
        else {
            let mut components = principal.components();
            return Ok(match (components.next(), components.next()) {
                (Some(name), None) if principal.realm() == local_realm => Some(name.to_owned()),
                _ => None,
            });
        };
        let mut name = match selection {
            Some(selection) => match selection.form(principal) {
                Some(name) => name,
                None => return Ok(None),
            },
            None => principal.name(),
        };
        bounded(&name)?;
        if matches.as_ref().is_some_and(|regex| !regex.is(&name)) {
            return Ok(None);
        }
        for substitution in substitutions {
            name = substitution.apply(&name)?;
        }
        match letters {
            None => {}
            Some(Letters::Small) => name.make_ascii_lowercase(),
            Some(Letters::Capital) => name.make_ascii_uppercase(),
        }
        Ok(Some(name))
    }
}

fn bounded(text: &str) -> Result<(), NoLocalName> {
    match text.len() {
        0..=MAX_LEN => Ok(()),
        _ => Err(NoLocalName::TooLong),
    }
}

impl Selection {
    /// `None` for a name of another number of components.
    fn form(&self, principal: &Principal) -> Option<String> {
        if principal.components().len() != self.components {
            return None;
        }
        let mut out = String::new();
        for part in &self.parts {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Realm => principal.realm(),
                Part::Component(index) => principal.component(*index)?,
            });
        }
        Some(out)
    }
}

impl Substitution {
    /// As MIT krb5 does it: behind a match begins a new text, so that `^` matches there too. A
    /// match of nothing is passed over by one character, where MIT krb5 never ends.
    fn apply(&self, text: &str) -> Result<String, NoLocalName> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((start, end)) = self.regex.find(rest) {
            let (before, _) = rest.split_at_checked(start).unwrap_or_default();
            let (_, mut after) = rest.split_at_checked(end).unwrap_or_default();
            out.push_str(before);
            out.push_str(&self.text);
            bounded(&out)?;
            if self.every && start == end {
                let mut chars = after.chars();
                let Some(next) = chars.next() else {
                    rest = "";
                    break;
                };
                out.push(next);
                after = chars.as_str();
                if after.is_empty() {
                    rest = "";
                    break;
                }
            }
            rest = after;
            if !self.every || rest.is_empty() {
                break;
            }
        }
        out.push_str(rest);
        bounded(&out)?;
        Ok(out)
    }
}

/// A value of `auth_to_local` that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The value.
    pub rule: String,
    /// The octet where it goes wrong.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, at, why } = self;
        write!(f, "auth_to_local = {rule}: at octet {at}: {why}")
    }
}

impl std::error::Error for RuleError {}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(rule: &str) -> Result<Self, RuleError> {
        if rule == "DEFAULT" {
            return Ok(Self::DEFAULT);
        }
        let Some(rest) = rule.strip_prefix("RULE:") else {
            return Err(RuleError {
                rule: rule.to_owned(),
                at: 0,
                why: "neither RULE: nor DEFAULT",
            });
        };
        parse(rest).map(Self).map_err(|(behind, why)| RuleError {
            rule: rule.to_owned(),
            at: rule.len().saturating_sub(behind),
            why,
        })
    }
}

/// How much of the rule is left where it goes wrong, and what is wrong.
type Fault = (usize, &'static str);

fn parse(mut rest: &str) -> Result<Kind, Fault> {
    let selection = match rest.strip_prefix('[') {
        Some(inside) => Some(selection(inside, &mut rest)?),
        None => None,
    };
    let matches = match rest.strip_prefix('(') {
        Some(inside) => {
            // As MIT krb5 reads it: up to the first parenthesis.
            let (regex, behind) = inside
                .split_once(')')
                .ok_or((rest.len(), "the parenthesis is not closed"))?;
            let regex = Ere::new(regex).map_err(|why| (inside.len(), why))?;
            rest = behind;
            Some(regex)
        }
        None => None,
    };
    let mut substitutions = Vec::new();
    let letters = loop {
        let here = rest.trim_start();
        match here {
            "" => break None,
            "/L" => break Some(Letters::Small),
            "/U" => break Some(Letters::Capital),
            _ => {}
        }
        let fault = (here.len(), "not s/regex/text/ with an optional g, /L or /U");
        let inside = here.strip_prefix("s/").ok_or(fault)?;
        let (regex, behind) = inside.split_once('/').ok_or(fault)?;
        let (text, behind) = behind.split_once('/').ok_or(fault)?;
        let regex = Ere::new(regex).map_err(|why| (inside.len(), why))?;
        let every = behind.strip_prefix('g');
        substitutions.push(Substitution {
            regex,
            text: text.to_owned(),
            every: every.is_some(),
        });
        rest = every.unwrap_or(behind);
    };
    if selection.is_none() && matches.is_none() && substitutions.is_empty() {
        return Err((rest.len(), "the rule says nothing"));
    }
    Ok(Kind::Rule {
        selection,
        matches,
        substitutions,
        letters,
    })
}

fn selection<'r>(inside: &'r str, rest: &mut &'r str) -> Result<Selection, Fault> {
    let (number, mut format) = inside
        .split_once(':')
        .ok_or((inside.len(), "no colon behind the number of components"))?;
    let components = decimal(number).ok_or((inside.len(), "not a number of components"))?;
    let mut parts = Vec::new();
    loop {
        let end = format
            .find(['$', ']'])
            .ok_or((format.len(), "the bracket is not closed"))?;
        let (text, at) = format.split_at_checked(end).unwrap_or_default();
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        if let Some(behind) = at.strip_prefix(']') {
            *rest = behind;
            return Ok(Selection { components, parts });
        }
        let behind = at.strip_prefix('$').unwrap_or_default();
        let digits = behind
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (digits, behind) = behind.split_at_checked(digits).unwrap_or_default();
        parts.push(match decimal(digits) {
            Some(0) => Part::Realm,
            Some(number) if number <= components => Part::Component(number - 1),
            Some(_) => return Err((at.len(), "there is no such component")),
            None => return Err((at.len(), "no number behind the $")),
        });
        format = behind;
    }
}

fn decimal(digits: &str) -> Option<usize> {
    let all = digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|_| all)
}
