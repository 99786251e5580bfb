//! What happened to a forward, one event per line, in a file that does not grow for ever.
//!
//! When the file is full it becomes the previous one, of which there is one. So the log of a
//! connection never takes more than twice [`MAX_FILE`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::model::ConnectionName;

/// Longest a file gets, in bytes: thousands of events.
pub const MAX_FILE: u64 = 512 * 1024;
/// Longest line that is read back, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// Returns where the log of a connection lies.
pub fn path(folder: &Path, name: &ConnectionName) -> PathBuf {
    folder.join(format!("{name}.log"))
}

/// A log that is being written.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    /// Opens the log, to write on at its end.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(folder)?;
        }
        let file = append_to(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, previous(&self.path))?;
        self.file = append_to(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size > 0
            && self.size + bytes.len() as u64 > MAX_FILE
            && let Err(error) = self.rotate()
        {
            // Better a log that ends here than one that grows for ever.
            tracing::debug!(%error, "the log was not rotated");
            return Ok(bytes.len());
        }
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads a log: its last lines, then those that are added.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    partial: Vec<u8>,
}

impl Reader {
    /// Returns the last `count` lines and a reader of those that follow.
    pub fn last(path: &Path, count: usize) -> io::Result<(Vec<String>, Self)> {
        let mut reader = Self { path: path.to_owned(), file: None, partial: Vec::new() };
        let mut lines = Vec::new();
        if let Some(file) = open_if_there(&previous(path))? {
            let mut old = Self { path: PathBuf::new(), file: Some(file), partial: Vec::new() };
            lines = old.rest()?;
        }
        reader.file = open_if_there(path)?;
        lines.extend(reader.rest()?);
        lines.drain(..lines.len().saturating_sub(count));
        Ok((lines, reader))
    }

    /// Returns the lines that were added since.
    pub fn added(&mut self) -> io::Result<Vec<String>> {
        let mut lines = self.rest()?;
        if self.was_replaced() {
            // What was written between the two looks at the old one.
            lines.extend(self.rest()?);
            self.partial.clear();
            self.file = open_if_there(&self.path)?;
            lines.extend(self.rest()?);
        }
        Ok(lines)
    }

    fn rest(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        let Some(file) = &mut self.file else { return Ok(lines) };
        loop {
            let read = file.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.partial)?;
            let is_long = self.partial.len() as u64 >= MAX_LINE;
            if self.partial.last() == Some(&b'\n') || is_long {
                let line = String::from_utf8_lossy(&self.partial).trim_end().to_owned();
                lines.push(line);
                self.partial.clear();
            } else if read == 0 {
                return Ok(lines);
            }
        }
    }

    /// Whether another file lies there than the one that is read.
    fn was_replaced(&mut self) -> bool {
        let Ok(there) = fs::metadata(&self.path) else { return false };
        let Some(file) = &mut self.file else { return true };
        let Ok(open) = file.get_ref().metadata() else { return true };
        if is_same(&open, &there) {
            return file.stream_position().is_ok_and(|position| position > there.len());
        }
        true
    }
}

#[cfg(unix)]
fn is_same(open: &fs::Metadata, there: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_same(open: &fs::Metadata, there: &fs::Metadata) -> bool {
    open.created().ok() == there.created().ok()
}

fn open_if_there(path: &Path) -> io::Result<Option<BufReader<File>>> {
    match File::open(path) {
        Ok(mut file) => {
            // Somebody else's file may be of any size; ours never is.
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(2 * MAX_FILE)))?;
            Ok(Some(BufReader::new(file)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn previous(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".1");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(log: &mut LogFile, line: &str) {
        log.write_all(format!("{line}\n").as_bytes()).expect("there is room");
    }

    #[test]
    fn a_full_file_becomes_the_previous_one_and_the_size_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log/db.log");
        let mut log = LogFile::open(&path).expect("made");
        let line = "x".repeat(1023);
        for _ in 0..2000 {
            write(&mut log, &line);
        }
        let size = |path: &Path| fs::metadata(path).expect("there").len();
        assert!(size(&path) <= MAX_FILE && size(&previous(&path)) <= MAX_FILE);
        assert_eq!(fs::read_dir(folder.path().join("log")).expect("readable").count(), 2);
    }

    #[test]
    fn the_last_lines_come_from_both_files_and_new_ones_follow() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db.log");
        let mut log = LogFile::open(&path).expect("made");
        write(&mut log, "one");
        log.rotate().expect("renamed");
        write(&mut log, "two");
        let (lines, mut reader) = Reader::last(&path, 10).expect("readable");
        assert_eq!(lines, ["one", "two"]);
        write(&mut log, "three");
        assert_eq!(reader.added().expect("readable"), ["three"]);
        write(&mut log, "four");
        log.rotate().expect("renamed");
        write(&mut log, "five");
        assert_eq!(reader.added().expect("readable"), ["four", "five"]);
    }

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db.log");
        let mut log = LogFile::open(&path).expect("made");
        let (_, mut reader) = Reader::last(&path, 10).expect("readable");
        log.write_all(b"ha").expect("there is room");
        assert!(reader.added().expect("readable").is_empty());
        log.write_all(b"lf\n").expect("there is room");
        assert_eq!(reader.added().expect("readable"), ["half"]);
    }
}
