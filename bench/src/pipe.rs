//! A pipe in memory, which says when it is full and when it is empty.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// As much as the kernel keeps for a pair of sockets.
const CAPACITY: usize = 208 << 10;

/// One end of a pipe for one direction.
#[derive(Clone, Debug)]
pub struct Pipe(Rc<RefCell<VecDeque<u8>>>);

impl Pipe {
    /// An empty one.
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(VecDeque::with_capacity(CAPACITY))))
    }

    /// How much can be written.
    pub fn room(&self) -> usize {
        CAPACITY - self.0.borrow().len()
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.borrow_mut().read(out)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let len = octets.len().min(self.room());
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.borrow_mut().extend(&octets[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
