//! Numbers of variable length: seven bits in each byte, lowest first, with the sign in the lowest bit.

/// Appends a number.
#[inline]
pub(crate) fn write(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Takes a number off the front of `bytes`; `None` if there is not a whole number.
#[inline]
pub(crate) fn read(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((number >> 1) as i64 ^ -((number & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_come_back() {
        for number in [0, -1, 1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            super::write(number, &mut bytes);
            let mut rest = &bytes[..];
            assert_eq!(super::read(&mut rest), Some(number));
            assert!(rest.is_empty());
            assert_eq!(super::read(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(super::read(&mut &[0xff; 12][..]), None);
    }
}
