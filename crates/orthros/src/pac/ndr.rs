//! NDR in type serialisation version 1 (MS-RPCE 2.2.6, C706 chapter 14), as far as PACs use it
//! (PAC-21).
//!
//! A buffer is a header, the referent identifier of the one top-level pointer, and what it points
//! to. A structure comes first with all its fixed fields; what its pointers point to follows in the
//! order of the fields. Primitive types are aligned to their size, counted from the end of the
//! header.

use super::Sid;
use super::error::Fault;

/// Version 1, little-endian, length of the common header.
const HEADER: [u8; 4] = [1, 0x10, 8, 0];
const HEADER_LEN: usize = 16;
const FILLER: [u8; 4] = [0xCC; 4];

/// The first referent identifier, and the distance between two.
const REFERENT: u32 = 0x0002_0000;
const REFERENT_STEP: u32 = 4;

/// Reads one buffer; every count is checked against the octets that are left before anything is
/// allocated for it.
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

/// The fixed part of an RPC_UNICODE_STRING.
#[derive(Clone, Copy)]
pub(super) struct UnicodeString {
    length: u16,
    maximum: u16,
    present: bool,
}

impl<'a> Reader<'a> {
    /// Takes the header off. The filler octets are not looked at, as MS-RPCE says.
    pub(super) fn new(buffer: &'a [u8]) -> Result<Self, Fault> {
        let Some((header, rest)) = buffer.split_first_chunk::<HEADER_LEN>() else {
            return Err(Fault::new(buffer.len(), "shorter than the NDR header"));
        };
        let [a, b, c, d, _, _, _, _, l0, l1, l2, l3, ..] = *header;
        if [a, b, c, d] != HEADER {
            return Err(Fault::new(0, "not NDR type serialisation version 1"));
        }
        usize::try_from(u32::from_le_bytes([l0, l1, l2, l3]))
            .ok()
            .and_then(|length| rest.get(..length))
            .map(|octets| Self { octets, at: 0 })
            .ok_or(Fault::new(8, "the NDR object is longer than the buffer"))
    }

