//! A record as one object. Times are RFC 3339, codes are stable, names are as in the text.

use std::fmt::Display;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Name, Record, Report};
use crate::error::ConsideredKey;
use crate::gss::Role;

/// The version of the object's form.
const SCHEMA: &str = "orthros.exchange/1";

struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(2))?;
        object.serialize_entry("name", &self.name)?;
        object.serialize_entry("verified", &self.verified)?;
        object.end()
    }
}

struct Considered<'a>(&'a ConsideredKey);

impl Serialize for Considered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(5))?;
        object.serialize_entry("entry", &self.0.index)?;
        object.serialize_entry("principal", &Text(&self.0.principal))?;
        object.serialize_entry("kvno", &self.0.kvno)?;
        object.serialize_entry("etype", &Text(self.0.enctype))?;
        object.serialize_entry("passed_over", &Text(self.0.verdict))?;
        object.end()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let role = match self.role {
            Role::Initiator => "initiator",
            Role::Acceptor => "acceptor",
        };
        let considered: Vec<_> = self.considered.iter().map(Considered).collect();
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("schema", SCHEMA)?;
        object.serialize_entry("time", &self.at.map(Text))?;
        object.serialize_entry("role", role)?;
        let result = if self.accepted { "accepted" } else { "refused" };
        object.serialize_entry("result", result)?;
        object.serialize_entry("cause", self.cause)?;
        object.serialize_entry("protocol_code", &self.protocol_code)?;
        object.serialize_entry("gss_major", &Text(self.gss_major))?;
        object.serialize_entry("gss_minor", &self.protocol_code)?;
        object.serialize_entry("client", &self.client)?;
        object.serialize_entry("service", &self.service)?;
        object.serialize_entry("kvno", &self.kvno)?;
        object.serialize_entry("etype", &self.etype.map(Text))?;
        object.serialize_entry("session_etype", &self.session_etype.map(Text))?;
        object.serialize_entry("protection_etype", &self.protection_etype.map(Text))?;
        object.serialize_entry("keytab_entry", &self.keytab_entry)?;
        object.serialize_entry("fallback_key", &self.fallback_key)?;
        object.serialize_entry("considered", &considered)?;
        object.serialize_entry("offset_us", &self.clock_offset)?;
        object.serialize_entry("endtime", &self.endtime.map(Text))?;
        object.serialize_entry("user_sid", &self.user_sid.map(Text))?;
        object.serialize_entry("groups", &self.groups)?;
        let binding = self.channel_binding.map(super::ChannelBinding::name);
        object.serialize_entry("channel_binding", &binding)?;
        let (candidate, binding_type) = self.bound_to.unzip();
        object.serialize_entry("channel_binding_type", &binding_type.map(Text))?;
        object.serialize_entry("channel_binding_candidate", &candidate)?;
        object.serialize_entry("mutual", &self.mutual)?;
        object.serialize_entry("delegated", &self.delegated)?;
        object.serialize_entry("replay_cache", &self.replay_cache)?;
        let tag = self.replay_tag.map(|tag| super::hex(&tag));
        object.serialize_entry("replay_tag", &tag)?;
        object.serialize_entry("first_seen", &self.first_seen.map(Text))?;
        let took = self.took.map(|took| took.as_secs_f64() * 1e6);
        object.serialize_entry("took_us", &took)?;
        object.serialize_entry("token_bytes", &self.token_octets)?;
        object.serialize_entry("source", &self.source)?;
        object.serialize_entry("request_id", &self.request_id)?;
        object.serialize_entry("failure", &self.failure)?;
        object.end()
    }
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.record().serialize(serializer)
    }
}
