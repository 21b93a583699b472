//! A connection to a server of Valkey or Redis, and what is said on it (RESP, version 2).
//!
//! ```text
//! command    *2 CRLF $4 CRLF AUTH CRLF $5 CRLF name CRLF ...      an array of strings
//! answer     +OK CRLF | -ERR why CRLF | :7 CRLF | $5 CRLF octets CRLF | $-1 CRLF
//! ```
//!
//! No task serves the connection: whoever waits for an answer reads, for itself and for all whose
//! answers come before its own. So one request at a time is one write and one read and wakes
//! nobody, and many at a time share their writes and reads. What was begun is in the connection,
//! not in the one that reads: if that one is dropped, the next goes on where it was.

use std::collections::VecDeque;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot::{self, error::TryRecvError};

/// The longest string that is taken: what INFO may be long.
const LONGEST: usize = 64 * 1024;
/// The longest line that is taken: what an error may be long.
const LINE: usize = 4 * 1024;

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What the server says to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `+OK`.
    Okay,
    /// A string that is none.
    Nil,
    /// Anything else that is no error.
    Text(String),
    /// An error.
    Error(String),
}

/// Appends a command.
pub(crate) fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    // A vector takes everything.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A connection of one's own.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// Commands, of which so many octets are sent.
    out: Vec<u8>,
    sent: usize,
    /// What the server said and nobody has read.
    input: Vec<u8>,
    /// Who gets the next answers.
    waiting: VecDeque<oneshot::Sender<Answer>>,
    failed: bool,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            out: Vec::new(),
            sent: 0,
            input: Vec::with_capacity(1024),
            waiting: VecDeque::new(),
            failed: false,
        }
    }

    /// Sends a command, which is not copied, and waits for its answer.
    pub(crate) async fn call(&mut self, command: &[u8]) -> Result<Answer, String> {
        self.stream.write_all(command).await.map_err(text)?;
        self.stream.flush().await.map_err(text)?;
        loop {
            if let Some(answer) = take_answer(&mut self.input)? {
                return Ok(answer);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) => Err("the server has closed the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(text(error)),
        }
    }

    /// Sends what is to be sent, and reads once.
    async fn go_on(&mut self) -> Result<(), String> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest).await {
                Ok(0) => return Err("the server takes nothing".to_owned()),
                Ok(sent) => self.sent += sent,
                Err(error) => return Err(text(error)),
            }
        }
        self.stream.flush().await.map_err(text)?;
        self.out.clear();
        self.sent = 0;
        self.read().await?;
        self.hand_out()
    }

    fn hand_out(&mut self) -> Result<(), String> {
        while let Some(answer) = take_answer(&mut self.input)? {
            match self.waiting.pop_front() {
                // Who does not wait any more misses nothing.
                Some(waiting) => drop(waiting.send(answer)),
                None => return Err("the server says more than it was asked".to_owned()),
            }
        }
        Ok(())
    }

    /// Whether the server has said nothing, and not closed the connection, since it was last asked.
    fn is_quiet(&mut self) -> bool {
        if !self.waiting.is_empty() {
            return true;
        }
        let mut octet = [0];
        let mut context = Context::from_waker(Waker::noop());
        let read =
            Pin::new(&mut self.stream).poll_read(&mut context, &mut ReadBuf::new(&mut octet));
        read.is_pending()
    }
}

/// A connection that tasks share.
pub(crate) struct Connection {
    queue: Mutex<Queue>,
    /// Whoever holds it sends and reads.
    wire: tokio::sync::Mutex<Wire>,
}

/// What is still to be sent.
#[derive(Default)]
struct Queue {
    commands: Vec<u8>,
    waiting: Vec<oneshot::Sender<Answer>>,
}

impl Connection {
    pub(crate) fn new(wire: Wire) -> Self {
        Self {
            queue: Mutex::default(),
            wire: tokio::sync::Mutex::new(wire),
        }
    }

    /// Whether nothing says that it is of no use any more. A command that was never sent can be
    /// sent on another.
    pub(crate) fn is_open(&self) -> bool {
        match self.wire.try_lock() {
            Ok(mut wire) => !wire.failed && wire.is_quiet(),
            // Somebody uses it, and will find out.
            Err(_) => true,
        }
    }

