//! How client and service of the demonstration put tokens on a connection: a length of four
//! octets, big-endian, and the token.

use std::io::{self, Read, Write};

/// No token before authentication is longer.
const MAX: usize = 64 * 1024;

pub(super) fn send(stream: &mut impl Write, token: &[u8]) -> io::Result<()> {
    let len = u32::try_from(token.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut octets = len.to_be_bytes().to_vec();
    octets.extend_from_slice(token);
    stream.write_all(&octets)
}

/// The next token; `None` if the peer has hung up instead.
pub(super) fn receive(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut len = [0; 4];
    let mut filled = 0;
    while let Some(room) = len.get_mut(filled..).filter(|room| !room.is_empty()) {
        match stream.read(room)? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    let len = u32::from_be_bytes(len) as usize;
    if len > MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a token of more than 64 KiB",
        ));
    }
    let mut token = vec![0; len];
    stream.read_exact(&mut token)?;
    Ok(Some(token))
}
