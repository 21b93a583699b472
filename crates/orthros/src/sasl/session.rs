//! What SASL establishes, and the buffers of its security layer (RFC 4422 §3.7).
//!
//! ```text
//! | length, 32 bits, big end first | Wrap token |     length <= the receiver's size
//! ```

use std::fmt;

use super::layer::{Layer, Layers};
use super::{LARGEST, broken};
use crate::error::{Error, Rejection};
use crate::gss::{
    BindingOutcome, ContextFlags, ContextInfo, Protection, Receiver, SecurityContext, Sender,
};
use crate::wire::ErrorCode;

/// How long the length before a token is.
const PREFIX: usize = 4;

/// An established session: who the parties are, and the security layer.
///
/// Without a layer, [`encode`](Self::encode) and [`decode`](Self::decode) copy.
#[derive(Debug)]
pub struct Session {
    info: ContextInfo,
    authzid: Option<String>,
    encoder: Encoder,
    decoder: Decoder,
}

impl Session {
    pub(super) fn new(
        context: SecurityContext,
        layer: Layer,
        authzid: Option<String>,
        sizes: Sizes,
    ) -> Result<Self, Error> {
        let (info, sender, receiver) = context.split();
        let encoder = Encoder {
            message: match layer.protection() {
                Some(protection) => sender.wrap_size_limit(protection, sizes.theirs),
                None => usize::MAX,
            },
            layer,
            sender,
        };
        if encoder.message == 0 {
            return Err(broken(
                "the other side takes no buffer in which a message fits",
            ));
        }
        Ok(Self {
            info,
            authzid,
            encoder,
            decoder: Decoder {
                layer,
                largest: sizes.ours,
                received: Vec::new(),
                receiver: Some(receiver),
            },
        })
    }

    /// A session whose layer is what its context's flags say (GSS-SPNEGO).
    pub(super) fn of_flags(
        context: SecurityContext,
        accepted: Layers,
        size: usize,
    ) -> Result<Self, Error> {
        let (ours, theirs) = (size, size);
        let available = Layers::of(context.flags());
        match available.strongest() {
            Some(layer) if accepted.contains(layer) => {
                Self::new(context, layer, None, Sizes { ours, theirs })
            }
            strongest => Err(Rejection::SecurityLayer {
                theirs: strongest.unwrap_or(Layer::None).to_string(),
                ours: accepted.to_string(),
            }
            .into()),
        }
    }

    /// What the context of a server with GS2 is bound to. Its bindings always agree; in GS2-KRB5
    /// they are those of the header alone, and of no channel. In GS2-KRB5-PLUS `places` are those
    /// of the bindings that were compared.
    pub(super) fn bound_to(&mut self, places: Option<&[usize]>) {
        let outcome = match self.info.bindings {
            BindingOutcome::Agree {
                candidate,
                binding_type,
            } => places
                .and_then(|places| places.get(candidate))
                .map(|place| BindingOutcome::Agree {
                    candidate: *place,
                    binding_type,
                }),
            _ => None,
        };
        self.info.bindings = outcome.unwrap_or(BindingOutcome::NotCompared);
        if !self.info.bindings.agrees() {
            self.info.flags = self.info.flags.without(ContextFlags::CHANNEL_BOUND);
        }
    }

    /// What is known of the context below.
    pub fn info(&self) -> &ContextInfo {
        &self.info
    }

    /// The layer that both sides agreed on.
    pub fn layer(&self) -> Layer {
        self.encoder.layer
    }

    /// The authorization identity, if it is not the client's own.
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
    }

    /// The longest message of one buffer; longer ones become several.
    pub fn largest_message(&self) -> usize {
        self.encoder.largest_message()
    }

    /// Appends the buffers of a message to `out`.
    pub fn encode(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.encoder.encode(message, out)
    }

    /// Takes octets as they were received, appends to `out` what is complete.
    pub fn decode(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.decoder.decode(received, out)
    }

    /// Takes the session apart, so that one thread may send while another receives.
    pub fn split(self) -> (ContextInfo, Encoder, Decoder) {
        (self.info, self.encoder, self.decoder)
    }
}

/// The largest buffers of the two sides, without the length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) ours: usize,
    pub(super) theirs: usize,
}

/// The sending half of a session.
#[derive(Debug)]
pub struct Encoder {
    layer: Layer,
    /// The longest message of one buffer (SASL-10).
    message: usize,
    sender: Sender,
}

impl Encoder {
    /// The layer.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// The longest message of one buffer.
    pub fn largest_message(&self) -> usize {
        self.message
    }

