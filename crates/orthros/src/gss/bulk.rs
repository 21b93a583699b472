//! Many Wrap tokens of one direction at once.
//!
//! To encrypt one token is a chain of steps, each of which waits for the one before. Tokens are
//! independent of each other, and a processor advances several chains in the time of one: with
//! [`LANES`] tokens side by side the hash is what takes time, and that goes two at a time. What is
//! sent and what is accepted is the same as with one token after the other.

use super::message::{Header, Protection, Receiver, Sender, Unwrapped};
use crate::error::Error;

/// How many tokens go side by side.
const LANES: usize = 4;

impl Sender {
    /// Makes a Wrap token in each of `tokens`, as [`wrap_in_place`](Self::wrap_in_place) does of
    /// one, and in less time. They are numbered in the order in which they lie here.
    ///
    /// Either all are made or none; if none, no number is used up. Nothing is allocated.
    ///
    /// ```no_run
    /// # use orthros::{error::Error, gss::{Protection, Sender}};
    /// fn send(sender: &mut Sender, messages: &[&[u8]]) -> Result<Vec<Vec<u8>>, Error> {
    ///     let room = sender.room(Protection::Confidentiality);
    ///     let framed = |message: &&[u8]| [&vec![0; room.before], *message, &vec![0; room.behind]].concat();
    ///     let mut tokens: Vec<Vec<u8>> = messages.iter().map(framed).collect();
    ///     let mut lent: Vec<&mut [u8]> = tokens.iter_mut().map(Vec::as_mut_slice).collect();
    ///     sender.wrap_many_in_place(Protection::Confidentiality, &mut lent)?;
    ///     Ok(tokens)
    /// }
    /// ```
    pub fn wrap_many_in_place(
        &mut self,
        protection: Protection,
        tokens: &mut [&mut [u8]],
    ) -> Result<(), Error> {
        self.has_fixed_room()?;
        let room = self.room(protection).total();
        if tokens.iter().any(|token| token.len() < room) {
            return Err(Error::Misuse("no room for a Wrap token's own octets"));
        }
        if protection == Protection::Integrity {
            for token in tokens {
                self.wrap_in_place(protection, token)?;
            }
            return Ok(());
        }
        let mut number = self.next_number();
        for token in tokens.iter_mut() {
            self.prepare(number, token)?;
            number = number.wrapping_add(1);
        }
        let cipher = self.wrap_cipher()?;
        let (fours, rest) = tokens.as_chunks_mut::<LANES>();
        for four in fours {
            cipher.seal_each_in_place(four.each_mut().map(|token| payload(token)));
        }
        let (twos, rest) = rest.as_chunks_mut::<2>();
        for two in twos {
            cipher.seal_each_in_place(two.each_mut().map(|token| payload(token)));
        }
        for token in rest {
            cipher.seal_in_place(payload(token));
        }
        self.go_on_at(number);
        Ok(())
    }
}

fn payload(token: &mut [u8]) -> &mut [u8] {
    token.get_mut(Header::LEN..).unwrap_or_default()
}

