//! Files that are compressed as they are written, and decompressed as they are read.
//!
//! The same contents always give the same file: it holds no time, and an encoder is fed chunks whose bounds depend only on the
//! position in the file.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::str::FromStr;

use dataset::failure::{Kind, OrFail};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use zstd::zstd_safe::CParameter;

use crate::file::OpenFile;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip, level 6
    Gzip,
    /// zstd, level 3, with a checksum of the contents
    Zstd,
}

impl Compression {
    /// All kinds of compression.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// The name of the compression.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The ending that compression adds to a file's name, without the point.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|compression| compression.name() == name)
            .ok_or_else(|| format!("`{name}` is neither gzip nor zstd"))
    }
}

const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;
/// How many bytes an encoder gets at once. A smaller file is compressed in one step, for which zstd sizes its tables to fit.
const CHUNK_BYTES: usize = 1 << 18;

/// A file whose contents are compressed as they come.
pub struct CompressedFile {
    file: OpenFile,
    compression: Compression,
    /// Bytes that don't fill a chunk yet.
    waiting: Vec<u8>,
    /// The encoder, made for the first chunk.
    encoder: Option<Encoder>,
}

/// An encoder, with the compressed bytes that are not in the file yet.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl CompressedFile {
    /// Starts a compressed file in `file`, which is empty.
    pub fn new(file: OpenFile, compression: Compression) -> Self {
        Self {
            file,
            compression,
            waiting: Vec::new(),
            encoder: None,
        }
    }

    /// Appends `bytes`, compressed.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut rest = bytes;
        while self.waiting.len() + rest.len() >= CHUNK_BYTES {
            let (fill, after) = rest.split_at(CHUNK_BYTES - self.waiting.len());
            if self.waiting.is_empty() {
                self.encode(fill)?;
            } else {
                let mut chunk = std::mem::take(&mut self.waiting);
                chunk.extend_from_slice(fill);
                self.encode(&chunk)?;
                chunk.clear();
                self.waiting = chunk;
            }
            rest = after;
        }
        self.waiting.extend_from_slice(rest);
        Ok(())
    }

    fn encode(&mut self, chunk: &[u8]) -> anyhow::Result<()> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(self.compression)?),
        };
        encoder.write(chunk, &mut self.file)
    }

    /// Ends the compressed contents and gives the file.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn finish(self) -> anyhow::Result<OpenFile> {
        let Self {
            mut file,
            compression,
            waiting,
            encoder,
        } = self;
        let rest = match (encoder, compression) {
            (None, Compression::Zstd) => in_one_step(&waiting).or_fail(Kind::Internal, failed)?,
            (encoder, _) => {
                let mut encoder = match encoder {
                    Some(encoder) => encoder,
                    None => Encoder::new(compression)?,
                };
                encoder.write(&waiting, &mut file)?;
                encoder.finish().or_fail(Kind::Internal, failed)?
            }
        };
        file.append(&rest)?;
        Ok(file)
    }
}

fn failed() -> &'static str {
    "compressing"
}

/// Compresses all of a file to zstd, with the length of the contents in its header.
fn in_one_step(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    compressor.compress(bytes)
}

impl Encoder {
    fn new(compression: Compression) -> anyhow::Result<Self> {
        Ok(match compression {
            Compression::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Compression::Zstd => {
                let make = || {
                    let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                    encoder.include_checksum(true)?;
                    io::Result::Ok(encoder)
                };
                Self::Zstd(make().or_fail(Kind::Internal, failed)?)
            }
        })
    }

