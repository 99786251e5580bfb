//! The bytes of a sealed file: in memory, or read from the disk while they are opened.
//!
//! A large file is not read as a whole first: memory that was never touched before costs about as much
//! as opening what is put there, and while one chunk is read another thread can work on the last one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::sync::Arc;

/// Bytes of the beginning that are looked at before the rest. Headers have a few hundred, a stanza for
/// each recipient.
pub const BEGINNING: usize = 16 * 1024;

/// Bytes from which on a file is read while it is opened.
const LARGE: u64 = 256 * 1024;

/// The bytes of a sealed file.
#[derive(Clone, Debug)]
pub enum Sealed<'a> {
    /// Somebody else's.
    Here(&'a [u8]),
    /// Kept by whoever reads them.
    Shared(Arc<Vec<u8>>),
    /// On the disk still, but for their beginning.
    OnDisk(Arc<OnDisk>),
}

/// A file that was looked into.
#[derive(Debug)]
pub struct OnDisk {
    file: File,
    beginning: Vec<u8>,
    length: u64,
}

/// What the sealed bytes are read from.
pub trait Source: BufRead + Seek + Send {}

impl<T: BufRead + Seek + Send> Source for T {}

impl Sealed<'static> {
    /// Reads a file: all of it, or as much as shows that it is whole. `is_whole` gets the beginning
    /// and the length of a large one.
    pub fn of(mut file: File, is_whole: impl FnOnce(&[u8], u64) -> bool) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if length < LARGE {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.read_to_end(&mut bytes)?;
            return Ok(Self::Shared(Arc::new(bytes)));
        }
        let mut beginning = Vec::with_capacity(BEGINNING);
        (&mut file).take(BEGINNING as u64).read_to_end(&mut beginning)?;
        if is_whole(&beginning, length) {
            return Ok(Self::OnDisk(Arc::new(OnDisk { file, beginning, length })));
        }
        let mut bytes = beginning;
        file.read_to_end(&mut bytes)?;
        Ok(Self::Shared(Arc::new(bytes)))
    }
}

impl<'a> Sealed<'a> {
    /// Returns the beginning, which is all of it unless the file is on the disk.
    pub fn beginning(&self) -> &[u8] {
        match self {
            Sealed::Here(bytes) => bytes,
            Sealed::Shared(bytes) => bytes,
            Sealed::OnDisk(file) => &file.beginning,
        }
    }

    /// Returns whether [`Sealed::beginning`] is all of it.
    pub fn is_in_memory(&self) -> bool {
        !matches!(self, Sealed::OnDisk(_))
    }

    /// Returns how many bytes there are.
    pub fn length(&self) -> usize {
        match self {
            Sealed::OnDisk(file) => usize::try_from(file.length).unwrap_or(usize::MAX),
            _ => self.beginning().len(),
        }
    }

    /// Returns a reader that stands at the first byte. Those of a file share its place: one at a time.
    pub fn reader(&self) -> io::Result<Box<dyn Source + 'a>> {
        Ok(match self {
            Sealed::Here(bytes) => Box::new(Cursor::new(*bytes)),
            Sealed::Shared(bytes) => Box::new(Cursor::new(SharedBytes(Arc::clone(bytes)))),
            Sealed::OnDisk(file) => {
                let mut reader = BufReader::new(DiskReader(Arc::clone(file)));
                reader.rewind()?;
                Box::new(reader)
            }
        })
    }
}

struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

struct DiskReader(Arc<OnDisk>);

impl Read for DiskReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&self.0.file).read(into)
    }
}

impl Seek for DiskReader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        (&self.0.file).seek(to)
    }
}

#[cfg(test)]
#[path = "sealed_tests.rs"]
mod tests;