impl Receiver {
    /// The messages of Wrap tokens, each where it lies, as
    /// [`unwrap_in_place`](Self::unwrap_in_place) gives them, and in less time.
    ///
    /// `each` is called once for each token, in their order, with what came of it: the window
    /// judges their numbers in this order, and a token that is refused does not touch the others.
    /// Nothing is allocated.
    ///
    /// ```no_run
    /// # use orthros::{error::Error, gss::Receiver};
    /// fn read(receiver: &mut Receiver, tokens: &mut [Vec<u8>]) -> Result<Vec<u8>, Error> {
    ///     let mut messages: Result<_, Error> = Ok(Vec::new());
    ///     receiver.unwrap_many_in_place(tokens.iter_mut().map(Vec::as_mut_slice), |unwrapped| {
    ///         match (unwrapped.and_then(|unwrapped| unwrapped.complete()), &mut messages) {
    ///             (Ok(message), Ok(messages)) => messages.extend_from_slice(message),
    ///             (Err(error), Ok(_)) => messages = Err(error),
    ///             (_, Err(_)) => {}
    ///         }
    ///     });
    ///     messages
    /// }
    /// ```
    pub fn unwrap_many_in_place<'t>(
        &mut self,
        tokens: impl IntoIterator<Item = &'t mut [u8]>,
        mut each: impl FnMut(Result<Unwrapped<&'t mut [u8]>, Error>),
    ) {
        let mut waiting = Waiting::default();
        for token in tokens {
            // The tokens of RFC 1964 go one by one.
            #[cfg(feature = "legacy")]
            if self.is_old() {
                each(self.unwrap_in_place(token));
                continue;
            }
            match self.received_in_place(token) {
                Ok((header, payload)) if header.protection() == Protection::Confidentiality => {
                    if let Some(full) = waiting.push(header, payload) {
                        self.unwrap_side_by_side(full, &mut each);
                    }
                }
                other => {
                    self.unwrap_waiting(&mut waiting, &mut each);
                    each(other.and_then(|(header, payload)| self.unwrap_payload(&header, payload)));
                }
            }
        }
        self.unwrap_waiting(&mut waiting, &mut each);
    }

    /// Fewer than [`LANES`].
    fn unwrap_waiting<'t>(
        &mut self,
        waiting: &mut Waiting<'t>,
        each: &mut impl FnMut(Result<Unwrapped<&'t mut [u8]>, Error>),
    ) {
        let [a, b, c, d] = std::mem::take(waiting).0;
        match (a, b) {
            (Some(a), Some(b)) => self.unwrap_side_by_side([a, b], each),
            (Some((header, payload)), None) => each(self.unwrap_payload(&header, payload)),
            (None, _) => {}
        }
        for (header, payload) in [c, d].into_iter().flatten() {
            each(self.unwrap_payload(&header, payload));
        }
    }

    /// Confidential tokens, of which every one is made with the same key, or they go one by one.
    fn unwrap_side_by_side<'t, const N: usize>(
        &mut self,
        tokens: [(Header, &'t mut [u8]); N],
        each: &mut impl FnMut(Result<Unwrapped<&'t mut [u8]>, Error>),
    ) {
        let mut flags = tokens.iter().map(|(header, _)| header.flags());
        let first = flags.next().unwrap_or(0);
        let alike = flags.all(|flags| flags == first);
        let cipher = match alike {
            true => self.wrap_cipher(first).ok(),
            false => None,
        };
        let Some(cipher) = cipher else {
            for (header, payload) in tokens {
                each(self.unwrap_payload(&header, payload));
            }
            return;
        };
        let mut headers = [(); N].map(|()| None);
        let mut kept = headers.iter_mut();
        let opened = cipher.open_each_in_place(tokens.map(|(header, payload)| {
            if let Some(kept) = kept.next() {
                *kept = Some(header);
            }
            payload
        }));
        for (header, opened) in headers.into_iter().flatten().zip(opened) {
            each(self.judge_sealed(&header, opened));
        }
    }
}

/// Confidential tokens that wait until there are [`LANES`] of them; the first places fill first.
#[derive(Default)]
struct Waiting<'t>([Option<(Header, &'t mut [u8])>; LANES]);

impl<'t> Waiting<'t> {
    /// Adds one; if there are enough then, gives all.
    fn push(
        &mut self,
        header: Header,
        payload: &'t mut [u8],
    ) -> Option<[(Header, &'t mut [u8]); LANES]> {
        let free = self.0.iter_mut().find(|place| place.is_none())?;
        *free = Some((header, payload));
        if self.0.iter().any(Option::is_none) {
            return None;
        }
        match std::mem::take(self).0 {
            [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
            _ => None,
        }
    }
}
