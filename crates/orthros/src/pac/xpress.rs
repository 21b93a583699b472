//! LZ77 with Huffman coding, "XPRESS Huffman" (MS-XCA 2.2): decompression.
//!
//! Every 64 KiB of output are coded by themselves: 256 octets with the bit lengths of 512 symbols,
//! then a stream of 16-bit little-endian words whose bits count from the most significant one.
//! Symbols below 256 are octets; the others are copies of earlier output. What does not fit into a
//! copy's symbol stands as octets amid the words.

const SYMBOLS: usize = 512;
const TABLE: usize = SYMBOLS / 2;
const MAX_BITS: usize = 15;
const BLOCK: usize = 65_536;

/// The `size` octets that `input` was made of; `None` if it was made of others.
pub(super) fn decompress(input: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(size);
    let mut rest = input;
    while out.len() < size {
        let (lengths, stream) = rest.split_first_chunk::<TABLE>()?;
        let code = Code::new(lengths)?;
        let mut bits = Bits::new(stream)?;
        let end = size.min(out.len() + BLOCK);
        while out.len() < end {
            let symbol = code.read(&mut bits)?;
            match symbol.checked_sub(256) {
                None => out.push(u8::try_from(symbol).ok()?),
                Some(copy) => {
                    let length = copy_length(&mut bits, copy & 15)?;
                    let distance_bits = u32::from(copy >> 4);
                    let distance = (1usize << distance_bits)
                        + usize::try_from(bits.take(distance_bits)?).ok()?;
                    if length > size - out.len() {
                        return None;
                    }
                    let from = out.len().checked_sub(distance)?;
                    // The copy may overlap what it makes.
                    for at in from..from + length {
                        out.push(*out.get(at)?);
                    }
                }
            }
        }
        rest = bits.octets;
    }
    Some(out)
}

/// How much is copied: three octets more than the symbol says, or than the octets that stand amid
/// the words if the symbol has no room for it.
fn copy_length(bits: &mut Bits<'_>, low: u16) -> Option<usize> {
    let mut length = u32::from(low);
    if length == 15 {
        length += u32::from(bits.octet()?);
        if length == 15 + 255 {
            length = u32::from(bits.word()?);
            if length == 0 {
                length = bits.double_word()?;
            }
            if length < 15 {
                return None;
            }
        }
    }
    usize::try_from(length).ok()?.checked_add(3)
}

/// A canonical Huffman code: how many symbols have each length, and the symbols in the order of
/// their codes.
struct Code {
    counts: [u16; MAX_BITS + 1],
    symbols: [u16; SYMBOLS],
}

impl Code {
    /// `None` if more codes are promised than there can be.
    fn new(lengths: &[u8; TABLE]) -> Option<Self> {
        let length_of = |symbol: usize| {
            let pair = lengths.get(symbol / 2)?;
            Some(usize::from(if symbol.is_multiple_of(2) {
                pair & 15
            } else {
                pair >> 4
            }))
        };
        let mut code = Self {
            counts: [0; MAX_BITS + 1],
            symbols: [0; SYMBOLS],
        };
        for symbol in 0..SYMBOLS {
            *code.counts.get_mut(length_of(symbol)?)? += 1;
        }
        let mut offsets = [0u16; MAX_BITS + 2];
        let mut room = 1i32;
        for bits in 1..=MAX_BITS {
            let count = *code.counts.get(bits)?;
            room = room * 2 - i32::from(count);
            if room < 0 {
                return None;
            }
            *offsets.get_mut(bits + 1)? = offsets.get(bits)? + count;
        }
        for symbol in 0..SYMBOLS {
            let bits = length_of(symbol)?;
            if bits > 0 {
                let offset = offsets.get_mut(bits)?;
                *code.symbols.get_mut(usize::from(*offset))? = u16::try_from(symbol).ok()?;
                *offset += 1;
            }
        }
        Some(code)
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let (mut first, mut index) = (0u32, 0u32);
        for (length, count) in (1u32..).zip(self.counts.iter().skip(1)) {
            let count = u32::from(*count);
            let code = bits.peek(length);
            if code < first + count {
                bits.take(length)?;
                let at = usize::try_from(index + (code - first)).ok()?;
                return self.symbols.get(at).copied();
            }
            index += count;
            first = (first + count) << 1;
        }
        None
    }
}

/// The words' bits: at least 16 are always at hand, of which `absent` at the end are not in the
/// input.
struct Bits<'a> {
    octets: &'a [u8],
    register: u32,
    extra: u32,
    absent: u32,
}

impl<'a> Bits<'a> {
    fn new(octets: &'a [u8]) -> Option<Self> {
        let mut bits = Self {
            octets,
            register: 0,
            extra: 16,
            absent: 0,
        };
        bits.register = u32::from(bits.word()?) << 16;
        bits.register |= u32::from(bits.word()?);
        Some(bits)
    }

    /// The next `count` bits, at most 15.
    fn peek(&self, count: u32) -> u32 {
        if count == 0 {
            0
        } else {
            self.register >> (32 - count)
        }
    }

    /// Takes `count` bits, at most 15, and fetches another word when fewer than 16 are left.
    fn take(&mut self, count: u32) -> Option<u32> {
        let taken = self.peek(count);
        self.register <<= count;
        if let Some(extra) = self.extra.checked_sub(count) {
            self.extra = extra;
        } else {
            let missing = count - self.extra;
            match self.word() {
                Some(word) => self.register |= u32::from(word) << missing,
                None => self.absent += 16,
            }
            self.extra = 16 - missing;
        }
        (16 + self.extra >= self.absent).then_some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        let (octet, rest) = self.octets.split_first()?;
        self.octets = rest;
        Some(*octet)
    }

    fn word(&mut self) -> Option<u16> {
        let (word, rest) = self.octets.split_first_chunk()?;
        self.octets = rest;
        Some(u16::from_le_bytes(*word))
    }

    fn double_word(&mut self) -> Option<u32> {
        let (word, rest) = self.octets.split_first_chunk()?;
        self.octets = rest;
        Some(u32::from_le_bytes(*word))
    }
}
