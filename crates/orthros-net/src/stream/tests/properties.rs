//! However the octets come, it is the same stream; and whatever is changed, it ends there.

use std::collections::VecDeque;

use orthros::error::Error;
use proptest::prelude::*;

use super::*;

const CONFIGS: [fn() -> StreamConfig; 5] = [
    StreamConfig::postgres,
    StreamConfig::knc,
    StreamConfig::gss_sample,
    || StreamConfig::sasl(Protection::Integrity, 4096, 4096),
    || StreamConfig::sasl(Protection::Confidentiality, 300, 300),
];

/// A pipe through which octets go in pieces of these sizes.
struct Pipe {
    octets: VecDeque<u8>,
    sizes: Vec<usize>,
    turn: usize,
}

impl Pipe {
    fn new(octets: impl Into<VecDeque<u8>>, sizes: &[usize]) -> Self {
        Self {
            octets: octets.into(),
            sizes: sizes.to_vec(),
            turn: 0,
        }
    }

    fn size(&mut self) -> usize {
        self.turn += 1;
        self.sizes[self.turn % self.sizes.len()]
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.size().max(1).min(out.len());
        self.octets.read(&mut out[..len])
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let len = self.size().max(1).min(octets.len());
        self.octets.write(&octets[..len])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "tokio")]
mod asynchronous {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    impl Pipe {
        /// At size 0 the stream below is not ready.
        fn poll_size(&mut self, context: &mut Context<'_>) -> Poll<usize> {
            match self.size() {
                0 => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                size => Poll::Ready(size),
            }
        }
    }

    impl AsyncRead for Pipe {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let this = self.get_mut();
            let size = std::task::ready!(this.poll_size(context));
            let len = size.min(out.remaining()).min(this.octets.len());
            let piece: Vec<u8> = this.octets.drain(..len).collect();
            out.put_slice(&piece);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Pipe {
        fn poll_write(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            let size = std::task::ready!(this.poll_size(context));
            let len = size.min(octets.len());
            this.octets.extend(&octets[..len]);
            Poll::Ready(Ok(len))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}

fn stream(pipe: Pipe, role: Role, config: &StreamConfig) -> blocking::SecureStream<Pipe> {
    blocking::SecureStream::of_halves(pipe, sealer(role, config), opener(role, config))
}

/// One octet at a time, all at once, or anything.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let any = prop_oneof![0..8_usize, 0..5000_usize, 0..300_000_usize];
    prop_oneof![
        Just(vec![1]),
        Just(vec![1 << 20]),
        // The last lets it go on.
        proptest::collection::vec(any, 1..20).prop_map(|sizes| [&sizes[..], &[1]].concat()),
    ]
}

/// What a reader gets in pieces of these sizes, and how it ends.
fn read(mut from: impl Read, sizes: &[usize]) -> (Vec<u8>, io::Result<()>) {
    let mut all = Vec::new();
    let mut out = vec![0; 1 << 20];
    for size in sizes.iter().cycle() {
        match from.read(&mut out[..(*size).max(1)]) {
            Ok(0) => return (all, Ok(())),
            Ok(read) => all.extend_from_slice(&out[..read]),
            Err(error) => return (all, Err(error)),
        }
    }
    (all, Ok(()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_chopping_gives_the_same_plaintext(
        config in 0..CONFIGS.len(),
        len in prop_oneof![0..200_usize, 0..150_000_usize],
        writes in sizes(),
        sent in sizes(),
        received in sizes(),
        reads in sizes(),
    ) {
        let config = CONFIGS[config]();
        // An octet at a time makes a frame of each.
        let message = text(if writes == [1] { len % 2000 } else { len });

        let mut writer = stream(Pipe::new(VecDeque::new(), &sent), Role::Initiator, &config);
        let mut left = &message[..];
        for size in writes.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (piece, rest) = left.split_at((*size).min(left.len()));
            writer.write_all(piece).unwrap();
            left = rest;
        }
        writer.finish().unwrap();
        let wire = writer.inner.octets;

        let pipe = Pipe::new(wire.clone(), &received);
        let (all, end) = read(stream(pipe, Role::Acceptor, &config), &reads);
        end.unwrap();
        prop_assert!(all == message);

        #[cfg(feature = "tokio")]
        ::tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            use ::tokio::io::{AsyncReadExt, AsyncWriteExt};

            let mut writer = stream(Pipe::new(VecDeque::new(), &sent), Role::Initiator, &config);
            AsyncWriteExt::write_all(&mut writer, &message).await.unwrap();
            writer.shutdown().await.unwrap();
            for wire in [wire, writer.inner.octets] {
                let pipe = Pipe::new(wire, &received);
                let mut all = Vec::new();
                let mut reader = stream(pipe, Role::Acceptor, &config);
                AsyncReadExt::read_to_end(&mut reader, &mut all).await.unwrap();
                prop_assert!(all == message);
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_changed_bit_ends_the_stream_there(
        config in 0..CONFIGS.len(),
        lengths in proptest::collection::vec(1..3000_usize, 1..12),
        bit in any::<proptest::sample::Index>(),
        received in sizes(),
        reads in sizes(),
    ) {
        let config = CONFIGS[config]();
        let mut sealer = sealer(Role::Initiator, &config);
        let mut wire = Vec::new();
        // Where each frame begins, and how much of the message is before it.
        let mut frames = Vec::new();
        let mut message = Vec::new();
        for len in lengths {
            let mut left = &text(len)[..];
            while !left.is_empty() {
                let len = left.len().min(sealer.max_message());
                frames.push((wire.len(), message.len()));
                wire.extend_from_slice(&frame(&mut sealer, &left[..len]));
                message.extend_from_slice(&left[..len]);
                left = &left[len..];
            }
        }
        let bit = bit.index(wire.len() * 8);
        wire[bit / 8] ^= 1 << (bit % 8);
        let hit = frames.iter().rposition(|(start, _)| *start <= bit / 8).unwrap();
        let (start, before) = frames[hit];

        let (all, end) = read(stream(Pipe::new(wire.clone(), &received), Role::Acceptor, &config), &reads);
        let head = config.framing.head_len();
        let end_of_hit = frames.get(hit + 1).map_or(wire.len(), |(start, _)| *start);
        if (start + head + 6..start + head + 8).contains(&(bit / 8)) {
            // RRC is not protected, and one that is a multiple of what it rotates rotates nothing
            // (RFC 4121 section 4.2.5): the token is the same.
            let rrc = u16::from_be_bytes([wire[start + head + 6], wire[start + head + 7]]);
            if usize::from(rrc) % (end_of_hit - start - head - 16) == 0 {
                end.unwrap();
                prop_assert!(all == message);
                return Ok(());
            }
        }
        prop_assert!(all == message[..before], "up to the frame that was changed, and no further");
        let error = end.unwrap_err();
        let inner = error.get_ref().unwrap();
        prop_assert!(inner.is::<FrameError>() || inner.is::<Error>(), "{error:?}");
    }
}
