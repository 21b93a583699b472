//! Rows of many messages: tokens made and read together, and a stream.

use std::hint::black_box;
use std::io::{self, Read, Write};

use orthros::crypto::Enctype;

use crate::peers::{Context, Reason};
use crate::pipe::Pipe;

/// What such a row does.
#[derive(Clone, Copy, Debug)]
pub enum Bulk {
    /// Wrap, with confidentiality, of many messages of so many octets, where they lie if the
    /// library can.
    Wrap(usize),
    /// Unwrap of such messages.
    Unwrap(usize),
    /// So many octets from one end of a protected stream to the other, over a pipe in memory.
    Stream,
}

/// How much goes through a stream.
const MUCH: usize = 64 << 20;

/// How much is written to it at once.
const WRITE: usize = 1 << 20;

/// The longest message of a frame of 16 KiB, length and token, with any enctype.
const MESSAGE: usize = 16_380 - 72;

impl Bulk {
    /// Every row, in the order in which they are printed.
    pub const ALL: [Self; 5] = [
        Self::Wrap(1 << 10),
        Self::Wrap(16 << 10),
        Self::Unwrap(1 << 10),
        Self::Unwrap(16 << 10),
        Self::Stream,
    ];

    /// The name by which it is selected.
    pub fn name(self, enctype: Enctype) -> String {
        let enctype = enctype.0;
        match self {
            Self::Wrap(octets) => format!("wrap-many/{enctype}/{}KiB", octets >> 10),
            Self::Unwrap(octets) => format!("unwrap-many/{enctype}/{}KiB", octets >> 10),
            Self::Stream => format!("stream/{enctype}/64MiB"),
        }
    }

    /// How many octets one operation has.
    pub fn octets(self) -> usize {
        match self {
            Self::Wrap(octets) | Self::Unwrap(octets) => octets,
            Self::Stream => MUCH,
        }
    }

    /// How many operations make one round.
    pub fn batch(self, quick: bool) -> usize {
        let few = if quick { 4 } else { 1 };
        match self {
            Self::Wrap(octets) | Self::Unwrap(octets) => (8 << 20) / octets / few,
            Self::Stream => 1,
        }
    }

    /// The work as one library does it, with both ends of a context.
    pub fn task(
        self,
        (mut initiator, acceptor): (Box<dyn Context>, Box<dyn Context>),
    ) -> Result<Task, Reason> {
        let work = match self {
            Self::Wrap(octets) => {
                let (before, behind) = initiator.room(octets).unwrap_or((0, 0));
                let tokens = vec![vec![0x5a; before + octets + behind]; (256 << 10) / octets];
                Work::Wrap(initiator, tokens)
            }
            Self::Unwrap(octets) => Work::Unwrap(initiator, acceptor, vec![0x5a; octets]),
            Self::Stream => {
                let pipe = Pipe::new();
                let mut ends = Ends {
                    from: initiator.into_stream(pipe.clone()),
                    to: acceptor.into_stream(pipe.clone()),
                    pipe,
                    message: (0..WRITE).map(|n| (n * 7 + n / 251) as u8).collect(),
                    out: vec![0; 64 << 10],
                };
                let received = ends.transfer(2 * WRITE + 1, true);
                if received != 2 * WRITE + 1 {
                    return Err("the stream loses octets".into());
                }
                Work::Stream(ends)
            }
        };
        Ok(Task(work))
    }
}

/// Set-up work of one library.
pub struct Task(Work);

enum Work {
    Wrap(Box<dyn Context>, Vec<Vec<u8>>),
    Unwrap(Box<dyn Context>, Box<dyn Context>, Vec<u8>),
    Stream(Ends),
}

