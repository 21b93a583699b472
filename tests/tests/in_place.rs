//! Messages in the caller's buffer take nothing from the heap, once the first of a kind has derived
//! its keys. One test, because what is counted is the whole process.

use std::alloc::System;
use std::sync::Arc;

use orthros::crypto::{Enctype, Key};
use orthros::gss::{MessageKeys, Piece, Protection, Receiver, Role, Sender, Window};
use orthros::random::OsRandom;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ENCTYPES: [Enctype; 4] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
];
const BOTH: [Protection; 2] = [Protection::Integrity, Protection::Confidentiality];
const LENGTHS: [usize; 5] = [0, 1, 64, 1000, 65536];

/// Everything that a context does with a message where it lies.
struct Ends {
    sender: Sender,
    receiver: Receiver,
    /// Room for [`BATCH`] tokens of the longest message.
    buffer: Vec<u8>,
    header: Vec<u8>,
    trailer: Vec<u8>,
    mic: Vec<u8>,
}

const BATCH: usize = 9;

impl Ends {
    fn new(enctype: Enctype, dce: bool) -> Self {
        let keys = MessageKeys {
            base: Key::random(enctype, &OsRandom).expect("a key"),
            acceptor_subkey: Some(Key::random(enctype, &OsRandom).expect("a key")),
        };
        let sender = Sender::new(&keys, Role::Initiator, 1, Arc::new(OsRandom)).expect("a sender");
        let window = Window::new(1, true, true);
        let receiver = Receiver::new(&keys, Role::Acceptor, window).expect("a receiver");
        let (sender, receiver) = match dce {
            true => (sender.dce_style(), receiver.dce_style()),
            false => (sender, receiver),
        };
        let (room, mic) = (
            sender.detached_room(Protection::Confidentiality),
            sender.mic_len(),
        );
        Self {
            sender,
            receiver,
            buffer: vec![0; BATCH * (65536 + 100)],
            header: vec![0; room.token()],
            trailer: vec![0; room.trailer],
            mic: vec![0; mic],
        }
    }

    fn one(&mut self, protection: Protection, len: usize) {
        let room = self.sender.room(protection);
        let token = &mut self.buffer[..room.total() + len];
        self.sender
            .wrap_in_place(protection, token)
            .expect("wrapped");
        let unwrapped = self.receiver.unwrap_in_place(token).expect("genuine");
        assert_eq!(unwrapped.complete().expect("in order").len(), len);
    }

    fn many(&mut self, protection: Protection, len: usize) {
        let total = self.sender.room(protection).total() + len;
        let mut lent: [&mut [u8]; BATCH] = Default::default();
        for (lent, token) in lent.iter_mut().zip(self.buffer.chunks_mut(total)) {
            *lent = token;
        }
        self.sender
            .wrap_many_in_place(protection, &mut lent)
            .expect("wrapped");
        let mut count = 0;
        self.receiver.unwrap_many_in_place(lent, |unwrapped| {
            unwrapped.expect("genuine").complete().expect("in order");
            count += 1;
        });
        assert_eq!(count, BATCH);
    }

    fn pieces(&mut self, protection: Protection, len: usize) {
        let room = self.sender.detached_room(protection);
        let (first, rest) = self.buffer[..len].split_at_mut(len / 3);
        let mut pieces = [
            Piece::SignOnly(b"before"),
            Piece::Data(first),
            Piece::Data(rest),
        ];
        let (header, trailer) = (
            &mut self.header[..room.header],
            &mut self.trailer[..room.trailer],
        );
        self.sender
            .wrap_detached(protection, header, &mut pieces, trailer)
            .expect("wrapped");
        self.receiver
            .unwrap_detached(header, &mut pieces, trailer)
            .expect("genuine")
            .complete()
            .expect("in order");
        let token = &mut self.header[..room.token()];
        self.sender
            .wrap_token(protection, token, &mut pieces)
            .expect("wrapped");
        self.receiver
            .unwrap_token(token, &mut pieces)
            .expect("genuine")
            .complete()
            .expect("in order");
        // In one place, with what is signed only beside it.
        let stream = &mut self.buffer[..room.token() + len];
        let (header, rest) = stream.split_at_mut(room.header);
        let (message, trailer) = rest.split_at_mut(len);
        let mut pieces = [Piece::SignOnly(b"before"), Piece::Data(message)];
        self.sender
            .wrap_detached(protection, header, &mut pieces, trailer)
            .expect("wrapped");
        self.receiver
            .unwrap_stream(b"before", stream, b"")
            .expect("genuine")
            .complete()
            .expect("in order");
    }

    fn mic(&mut self, len: usize) {
        let parts = [&self.buffer[..len / 2], &self.buffer[len / 2..len]];
        self.sender
            .get_mic_of(&parts, &mut self.mic)
            .expect("signed");
        self.receiver
            .verify_mic_of(&parts, &self.mic)
            .expect("genuine")
            .complete()
            .expect("in order");
        self.sender
            .get_mic_of(&parts, &mut self.mic)
            .expect("signed");
        self.receiver
            .verify_mic(&self.buffer[..len], &self.mic)
            .expect("genuine")
            .complete()
            .expect("in order");
    }

    fn everything(&mut self) {
        for len in LENGTHS {
            for protection in BOTH {
                self.one(protection, len);
                self.many(protection, len);
                self.pieces(protection, len);
            }
            self.mic(len);
        }
    }
}

#[test]
fn gss_44_nothing_is_allocated_in_place() {
    for enctype in ENCTYPES {
        for dce in [false, true] {
            let mut ends = Ends::new(enctype, dce);
            // Keys are derived, and the source of randomness takes its first draw.
            ends.everything();
            let region = Region::new(ALLOCATOR);
            for _ in 0..20 {
                ends.everything();
            }
            let change = region.change();
            assert_eq!(
                (change.allocations, change.reallocations),
                (0, 0),
                "{enctype}"
            );
        }
    }
}
