//! The tokens (RFC 4178 §4.2, MS-SPNG §2.2.1).
//!
//! ```text
//! 60 len  06 06 2B 06 01 05 05 02  A0 len NegTokenInit     the first, of either end
//!                                  A1 len NegTokenResp     all others
//! ```

use der::{Decode, Encode, Header, Length, Reader, SliceReader, Tag, TagNumber};

use super::mechanism::{MechType, MechTypeList};
use crate::wire::Malformed;

/// SPNEGO, 1.3.6.1.5.5.2, with tag and length.
pub const SPNEGO_OID: [u8; 8] = [0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02];

/// What an acceptor that speaks first writes into hintName; it carries no meaning (NEG-21).
const HINT_NAME: &[u8] = b"not_defined_in_RFC4178@please_ignore";

const INIT: &str = "NegTokenInit";
const RESP: &str = "NegTokenResp";

/// ```text
/// NegTokenInit ::= SEQUENCE {
///     mechTypes       [0] MechTypeList,
///     reqFlags        [1] ContextFlags  OPTIONAL,
///     mechToken       [2] OCTET STRING  OPTIONAL,
///     mechListMIC     [3] OCTET STRING  OPTIONAL
/// }
///
/// NegTokenInit2 ::= SEQUENCE {    -- MS-SPNG, from an acceptor that speaks first
///     mechTypes       [0] MechTypeList OPTIONAL,
///     reqFlags        [1] ContextFlags OPTIONAL,
///     mechToken       [2] OCTET STRING OPTIONAL,
///     negHints        [3] NegHints     OPTIONAL,
///     mechListMIC     [4] OCTET STRING OPTIONAL
/// }
///
/// NegHints ::= SEQUENCE {
///     hintName        [0] GeneralString OPTIONAL,
///     hintAddress     [1] OCTET STRING  OPTIONAL
/// }
/// ```
///
/// reqFlags is neither sent nor looked at: nothing protects it (NEG-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegTokenInit<'a> {
    /// What the initiator offers, most wanted first; absent only from a NegTokenInit2.
    pub mech_types: Option<MechTypeList<'a>>,
    /// The first token of the first mechanism.
    pub mech_token: Option<&'a [u8]>,
    /// The MIC over the list.
    pub mech_list_mic: Option<&'a [u8]>,
    /// Whether it has negHints, which make it a NegTokenInit2.
    pub has_hints: bool,
}

/// ```text
/// negState ENUMERATED
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegState {
    /// 0: the context is established.
    AcceptCompleted,
    /// 1: at least one more message is needed.
    AcceptIncomplete,
    /// 2: the negotiation is over.
    Reject,
    /// 3: the list of mechanisms has to be protected; only in the acceptor's first reply.
    RequestMic,
}

impl NegState {
    const ALL: [Self; 4] = [
        Self::AcceptCompleted,
        Self::AcceptIncomplete,
        Self::Reject,
        Self::RequestMic,
    ];

    fn number(self) -> u8 {
        self as u8
    }
}

/// ```text
/// NegTokenResp ::= SEQUENCE {
///     negState        [0] ENUMERATED { accept-completed (0), accept-incomplete (1),
///                                      reject (2), request-mic (3) } OPTIONAL,
///     supportedMech   [1] MechType      OPTIONAL,
///     responseToken   [2] OCTET STRING  OPTIONAL,
///     mechListMIC     [3] OCTET STRING  OPTIONAL
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NegTokenResp<'a> {
    /// How the negotiation stands.
    pub neg_state: Option<NegState>,
    /// What the acceptor chose; only in its first reply.
    pub supported_mech: Option<MechType<'a>>,
    /// A token of the mechanism.
    pub response_token: Option<&'a [u8]>,
    /// The MIC over the list.
    pub mech_list_mic: Option<&'a [u8]>,
}

const fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

const FRAME: Tag = Tag::Application {
    constructed: true,
    number: TagNumber(0),
};

/// One element: its tag and its contents.
fn element<'a>(reader: &mut SliceReader<'a>) -> der::Result<(Tag, &'a [u8])> {
    let header = Header::decode(reader)?;
    Ok((header.tag(), reader.read_slice(header.length())?))
}

/// The contents of the one element that `octets` are.
fn only(octets: &[u8], tag: Tag) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(octets)?;
    let (found, contents) = element(&mut reader)?;
    found.assert_eq(tag)?;
    reader.finish()?;
    Ok(contents)
}

/// The fields of a SEQUENCE under their numbers, in order, each at most once. What has a higher
/// number, or none, is of a later version and ignored (NEG-02).
fn fields(sequence: &[u8]) -> der::Result<[Option<&[u8]>; 5]> {
    let mut reader = SliceReader::new(only(sequence, Tag::Sequence)?)?;
    let mut fields = [None; 5];
    let mut next = 0;
    while !reader.is_finished() {
        let (tag, contents) = element(&mut reader)?;
        let Some(number) = (0u32..5).find(|number| context(*number) == tag) else {
            next = 5;
            continue;
        };
        if number < next {
            return Err(tag.unexpected_error(None).into());
        }
        next = number + 1;
        if let Some(field) = fields.get_mut(number as usize) {
            *field = Some(contents);
        }
    }
    Ok(fields)
}