impl Task {
    /// What `count` operations take, which is made anew for each round.
    pub fn input(&mut self, count: usize) -> Vec<Vec<u8>> {
        match &mut self.0 {
            Work::Unwrap(initiator, _, message) => {
                (0..count).map(|_| initiator.wrap(message)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The work, `count` times.
    pub fn run(&mut self, count: usize, input: &mut [Vec<u8>]) {
        match &mut self.0 {
            Work::Wrap(context, tokens) => {
                let mut left = count;
                while left > 0 {
                    let now = left.min(tokens.len());
                    context.wrap_many(black_box(&mut tokens[..now]));
                    left -= now;
                }
            }
            Work::Unwrap(_, context, _) => context.unwrap_many(input),
            Work::Stream(ends) => {
                for _ in 0..count {
                    assert_eq!(ends.transfer(MUCH, false), MUCH);
                }
            }
        }
    }
}

/// The two ends of a stream, in one thread.
struct Ends {
    from: Box<dyn Stream>,
    to: Box<dyn Stream>,
    pipe: Pipe,
    message: Vec<u8>,
    out: Vec<u8>,
}

impl Ends {
    /// Sends so many octets; how many arrive.
    fn transfer(&mut self, much: usize, compare: bool) -> usize {
        let (mut sent, mut received) = (0, 0);
        while received < much {
            let mut progress = 0;
            while sent < much {
                let start = sent % self.message.len();
                let end = self.message.len().min(start + much - sent);
                match self.from.send(&self.message[start..end]) {
                    0 => break,
                    taken => {
                        sent += taken;
                        progress += taken;
                    }
                }
            }
            if sent == much {
                self.from.flush();
            }
            loop {
                let read = self.to.receive(&mut self.out);
                if compare {
                    for (n, octet) in self.out[..read].iter().enumerate() {
                        let place = (received + n) % self.message.len();
                        assert_eq!(*octet, self.message[place], "octet {}", received + n);
                    }
                }
                received += read;
                progress += read;
                if read == 0 {
                    break;
                }
            }
            if progress == 0 && self.pipe.is_empty() {
                break;
            }
        }
        received
    }
}

/// One end of a protected stream over a [`Pipe`]. 0 means that the pipe is full, or empty.
pub trait Stream {
    /// Sends the front of `octets`: how many.
    fn send(&mut self, octets: &[u8]) -> usize;

    /// Sends what was taken and not sent, as far as it goes.
    fn flush(&mut self);

    /// Receives into `out`: how many octets.
    fn receive(&mut self, out: &mut [u8]) -> usize;
}

/// How a program makes a stream of a library that has none: one frame after the other, a length
/// in four octets and a Wrap token.
pub struct Framed {
    context: Box<dyn Context>,
    pipe: Pipe,
    frame: Vec<u8>,
}

impl Framed {
    pub fn new(context: Box<dyn Context>, pipe: Pipe) -> Self {
        Self {
            context,
            pipe,
            frame: Vec::new(),
        }
    }
}

impl Stream for Framed {
    fn send(&mut self, octets: &[u8]) -> usize {
        if self.pipe.room() < 16 << 10 {
            return 0;
        }
        let message = &octets[..octets.len().min(MESSAGE)];
        let token = self.context.wrap(message);
        let len = (token.len() as u32).to_be_bytes();
        self.pipe.write_all(&len).expect("there is room");
        self.pipe.write_all(&token).expect("there is room");
        message.len()
    }

    fn flush(&mut self) {}

    fn receive(&mut self, out: &mut [u8]) -> usize {
        let mut len = [0; 4];
        if self.pipe.is_empty() {
            return 0;
        }
        self.pipe.read_exact(&mut len).expect("a frame is whole");
        self.frame.resize(u32::from_be_bytes(len) as usize, 0);
        self.pipe
            .read_exact(&mut self.frame)
            .expect("a frame is whole");
        let message = self.context.unwrap(&self.frame).expect("it is the next");
        out[..message.len()].copy_from_slice(&message);
        message.len()
    }
}

/// Ours.
impl Stream for orthros_net::stream::SecureStream<Pipe> {
    fn send(&mut self, octets: &[u8]) -> usize {
        unless_blocked(self.write(octets))
    }

    fn flush(&mut self) {
        match Write::flush(self) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => panic!("{error}"),
            _ => {}
        }
    }

    fn receive(&mut self, out: &mut [u8]) -> usize {
        unless_blocked(self.read(out))
    }
}

fn unless_blocked(done: io::Result<usize>) -> usize {
    match done {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    }
}