    /// Sends the command that `write` appends, and waits for its answer.
    ///
    /// Whoever does not wait for the end leaves the connection as it should be.
    pub(crate) async fn ask(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Answer, String> {
        let (sender, mut answer) = oneshot::channel();
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            write(&mut queue.commands);
            queue.waiting.push(sender);
        }
        let lost = "the connection is lost";
        let mut lock = pin!(self.wire.lock());
        let first = poll_fn(|context| match Pin::new(&mut answer).poll(context) {
            Poll::Ready(answer) => Poll::Ready(Err(answer)),
            Poll::Pending => lock.as_mut().poll(context).map(Ok),
        });
        let mut wire = match first.await {
            Ok(wire) => wire,
            Err(answer) => return answer.map_err(|_| lost.to_owned()),
        };
        loop {
            match answer.try_recv() {
                Ok(answer) => return Ok(answer),
                Err(TryRecvError::Closed) => return Err(lost.to_owned()),
                Err(TryRecvError::Empty) if wire.failed => return Err(lost.to_owned()),
                Err(TryRecvError::Empty) => {}
            }
            {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                wire.out.append(&mut queue.commands);
                wire.waiting.extend(queue.waiting.drain(..));
            }
            if let Err(why) = wire.go_on().await {
                // Nobody knows which of the commands the server has carried out.
                wire.failed = true;
                wire.waiting.clear();
                return Err(why);
            }
        }
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// The first answer, taken out of what the server said; `None` if it is not all there yet.
fn take_answer(input: &mut Vec<u8>) -> Result<Option<Answer>, String> {
    let head = input.get(..input.len().min(LINE)).unwrap_or_default();
    let Some(end) = head.windows(2).position(|two| two == b"\r\n") else {
        return match input.len() < LINE {
            true => Ok(None),
            false => Err("the server's answer is too long".to_owned()),
        };
    };
    let none = || "an answer that is none".to_owned();
    let (kind, line) = head
        .get(..end)
        .and_then(<[u8]>::split_first)
        .ok_or_else(none)?;
    let behind = end + 2;
    let words = || String::from_utf8_lossy(line).into_owned();
    let (answer, length) = match (kind, line) {
        (b'+', b"OK") => (Answer::Okay, behind),
        (b'+' | b':', _) => (Answer::Text(words()), behind),
        (b'-', _) => (Answer::Error(words()), behind),
        (b'$', b"-1") => (Answer::Nil, behind),
        (b'$', digits) => {
            let digits = std::str::from_utf8(digits).map_err(|_| none())?;
            let length: usize = digits.parse().map_err(|_| none())?;
            if length > LONGEST {
                return Err("the server's answer is too long".to_owned());
            }
            let Some(string) = input.get(behind..behind + length + 2) else {
                return Ok(None);
            };
            let string = string.strip_suffix(b"\r\n").ok_or_else(none)?;
            let string = String::from_utf8_lossy(string).into_owned();
            (Answer::Text(string), behind + length + 2)
        }
        _ => return Err(none()),
    };
    input.drain(..length);
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::DuplexStream;

    use super::*;

    fn pair() -> (Arc<Connection>, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        (Arc::new(Connection::new(Wire::new(Box::new(ours)))), theirs)
    }

    fn ping(out: &mut Vec<u8>) {
        command(out, &[b"PING"]);
    }

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    async fn hear(theirs: &mut DuplexStream, pings: usize) {
        let mut heard = vec![0; PING.len() * pings];
        theirs.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, PING.repeat(pings));
    }

    /// The forms of RESP 2 that its description prints.
    #[test]
    fn answers() {
        let taken = |octets: &[u8]| {
            let mut input = octets.to_vec();
            let answer = take_answer(&mut input);
            answer.map(|answer| answer.map(|answer| (answer, input)))
        };
        let right = |octets: &[u8], answer: Answer| {
            assert_eq!(taken(octets), Ok(Some((answer.clone(), Vec::new()))));
            let more = [octets, b"+"].concat();
            assert_eq!(taken(&more), Ok(Some((answer, b"+".to_vec()))));
            for end in 0..octets.len() {
                assert_eq!(taken(&octets[..end]), Ok(None), "{end}");
            }
        };
        right(b"+OK\r\n", Answer::Okay);
        right(b"$-1\r\n", Answer::Nil);
        right(b"$0\r\n\r\n", Answer::Text(String::new()));
        right(b"$5\r\nhello\r\n", Answer::Text("hello".into()));
        right(b"$4\r\na\r\nb\r\n", Answer::Text("a\r\nb".into()));
        right(b":1000\r\n", Answer::Text("1000".into()));
        right(b"-ERR no\r\n", Answer::Error("ERR no".into()));
        for wrong in [
            b"\r\n".as_slice(),
            b"*1\r\n",
            b"HTTP/1.1 400\r\n",
            b"$x\r\n",
            b"$-2\r\n",
            b"$99999999\r\n",
            b"$99999999999999999999999999\r\n",
            b"$1\r\nabc",
            &[b'x'; LINE],
        ] {
            assert!(taken(wrong).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn many_at_once_are_written_together_and_answered_in_order() {
        let (connection, mut theirs) = pair();
        let asks: Vec<_> = (0..50)
            .map(|_| {
                let connection = Arc::clone(&connection);
                tokio::spawn(async move { connection.ask(ping).await })
            })
            .collect();
        hear(&mut theirs, 1).await;
        // The first one waits; the others are ready, and come in one piece.
        theirs.write_all(b":0\r\n").await.unwrap();
        hear(&mut theirs, 49).await;
        for number in 1..50 {
            let answer = format!(":{number}\r\n");
            theirs.write_all(answer.as_bytes()).await.unwrap();
        }
        for (number, ask) in asks.into_iter().enumerate() {
            let answer = ask.await.unwrap();
            assert_eq!(answer, Ok(Answer::Text(number.to_string())));
        }
        assert!(connection.is_open());
    }

    /// Who reads for all goes away; nobody's answer is lost or mixed up.
    #[tokio::test]
    async fn whoever_does_not_wait_takes_nothing_with_it() {
        let (connection, mut theirs) = pair();
        let ask = || {
            let connection = Arc::clone(&connection);
            tokio::spawn(async move { connection.ask(ping).await })
        };
        let (first, second) = (ask(), ask());
        hear(&mut theirs, 1).await;
        // Half of its answer, and it is gone.
        theirs.write_all(b"$5\r\nfi").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        hear(&mut theirs, 1).await;
        theirs.write_all(b"rst\r\n$6\r\nsecond\r\n").await.unwrap();
        let answer = second.await.unwrap();
        assert_eq!(answer, Ok(Answer::Text("second".into())));
        assert!(connection.is_open());
    }

    #[tokio::test]
    async fn an_end_is_seen_before_something_is_sent() {
        let (connection, theirs) = pair();
        assert!(connection.is_open());
        drop(theirs);
        assert!(!connection.is_open());
        assert!(connection.ask(ping).await.is_err());
        assert!(!connection.is_open());
    }

    #[tokio::test]
    async fn what_nobody_asked_for_ends_the_connection() {
        let (connection, mut theirs) = pair();
        theirs.write_all(b"+OK\r\n").await.unwrap();
        assert!(!connection.is_open());
        let (connection, mut theirs) = pair();
        let asked = tokio::spawn({
            let connection = Arc::clone(&connection);
            async move { connection.ask(ping).await }
        });
        hear(&mut theirs, 1).await;
        theirs.write_all(b"+OK\r\n+OK\r\n").await.unwrap();
        let answer = asked.await.unwrap();
        assert!(answer.is_err() || !connection.is_open());
        assert!(!connection.is_open());
    }

    /// However much the server says, only so much is kept.
    #[tokio::test]
    async fn an_endless_answer_ends_the_connection() {
        let (connection, mut theirs) = pair();
        tokio::spawn(async move { while theirs.write_all(&[b'+'; 4096]).await.is_ok() {} });
        let answer = connection.ask(ping).await;
        assert!(answer.unwrap_err().contains("too long"));
        assert!(connection.wire.lock().await.input.len() < LONGEST);
    }
}
