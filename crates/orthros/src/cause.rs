//! The explanation of an error: a stable code, one sentence, facts, likely reasons, what to do.

use crate::error::Error;

/// What an operator needs to know about an [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The stable cause code: `AP_KVNO_STALE_KEYTAB`.
    pub code: &'static str,
    /// The number that the peer gets, and its name.
    pub protocol_code: i32,
    /// One sentence.
    pub message: String,
    /// Names and values, in the order in which they help.
    pub facts: Vec<(&'static str, String)>,
    /// What has likely happened, most likely first.
    pub reasons: Vec<String>,
    /// What to do, as commands where there are some.
    pub fixes: Vec<String>,
}

impl Error {
    /// The operator's text.
    pub fn explain(&self) -> Explanation {
        Explanation {
            code: "UNEXPLAINED",
            protocol_code: self.protocol_code().0,
            message: format!("{self:?}"),
            facts: Vec::new(),
            reasons: Vec::new(),
            fixes: Vec::new(),
        }
    }
}