fn octet_string(field: Option<&[u8]>) -> der::Result<Option<&[u8]>> {
    field.map(|field| only(field, Tag::OctetString)).transpose()
}

impl<'a> NegTokenInit<'a> {
    /// Takes a first token apart; its framing must fit to the octet (NEG-01, security case 34).
    pub fn from_token(token: &'a [u8]) -> Result<Self, Malformed> {
        let malformed = |error: der::Error| Malformed::from_der(INIT, &error);
        let framed = || {
            let mut reader = SliceReader::new(only(token, FRAME)?)?;
            if reader.tlv_bytes()? != SPNEGO_OID {
                return Err(Tag::ObjectIdentifier.value_error().into());
            }
            let choice = reader.tlv_bytes()?;
            reader.finish()?;
            let fields = fields(only(choice, context(0))?)?;
            Ok((fields, octet_string(fields[2])?))
        };
        let ([mech_types, _, _, third, fourth], mech_token) = framed().map_err(malformed)?;
        // The third is negHints in a NegTokenInit2, and mechListMIC in a NegTokenInit.
        let has_hints = third.is_some_and(|field| only(field, Tag::Sequence).is_ok());
        let mic = match has_hints {
            true => fourth,
            false => third,
        };
        Ok(Self {
            mech_types: mech_types.map(MechTypeList::new).transpose()?,
            mech_token,
            mech_list_mic: octet_string(mic).map_err(malformed)?,
            has_hints,
        })
    }

    /// The token.
    pub fn to_token(&self) -> Result<Vec<u8>, Malformed> {
        let encode = || {
            let hints = tlv(
                Tag::Sequence,
                &[&tlv(
                    context(0),
                    &[&tlv(Tag::GeneralString, &[HINT_NAME])?],
                )?],
            )?;
            let mut fields = vec![field(0, self.mech_types.map(|list| list.as_bytes()))?];
            fields.push(string_field(2, self.mech_token)?);
            if self.has_hints {
                fields.push(field(3, Some(&hints))?);
            }
            fields.push(string_field(
                3 + u32::from(self.has_hints),
                self.mech_list_mic,
            )?);
            let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let choice = tlv(context(0), &[&tlv(Tag::Sequence, &fields)?])?;
            tlv(FRAME, &[&SPNEGO_OID, &choice])
        };
        encode().map_err(|error: der::Error| Malformed::from_der(INIT, &error))
    }
}

impl<'a> NegTokenResp<'a> {
    /// Takes a later token apart.
    pub fn from_token(token: &'a [u8]) -> Result<Self, Malformed> {
        let decode = || {
            let fields = fields(only(token, context(1))?)?;
            let [neg_state, supported_mech, response_token, mech_list_mic, _] = fields;
            let neg_state = match neg_state {
                Some(field) => {
                    let number = only(field, Tag::Enumerated)?;
                    let state = NegState::ALL
                        .into_iter()
                        .find(|state| number == [state.number()]);
                    Some(state.ok_or(Tag::Enumerated.value_error())?)
                }
                None => None,
            };
            if let Some(field) = supported_mech {
                only(field, Tag::ObjectIdentifier)?;
            }
            Ok(Self {
                neg_state,
                supported_mech: supported_mech.map(MechType::from_element),
                response_token: octet_string(response_token)?,
                mech_list_mic: octet_string(mech_list_mic)?,
            })
        };
        decode().map_err(|error: der::Error| Malformed::from_der(RESP, &error))
    }

    /// The token.
    pub fn to_token(&self) -> Result<Vec<u8>, Malformed> {
        let encode = || {
            let state = match self.neg_state {
                Some(state) => Some(tlv(Tag::Enumerated, &[&[state.number()]])?),
                None => None,
            };
            let fields = [
                field(0, state.as_deref())?,
                field(1, self.supported_mech.map(|mech| mech.as_bytes()))?,
                string_field(2, self.response_token)?,
                string_field(3, self.mech_list_mic)?,
            ];
            tlv(
                context(1),
                &[&tlv(Tag::Sequence, &fields.each_ref().map(Vec::as_slice))?],
            )
        };
        encode().map_err(|error: der::Error| Malformed::from_der(RESP, &error))
    }
}

/// A list of these mechanisms.
pub(super) fn list(mechanisms: &[MechType<'_>]) -> Result<Vec<u8>, Malformed> {
    let elements: Vec<&[u8]> = mechanisms.iter().map(MechType::as_bytes).collect();
    tlv(Tag::Sequence, &elements).map_err(|error| Malformed::from_der("MechTypeList", &error))
}

fn tlv(tag: Tag, contents: &[&[u8]]) -> der::Result<Vec<u8>> {
    let length = contents.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Header::new(tag, Length::try_from(length)?).to_der()?;
    for part in contents {
        out.extend_from_slice(part);
    }
    Ok(out)
}

/// An optional field, of no octets if it is absent.
fn field(number: u32, value: Option<&[u8]>) -> der::Result<Vec<u8>> {
    match value {
        Some(value) => tlv(context(number), &[value]),
        None => Ok(Vec::new()),
    }
}

fn string_field(number: u32, octets: Option<&[u8]>) -> der::Result<Vec<u8>> {
    let string = match octets {
        Some(octets) => Some(tlv(Tag::OctetString, &[octets])?),
        None => None,
    };
    field(number, string.as_deref())
}