    /// Compresses a chunk, and appends to the file what comes out.
    fn write(&mut self, chunk: &[u8], file: &mut OpenFile) -> anyhow::Result<()> {
        let (written, made) = match self {
            Self::Gzip(encoder) => (encoder.write_all(chunk), encoder.get_mut()),
            Self::Zstd(encoder) => (encoder.write_all(chunk), encoder.get_mut()),
        };
        written.or_fail(Kind::Internal, failed)?;
        file.append(made)?;
        made.clear();
        Ok(())
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// A reader of bytes that may be compressed.
pub enum Decompressed<R: Read> {
    /// The bytes are not compressed.
    Plain(R),
    /// The bytes are compressed by gzip.
    Gzip(Box<MultiGzDecoder<BufReader<R>>>),
    /// The bytes are compressed by zstd.
    Zstd(Box<zstd::Decoder<'static, BufReader<R>>>),
}

impl<R: Read> Decompressed<R> {
    /// Decompresses what `raw` gives.
    ///
    /// # Errors
    /// If there is no memory for the decoder.
    pub fn new(raw: R, compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Plain(raw),
            Some(Compression::Gzip) => {
                Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(raw))))
            }
            Some(Compression::Zstd) => Self::Zstd(Box::new(zstd::Decoder::new(raw)?)),
        })
    }

    /// The reader of the raw bytes. Some of what it gave may not have been decompressed.
    pub fn into_inner(self) -> R {
        match self {
            Self::Plain(raw) => raw,
            Self::Gzip(decoder) => decoder.into_inner().into_inner(),
            Self::Zstd(decoder) => decoder.finish().into_inner(),
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;
    use std::fs::{self, File};

    /// Bytes that are not random and don't repeat soon.
    fn contents(bytes: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            b"0123456789,;abc\n"[(state >> 60) as usize]
        };
        (0..bytes).map(|_| next()).collect()
    }

    fn compressed(contents: &[u8], piece: usize, compression: Compression) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let file = OpenFile::create(&Place::from(path.as_path())).expect("made");
        let mut file = CompressedFile::new(file, compression);
        for piece in contents.chunks(piece) {
            file.append(piece).expect("written");
        }
        let file = file.finish().expect("ended");
        let entry = file.finish("x".to_owned(), 0).expect("ended");
        let written = fs::read(&path).expect("read");
        assert_eq!(entry.bytes, written.len() as u64);
        written
    }

    fn decompressed(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Decompressed::new(bytes, Some(compression))?.read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn the_same_bytes_give_the_same_file_in_whatever_pieces_they_come() {
        for compression in Compression::ALL {
            for bytes in [
                0,
                1,
                1000,
                CHUNK_BYTES - 1,
                CHUNK_BYTES,
                CHUNK_BYTES + 1,
                1_000_003,
            ] {
                let contents = contents(bytes);
                let whole = compressed(&contents, CHUNK_BYTES * 4, compression);
                for piece in [997, CHUNK_BYTES / 2, CHUNK_BYTES, CHUNK_BYTES + 1] {
                    let pieces = compressed(&contents, piece, compression);
                    assert!(pieces == whole, "{compression}, {bytes} bytes");
                }
                let read = decompressed(&whole, compression).expect("decompressed");
                assert!(read == contents, "{compression}, {bytes} bytes");
            }
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_an_error_and_the_rest_can_still_be_read() {
        for compression in Compression::ALL {
            for bytes in [500, 700_000] {
                let whole = compressed(&contents(bytes), 1000, compression);
                for cut in [1, whole.len() / 2, whole.len() - 1] {
                    assert!(decompressed(&whole[..cut], compression).is_err());
                }
                for at in [0, whole.len() / 2, whole.len() - 1] {
                    let mut changed = whole.clone();
                    changed[at] ^= 1;
                    assert!(
                        decompressed(&changed, compression).is_err(),
                        "{compression} {at}"
                    );
                }
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        fs::write(&path, contents(1_000_000)).expect("written");
        let mut reader =
            Decompressed::new(File::open(&path).expect("opened"), Some(Compression::Gzip))
                .expect("made");
        assert!(reader.read(&mut [0; 10]).is_err());
        let mut rest = Vec::new();
        reader.into_inner().read_to_end(&mut rest).expect("read");
        assert!(rest.len() > 900_000);
    }
}
