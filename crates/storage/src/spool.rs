//! The bytes of a pipe, kept in a temporary file as they are read, so that they can be read again.
//!
//! The reader that is furthest ahead takes bytes from the pipe and appends them to the file; the others read them from there. So
//! any reader may run ahead, and nothing is read that no reader asks for.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataset::failure::Kind;

/// A pipe whose bytes are kept.
#[derive(Clone)]
pub struct Spool {
    name: String,
    state: Arc<Mutex<State>>,
}

struct State {
    pipe: Box<dyn Read + Send>,
    /// The temporary file, or why it cannot be written. It has no name and so is gone with the process.
    file: io::Result<File>,
    /// How many bytes were read from the pipe.
    read_bytes: u64,
    readers: u32,
}

impl Spool {
    /// Keeps what is read from a pipe in the folder for temporary files. `name` is what messages call the pipe.
    pub fn new(name: String, pipe: Box<dyn Read + Send>) -> Self {
        Self::into(name, pipe, tempfile::tempfile())
    }

    fn into(name: String, pipe: Box<dyn Read + Send>, file: io::Result<File>) -> Self {
        let state = State {
            pipe,
            file,
            read_bytes: 0,
            readers: 0,
        };
        Self {
            name,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The pipe's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Begins to read at the pipe's first byte, which can be done several times.
    ///
    /// # Errors
    /// [`Kind::Output`] if the bytes that were already read could not be kept.
    pub fn open(&self) -> anyhow::Result<SpoolReader> {
        if self.state().readers > 0 {
            self.check()?;
        }
        self.state().readers += 1;
        Ok(SpoolReader {
            spool: self.clone(),
            position: 0,
        })
    }

    /// Checks that all bytes that were read so far are kept.
    ///
    /// # Errors
    /// [`Kind::Output`] if they are not.
    pub fn check(&self) -> anyhow::Result<()> {
        match &self.state().file {
            Ok(_) => Ok(()),
            Err(error) => Err(Kind::Output.caused_by(
                error.to_string(),
                format!(
                    "{} must be read twice, but cannot be kept in a temporary file in {}: make room there, or name \
                     another folder in TMPDIR",
                    self.name,
                    tempfile::env::temp_dir().display()
                ),
            )),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if position < self.read_bytes {
            let kept = usize::try_from(self.read_bytes - position).unwrap_or(usize::MAX);
            let wanted = kept.min(buffer.len());
            return match &self.file {
                Ok(file) => file.read_at(&mut buffer[..wanted], position),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
        }
        let count = self.pipe.read(buffer)?;
        self.read_bytes += count as u64;
        if let Ok(file) = &self.file
            && let Err(error) = file.write_all_at(&buffer[..count], position)
        {
            // A single reader goes on without a copy. Closing the file frees its room on the disk.
            let told = io::Error::new(error.kind(), error.to_string());
            self.file = Err(error);
            if self.readers > 1 {
                return Err(told);
            }
        }
        Ok(count)
    }
}

impl PartialEq for Spool {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for Spool {}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Spool").field(&self.name).finish()
    }
}

/// A reader of a pipe whose bytes are kept.
pub struct SpoolReader {
    spool: Spool,
    position: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.spool.state().read_at(self.position, buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::failure::Failure;

    fn pipe() -> Box<dyn Read + Send> {
        Box::new(io::Cursor::new((0..=255).collect::<Vec<u8>>()))
    }

    fn read(reader: &mut SpoolReader, bytes: u64) -> Vec<u8> {
        let mut read = Vec::new();
        reader.take(bytes).read_to_end(&mut read).expect("read");
        read
    }

    #[test]
    fn each_reader_gets_all_bytes_whichever_is_ahead() {
        let spool = Spool::new("-".to_owned(), pipe());
        let mut first = spool.open().expect("opened");
        assert_eq!(read(&mut first, 10), (0..10).collect::<Vec<u8>>());
        let mut second = spool.open().expect("opened");
        assert_eq!(read(&mut second, 200), (0..200).collect::<Vec<u8>>());
        assert_eq!(read(&mut first, 240), (10..250).collect::<Vec<u8>>());
        assert_eq!(read(&mut second, 999), (200..=255).collect::<Vec<u8>>());
        assert_eq!(read(&mut first, 999), (250..=255).collect::<Vec<u8>>());
        let mut third = spool.open().expect("opened");
        assert_eq!(read(&mut third, 999), (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn on_a_full_disk_one_reader_gets_all_and_a_second_is_refused_with_the_way_out() {
        let full = File::options().write(true).open("/dev/full");
        let spool = Spool::into("-".to_owned(), pipe(), full);
        let mut first = spool.open().expect("opened");
        assert_eq!(read(&mut first, 999), (0..=255).collect::<Vec<u8>>());
        let error = spool.open().err().expect("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
        let said = format!("{error:#}");
        assert!(
            said.contains("TMPDIR") && said.contains("No space left"),
            "{said}"
        );
    }
}
