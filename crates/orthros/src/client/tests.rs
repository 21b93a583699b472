//! Recorded conversations; and, for every rule, a reply that breaks it and nothing else.

mod as_conversation;
mod as_reply;
mod fake;
mod recorded;
mod tgs;
