//! An explanation as one object, the same wherever it is shown:
//! `{code, protocol_code, protocol_name, message, facts: [{name, value}], reasons, fixes, windows}`.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Explanation, Windows};

struct Fact<'a>(&'a (&'static str, String));

impl Serialize for Fact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Fact", 2)?;
        object.serialize_field("name", self.0.0)?;
        object.serialize_field("value", &self.0.1)?;
        object.end()
    }
}

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts: Vec<Fact<'_>> = self.facts.iter().map(Fact).collect();
        let mut object = serializer.serialize_struct("Explanation", 8)?;
        object.serialize_field("code", self.code)?;
        object.serialize_field("protocol_code", &self.protocol_code)?;
        object.serialize_field("protocol_name", &self.protocol_name())?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("facts", &facts)?;
        object.serialize_field("reasons", &self.reasons)?;
        object.serialize_field("fixes", &self.fixes)?;
        object.serialize_field("windows", &self.windows)?;
        object.end()
    }
}

impl Serialize for Windows {
    /// The status in hexadecimal, as people search for it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Windows", 3)?;
        object.serialize_field("status", &format_args!("{:#010X}", self.status))?;
        object.serialize_field("name", self.name)?;
        object.serialize_field("events", self.events)?;
        object.end()
    }
}