    pub(super) fn fault(&self, why: &'static str) -> Fault {
        Fault::new(HEADER_LEN + self.at, why)
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    pub(super) fn octets(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let octets = self
            .at
            .checked_add(count)
            .and_then(|end| self.octets.get(self.at..end))
            .ok_or(self.fault("the NDR object ends early"))?;
        self.at += count;
        Ok(octets)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let fault = self.fault("the NDR object ends early");
        self.octets(N)?.try_into().map_err(|_| fault)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.align(2);
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.align(4);
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A FILETIME: two 32-bit words, aligned as such.
    pub(super) fn filetime(&mut self) -> Result<u64, Fault> {
        self.align(4);
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A unique pointer: whether it points to anything.
    pub(super) fn pointer(&mut self) -> Result<bool, Fault> {
        Ok(self.u32()? != 0)
    }

    /// A pointer that must point to something.
    pub(super) fn pointer_to_one(&mut self) -> Result<(), Fault> {
        if self.pointer()? {
            Ok(())
        } else {
            Err(self.fault("a null pointer"))
        }
    }

    /// What a pointer to an array of `count` points to, up to its first element: the maximum count
    /// must say the same, and so many elements of at least `size` octets must be left.
    pub(super) fn conformance(
        &mut self,
        present: bool,
        count: u32,
        size: usize,
    ) -> Result<usize, Fault> {
        if !present {
            return if count == 0 {
                Ok(0)
            } else {
                Err(self.fault("a count without an array"))
            };
        }
        if self.u32()? != count {
            return Err(self.fault("the array's maximum count is not the count"));
        }
        usize::try_from(count)
            .ok()
            .filter(|count| {
                let left = self.octets.len().saturating_sub(self.at);
                count.checked_mul(size).is_some_and(|needed| needed <= left)
            })
            .ok_or(self.fault("more elements than octets"))
    }

    /// An array of `count` 64-bit integers.
    pub(super) fn u64s(&mut self, present: bool, count: u32) -> Result<Vec<u64>, Fault> {
        let count = self.conformance(present, count, 8)?;
        if count > 0 {
            self.align(8);
        }
        let octets = self.octets(count * 8)?;
        let (words, _) = octets.as_chunks::<8>();
        Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    /// The fixed part of an RPC_UNICODE_STRING.
    pub(super) fn unicode_string(&mut self) -> Result<UnicodeString, Fault> {
        let length = self.u16()?;
        let maximum = self.u16()?;
        if length % 2 != 0 || length > maximum {
            return Err(self.fault("the lengths of a string are impossible"));
        }
        Ok(UnicodeString {
            length,
            maximum,
            present: self.pointer()?,
        })
    }

    /// The characters of an RPC_UNICODE_STRING: a conformant varying array whose three counts say
    /// the same as the fixed part.
    pub(super) fn characters(&mut self, string: UnicodeString) -> Result<String, Fault> {
        if !string.present {
            return if string.length == 0 {
                Ok(String::new())
            } else {
                Err(self.fault("a length without a string"))
            };
        }
        let counts = (self.u32()?, self.u32()?, self.u32()?);
        let expected = (
            u32::from(string.maximum / 2),
            0,
            u32::from(string.length / 2),
        );
        if counts != expected {
            return Err(self.fault("the counts of a string contradict its length"));
        }
        self.utf16(usize::from(string.length))
    }

    /// The characters of a NUL-terminated string (LPWSTR), without the NUL.
    pub(super) fn terminated_string(&mut self) -> Result<String, Fault> {
        let (maximum, offset, actual) = (self.u32()?, self.u32()?, self.u32()?);
        if offset != 0 || actual > maximum || actual == 0 {
            return Err(self.fault("the counts of a string are impossible"));
        }
        let octets = usize::try_from(actual)
            .ok()
            .and_then(|count| count.checked_mul(2))
            .ok_or(self.fault("more characters than octets"))?;
        let mut text = self.utf16(octets)?;
        if text.pop() != Some('\0') || text.contains('\0') {
            return Err(self.fault("a string that is not ended by its one NUL"));
        }
        Ok(text)
    }

    fn utf16(&mut self, octets: usize) -> Result<String, Fault> {
        let fault = self.fault("a string that is not UTF-16");
        utf16(self.octets(octets)?).ok_or(fault)
    }

    /// A SID: its conformance repeats the count of its sub-authorities.
    pub(super) fn sid(&mut self) -> Result<Sid, Fault> {
        let count = self.u32()?;
        if count > 15 {
            return Err(self.fault("a SID has at most 15 sub-authorities"));
        }
        let at = HEADER_LEN + self.at;
        let octets = self.octets(8 + 4 * usize::try_from(count).unwrap_or_default())?;
        Sid::parse(octets).map_err(|fault| Fault::new(at + fault.at, fault.why))
    }
}

/// Text of UTF-16LE; `None` for an odd number of octets and for a surrogate without its other half,
/// which two different names could otherwise be made of.
pub(super) fn utf16(octets: &[u8]) -> Option<String> {
    let (units, []) = octets.as_chunks::<2>() else {
        return None;
    };
    let mut ascii = Vec::with_capacity(units.len());
    let mut every_bit = 0;
    ascii.extend(units.iter().map(|[low, high]| {
        every_bit |= u16::from_le_bytes([*low, *high]);
        *low
    }));
    if every_bit < 0x80 {
        return String::from_utf8(ascii).ok();
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<_, _>>()
        .ok()
}

/// UTF-16LE of text.
pub(super) fn to_utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Writes one buffer.
pub(super) struct Writer {
    octets: Vec<u8>,
    referent: u32,
}

/// A string waiting to be written behind the fixed fields.
pub(super) struct Deferred {
    utf16: Vec<u8>,
    maximum: u16,
}

impl Writer {
    pub(super) fn new() -> Self {
        let mut octets = Vec::with_capacity(512);
        octets.extend(HEADER);
        octets.extend(FILLER);
        octets.extend([0; 8]);
        Self {
            octets,
            referent: REFERENT,
        }
    }

    /// The buffer: padded to 8 octets, which count.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, &'static str> {
        self.align(8);
        let length = u32::try_from(self.octets.len() - HEADER_LEN).map_err(|_| "over 4 GiB")?;
        if let Some(field) = self.octets.get_mut(8..12) {
            field.copy_from_slice(&length.to_le_bytes());
        }
        Ok(self.octets)
    }

    fn align(&mut self, to: usize) {
        let aligned = self.octets.len().next_multiple_of(to);
        self.octets.resize(aligned, 0);
    }

    pub(super) fn octets(&mut self, octets: &[u8]) {
        self.octets.extend(octets);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.align(2);
        self.octets(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.align(4);
        self.octets(&value.to_le_bytes());
    }

    pub(super) fn filetime(&mut self, value: u64) {
        self.align(4);
        self.octets(&value.to_le_bytes());
    }

    /// A pointer, null unless `present`.
    pub(super) fn pointer(&mut self, present: bool) {
        if present {
            self.u32(self.referent);
            self.referent = self.referent.wrapping_add(REFERENT_STEP);
        } else {
            self.u32(0);
        }
    }

    /// A count.
    pub(super) fn count(&mut self, count: usize) -> Result<(), &'static str> {
        self.u32(u32::try_from(count).map_err(|_| "too many elements")?);
        Ok(())
    }

    /// The fixed part of an RPC_UNICODE_STRING whose MaximumLength leaves `spare` octets.
    pub(super) fn unicode_string(
        &mut self,
        text: &str,
        spare: u16,
    ) -> Result<Deferred, &'static str> {
        let utf16 = to_utf16(text);
        let length = u16::try_from(utf16.len()).map_err(|_| "a string over 64 KiB")?;
        let maximum = length.checked_add(spare).ok_or("a string over 64 KiB")?;
        self.u16(length);
        self.u16(maximum);
        self.pointer(true);
        Ok(Deferred { utf16, maximum })
    }

    /// The characters of an RPC_UNICODE_STRING.
    pub(super) fn characters(&mut self, string: &Deferred) -> Result<(), &'static str> {
        self.u32(u32::from(string.maximum / 2));
        self.u32(0);
        self.count(string.utf16.len() / 2)?;
        self.octets(&string.utf16);
        Ok(())
    }

    pub(super) fn sid(&mut self, sid: &Sid) -> Result<(), &'static str> {
        self.count(sid.sub_authorities().len())?;
        self.octets(&sid.to_bytes());
        Ok(())
    }
}
