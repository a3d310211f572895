//! Sizes and checksums of files.

use xxhash_rust::xxh3::Xxh3;

/// Size and checksum of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// The file's size in bytes.
    pub bytes: u64,
    /// The file's XXH3-128.
    pub xxh3: u128,
}

impl Sum {
    /// The checksum as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        format!("{:032x}", self.xxh3)
    }
}

/// Computes the size and checksum of bytes as they pass.
#[derive(Default)]
pub(crate) struct Summing {
    bytes: u64,
    hash: Xxh3,
}

impl Summing {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn sum(&self) -> Sum {
        Sum {
            bytes: self.bytes,
            xxh3: self.hash.digest128(),
        }
    }
}
