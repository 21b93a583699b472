//! n-fold (RFC 3961 §5.1): any string of octets, stretched or squeezed to a given length (CRY-01).

/// n-folds `input` into all of `output`.
///
/// Copies of the input, each rotated right by 13 bits more than the one before, are written one
/// after the other until their length is a multiple of both lengths; the result is the
/// ones'-complement sum of its pieces of the output's length.
pub(super) fn nfold(input: &[u8], output: &mut [u8]) {
    output.fill(0);
    let (inlen, outlen) = (input.len(), output.len());
    if inlen == 0 || outlen == 0 {
        return;
    }
    let total = inlen / gcd(inlen, outlen) * outlen;
    let bits = inlen * 8;
    let mut carry = 0u16;
    // From the last octet of the copies to the first, so that carries move to the left.
    for at in (0..total).rev() {
        let copy = at / inlen;
        // The octet of the unrotated input that starts `13 * copy` bits before this one.
        let bit = (at % inlen * 8 + bits - 13 * copy % bits) % bits;
        let high = input.get(bit / 8).copied().unwrap_or_default();
        let low = input
            .get((bit / 8 + 1) % inlen)
            .copied()
            .unwrap_or_default();
        let octet = (u16::from_be_bytes([high, low]) >> (8 - bit % 8)) & 0xff;
        if let Some(sum) = output.get_mut(at % outlen) {
            carry += u16::from(*sum) + octet;
            *sum = carry as u8;
            carry >>= 8;
        }
    }
    // Ones' complement: what falls out at the left comes in again at the right.
    while carry != 0 {
        for sum in output.iter_mut().rev() {
            carry += u16::from(*sum);
            *sum = carry as u8;
            carry >>= 8;
        }
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The 128-fold of a usage constant: key usage, then 0x99, 0xAA or 0x55 (CRY-02).
///
/// Every derivation of a [`Cipher`](super::Cipher) or [`Mac`](super::Mac) begins here, hence the
/// arithmetic on whole words: 16 rotated copies of 40 bits are 5 words of 128 bits.
pub(super) fn nfold_usage(constant: [u8; 5]) -> [u8; 16] {
    let [a, b, c, d, e] = constant;
    let word = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let copy = |i: u32| {
        let by = 13 * i % 40;
        let rotated = (word >> by) | (word << (40 - by));
        u128::from(rotated & 0xff_ffff_ffff)
    };
    let mut sum = 0u128;
    let mut add = |piece: u128| {
        let (wrapped, overflow) = sum.overflowing_add(piece);
        sum = wrapped + u128::from(overflow);
    };
    // 128 = 40+40+40+8, 32+40+40+16, 24+40+40+24, 16+40+40+32, 8+40+40+40.
    add((copy(0) << 88) | (copy(1) << 48) | (copy(2) << 8) | (copy(3) >> 32));
    add((copy(3) << 96) | (copy(4) << 56) | (copy(5) << 16) | (copy(6) >> 24));
    add((copy(6) << 104) | (copy(7) << 64) | (copy(8) << 24) | (copy(9) >> 16));
    add((copy(9) << 112) | (copy(10) << 72) | (copy(11) << 32) | (copy(12) >> 8));
    add((copy(12) << 120) | (copy(13) << 80) | (copy(14) << 40) | copy(15));
    sum.to_be_bytes()
}
