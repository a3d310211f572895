//! How the blocks of a file are compressed.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

/// The fastest level: it takes a third of the default level's time, for a tenth more bytes.
const DEFLATE_LEVEL: u32 = 1;
const ZSTANDARD_LEVEL: i32 = 1;
/// How many bytes of zlib's own checksum fastavro leaves after a block; no reader looks at them.
const CHECKSUM_BYTES: u64 = 4;
/// The most bytes that a block may have, compressed or not: a row of Postgres is shorter than 1 GiB.
pub(crate) const MAX_BLOCK_BYTES: u64 = 1 << 31;
/// Snappy expands three bytes to at most 64.
const MAX_SNAPPY_RATIO: u64 = 22;

/// A compression of blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// deflate, level 1: every reader opens it
    #[default]
    Deflate,
    /// snappy, with a checksum of each block
    Snappy,
    /// zstandard, level 1
    Zstandard,
    /// none
    Null,
}

impl Codec {
    /// The codec's name in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
            Self::Zstandard => "zstandard",
            Self::Null => "null",
        }
    }

    /// The codec of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Deflate, Self::Snappy, Self::Zstandard, Self::Null]
            .into_iter()
            .find(|codec| codec.name() == name)
    }

    /// Compresses a block into `out`, whose contents are dropped.
    ///
    /// # Errors
    /// The errors of the compressor.
    pub fn compress(self, block: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match self {
            Self::Null => out.extend_from_slice(block),
            Self::Deflate => {
                let level = Compression::new(DEFLATE_LEVEL);
                let mut encoder = DeflateEncoder::new(std::mem::take(out), level);
                encoder.write_all(block)?;
                *out = encoder.finish()?;
            }
            Self::Snappy => {
                out.resize(snap::raw::max_compress_len(block.len()), 0);
                let bytes = snap::raw::Encoder::new().compress(block, out)?;
                out.truncate(bytes);
                out.extend_from_slice(&crc32fast::hash(block).to_be_bytes());
            }
            Self::Zstandard => {
                zstd::stream::copy_encode(block, out, ZSTANDARD_LEVEL)?;
            }
        }
        Ok(())
    }

    /// Decompresses a block into `out`, whose contents are dropped.
    ///
    /// # Errors
    /// An error if the block is damaged, or larger than any block may be.
    pub fn decompress(self, block: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match self {
            Self::Null => out.extend_from_slice(block),
            Self::Deflate => {
                let mut decoder = DeflateDecoder::new(block);
                decoder
                    .by_ref()
                    .take(MAX_BLOCK_BYTES + 1)
                    .read_to_end(out)?;
                let behind = block.len() as u64 - decoder.total_in();
                if behind > CHECKSUM_BYTES {
                    return Err(damaged("bytes after its end"));
                }
            }
            Self::Snappy => {
                let Some((block, sum)) = block.split_last_chunk::<4>() else {
                    return Err(damaged("no checksum"));
                };
                let bytes = snap::raw::decompress_len(block)?;
                // The size that a block states is believed only as far as the block's own length allows.
                if bytes as u64 > MAX_BLOCK_BYTES.min(block.len() as u64 * MAX_SNAPPY_RATIO) {
                    return Err(damaged("more bytes than a block may have"));
                }
                out.resize(bytes, 0);
                snap::raw::Decoder::new().decompress(block, out)?;
                if crc32fast::hash(out) != u32::from_be_bytes(*sum) {
                    return Err(damaged("another checksum than its contents"));
                }
            }
            Self::Zstandard => {
                let decoder = zstd::stream::read::Decoder::new(block)?;
                decoder.take(MAX_BLOCK_BYTES + 1).read_to_end(out)?;
            }
        }
        match out.len() as u64 > MAX_BLOCK_BYTES {
            true => Err(damaged("more bytes than a block may have")),
            false => Ok(()),
        }
    }
}

fn damaged(has: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a compressed block has {has}"),
    )
}
