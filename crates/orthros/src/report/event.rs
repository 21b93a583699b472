//! A record as one event, and the spans in which exchanges happen.

use tracing::field::{Empty, display};
use tracing::{Level, Span};

use super::{Name, Record, Report};
use crate::gss::Role;

/// Where the events belong.
const TARGET: &str = "orthros";

macro_rules! span {
    ($name:literal) => {
        tracing::info_span!(
            target: TARGET,
            $name,
            client = Empty,
            service = Empty,
            kvno = Empty,
            etype = Empty,
            offset = Empty,
            cause = Empty,
            "error.type" = Empty,
        )
    };
}

/// The span `krb.accept`, to be entered before a request is judged.
pub fn accept_span() -> Span {
    span!("krb.accept")
}

/// The span `krb.initiate`.
pub fn initiate_span() -> Span {
    span!("krb.initiate")
}

/// `error.type` is there for failures alone.
macro_rules! event {
    ($level:expr, $record:ident $(, $more:literal = $value:expr)?) => {
        tracing::event!(
            target: TARGET,
            $level,
            client = text(&$record.client),
            client_verified = $record.client.as_ref().map(|name| name.verified),
            service = text(&$record.service),
            service_verified = $record.service.as_ref().map(|name| name.verified),
            kvno = $record.kvno,
            etype = $record.etype.map(display),
            session_etype = $record.session_etype.map(display),
            keytab_entry = $record.keytab_entry,
            offset = $record.clock_offset.map(seconds),
            cause = $record.cause,
            $($more = $value,)?
            protocol_code = $record.protocol_code,
            gss_major = %$record.gss_major,
            user_sid = $record.user_sid.map(display),
            channel_binding = $record.channel_binding.map(|binding| binding.name()),
            channel_binding_type = $record.bound_to.map(|(_, kind)| kind.name()),
            channel_binding_candidate = $record.bound_to.map(|(candidate, _)| candidate),
            replay_cache = $record.replay_cache.as_deref(),
            replay_tag = $record.replay_tag.map(|tag| super::hex(&tag)),
            first_seen = $record.first_seen.map(display),
            took_us = $record.took.map(|took| took.as_secs_f64() * 1e6),
            token_bytes = $record.token_octets,
            source = $record.source.as_deref(),
            request_id = $record.request_id.as_deref(),
            "{}",
            message(&$record)
        )
    };
}

impl Report<'_> {
    /// Emits one event, at INFO for an acceptance and WARN for a refusal, and fills the fields of
    /// the span it happens in. Where nobody listens no record is made.
    pub fn emit(&self) {
        if !tracing::enabled!(target: TARGET, Level::WARN) {
            return;
        }
        let record = self.record();
        fill(&Span::current(), &record);
        match record.accepted {
            true => event!(Level::INFO, record),
            false => event!(Level::WARN, record, "error.type" = record.cause),
        }
    }
}

fn fill(span: &Span, record: &Record) {
    if let Some(client) = text(&record.client) {
        span.record("client", client);
    }
    if let Some(service) = text(&record.service) {
        span.record("service", service);
    }
    if let Some(kvno) = record.kvno {
        span.record("kvno", kvno);
    }
    if let Some(etype) = record.etype {
        span.record("etype", display(etype));
    }
    if let Some(offset) = record.clock_offset {
        span.record("offset", seconds(offset));
    }
    span.record("cause", record.cause);
    if !record.accepted {
        span.record("error.type", record.cause);
    }
}

fn text(name: &Option<Name>) -> Option<&str> {
    name.as_ref().map(|name| name.name.as_str())
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn message(record: &Record) -> &str {
    match (&record.failure, record.role) {
        (Some(explanation), _) => &explanation.message,
        (None, Role::Acceptor) => "accepted",
        (None, Role::Initiator) => "established",
    }
}