    /// The sending half of the context below, for those who frame by themselves.
    pub fn into_sender(self) -> Sender {
        self.sender
    }

    /// Appends the buffers of a message to `out`; of an empty message there are none.
    ///
    /// If it fails, what was appended must not be sent.
    pub fn encode(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(protection) = self.layer.protection() else {
            out.extend_from_slice(message);
            return Ok(());
        };
        for part in message.chunks(self.message) {
            let length = self.sender.token_len(protection, part.len());
            let length = u32::try_from(length)
                .map_err(|_| Error::Misuse("a buffer of SASL longer than 4 GiB"))?;
            out.extend_from_slice(&length.to_be_bytes());
            self.sender.wrap_into(protection, part, out)?;
        }
        Ok(())
    }
}

/// The receiving half of a session.
///
/// The first buffer that is not the next of the peer's ends it (SASL-09): whatever is received
/// then is refused.
pub struct Decoder {
    layer: Layer,
    largest: usize,
    /// The part of a buffer that is here, with its length.
    received: Vec<u8>,
    /// `None` after a refusal.
    receiver: Option<Receiver>,
}

impl fmt::Debug for Decoder {
    /// Not what was received: it may be readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("layer", &self.layer)
            .field("largest", &self.largest)
            .field("received", &self.received.len())
            .field("receiver", &self.receiver)
            .finish()
    }
}

impl Decoder {
    /// The layer.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// Takes octets as they were received, appends to `out` what is complete.
    ///
    /// A buffer longer than our size is refused before any of it is stored (SASL-10).
    pub fn decode(&mut self, mut received: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if self.layer.protection().is_none() {
            out.extend_from_slice(received);
            return Ok(());
        }
        loop {
            let wanted = match self.received.first_chunk::<PREFIX>() {
                Some(prefix) => PREFIX + self.length(*prefix)?,
                None => PREFIX,
            };
            let missing = wanted - self.received.len();
            let missing = missing.min(received.len());
            let (part, rest) = received.split_at(missing);
            self.received.extend_from_slice(part);
            received = rest;
            if self.received.len() < wanted {
                return Ok(());
            }
            if wanted > PREFIX {
                let mut buffer = std::mem::take(&mut self.received);
                let token = buffer.get_mut(PREFIX..).unwrap_or_default();
                out.extend_from_slice(self.open(token)?);
                buffer.clear();
                self.received = buffer;
            }
        }
    }

    /// Whether the octets received end with a buffer: at the end of the stream they must.
    pub fn is_between_buffers(&self) -> bool {
        self.received.is_empty()
    }

    /// The longest token that we take (SASL-10).
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// The receiving half of the context below, for those who frame by themselves. What came before
    /// has to be whole.
    pub fn into_receiver(self) -> Result<Receiver, Error> {
        match self.receiver {
            Some(receiver) if self.received.is_empty() => Ok(receiver),
            Some(_) => Err(Error::Misuse("a SASL session in the middle of a buffer")),
            None => Err(Error::Misuse("a SASL session whose layer is broken")),
        }
    }

    /// The length that stands before a token, if we take so many octets (SASL-10).
    fn length(&mut self, prefix: [u8; PREFIX]) -> Result<usize, Error> {
        let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if length == 0 || length > self.largest {
            self.receiver = None;
            return Err(broken(match length {
                0 => "an empty buffer",
                _ => "a buffer is larger than the size that was agreed on",
            }));
        }
        Ok(length)
    }

    /// The message of one token, where it lies (SASL-09).
    fn open<'t>(&mut self, token: &'t mut [u8]) -> Result<&'t [u8], Error> {
        let Some(mut receiver) = self.receiver.take() else {
            return Err(Error::Misuse("a SASL session whose layer is broken"));
        };
        let unwrapped = receiver.unwrap_in_place(token)?;
        let protection = unwrapped.protection();
        if self.layer == Layer::Confidentiality && protection == Protection::Integrity {
            return Err(Rejection::Message {
                why: "it is not encrypted, and encryption was agreed on",
                code: ErrorCode::KRB_AP_ERR_MODIFIED,
            }
            .into());
        }
        let message = unwrapped.complete()?;
        self.receiver = Some(receiver);
        Ok(message)
    }
}

/// A size as three octets, big end first.
pub(super) fn size_octets(size: usize) -> [u8; 3] {
    let [_, octets @ ..] = u32::try_from(size.min(LARGEST))
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    octets
}

/// The size in three octets.
pub(super) fn size(octets: [u8; 3]) -> usize {
    octets
        .iter()
        .fold(0, |size, octet| size << 8 | usize::from(*octet))
}
