//! Sealing: bytes to an age file and back, with every damage named for what it is.
//!
//! The format is age's own (`age-encryption.org/v1`), so that `age -d` opens the file if this program
//! is gone. One line more is in the header: a stanza with the length of the contents and a checksum of
//! the header. Other programs skip it, as age's specification asks. It guards nothing, that is age's
//! part; it tells a file that was cut short from one that was altered, and an altered one from one
//! that is for other keys, which decryption alone cannot.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::str::FromStr;
use std::sync::Arc;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::stream::StreamReader;
use age_core::format::{FileKey, Stanza};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};
use ssmpf_model::{InvalidInput, Redacted};

use crate::contents::ContentsError;
use crate::keys::Identity;
use crate::sealed::{Sealed, Source};

const MAGIC: &str = "age-encryption.org/";
const MAGIC_V1: &str = "age-encryption.org/v1\n";
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// The tag of our stanza: `-> ssmpf LENGTH CHECKSUM`.
const OUR_TAG: &str = "ssmpf";

/// Bytes of plain text in one chunk of age's payload [age: Payload].
const CHUNK: u64 = 64 * 1024;
/// Bytes that each chunk grows by: its authentication tag.
const TAG: u64 = 16;
/// Bytes in front of the first chunk.
const NONCE: u64 = 16;

/// How the last line of the header begins, with the end of the line before.
const MAC_START: &[u8] = b"\n--- ";
/// Bytes of that line with both line ends: its MAC has 43 letters [age: Header MAC].
const MAC_LINE: usize = MAC_START.len() + 43 + 1;

/// How the file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As bytes. The default.
    #[default]
    Binary,
    /// As text between two lines, for places that only take text. A store found that way stays so.
    Armored,
}

/// Why a file does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// The end is missing.
    #[error("it is truncated{}", missing(*.present, *.expected))]
    Truncated {
        /// Bytes that are there.
        present: u64,
        /// Bytes that should be there, if the beginning still says so.
        expected: Option<u64>,
    },
    /// Some of it is not what was written.
    #[error("it was altered: {0}")]
    Altered(String),
    /// It is something else.
    #[error("it is not a store of ssmpf: {0}")]
    Foreign(String),
    /// It is for other keys.
    #[error("it is sealed to other keys than {0}")]
    NotForIdentity(String),
    /// It was written by a newer version.
    #[error("it was written by a newer version ({0})")]
    Newer(String),
}

fn missing(present: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!(": {present} of {expected} bytes are there"),
        None => format!(" after {present} bytes"),
    }
}

impl From<ContentsError> for Damage {
    fn from(error: ContentsError) -> Self {
        match error {
            ContentsError::Newer { found } => Damage::Newer(format!("format {found}")),
            ContentsError::Foreign(why) => Damage::Foreign(why),
        }
    }
}

/// Whom a store can be sealed to: an age key (`age1…`) or an SSH key (`ssh-ed25519 …`, `ssh-rsa …`).
#[derive(Clone)]
pub struct Recipient {
    text: String,
    key: RecipientKey,
}

#[derive(Clone)]
enum RecipientKey {
    X25519(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
}

impl Recipient {
    /// Returns the public key as text, with the comment of an SSH key.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn from_x25519(key: age::x25519::Recipient) -> Self {
        Self { text: key.to_string(), key: RecipientKey::X25519(key) }
    }

    pub(crate) fn from_ssh(key: age::ssh::Recipient) -> Self {
        Self { text: key.to_string(), key: RecipientKey::Ssh(key) }
    }

    /// Returns what makes the key, without a comment.
    fn essence(&self) -> String {
        self.text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }
}

impl FromStr for Recipient {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let key = if text.starts_with("ssh-") {
            text.parse().ok().map(RecipientKey::Ssh)
        } else {
            text.parse().ok().map(RecipientKey::X25519)
        };
        match key {
            Some(key) => Ok(Self { text: text.to_owned(), key }),
            None => Err(InvalidInput::new(
                format!("`{}` is not a recipient", text.escape_debug()),
                "give an age public key (`age1…`) or an SSH public key of type ed25519 or rsa \
                 (`ssh-ed25519 AAAA…`)",
            )),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.text)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.essence() == other.essence()
    }
}

impl Eq for Recipient {}

/// Seals `plain` to all of `recipients`.
pub fn seal(plain: &[u8], recipients: &[Recipient], form: Form) -> Result<Vec<u8>, String> {
    if recipients.is_empty() {
        return Err("there is nobody to seal it to".to_owned());
    }
    let everyone = Everyone { recipients, length: plain.len() };
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&everyone as _))
        .map_err(|error| error.to_string())?;
    let mut sealed = Vec::with_capacity(plain.len() + plain.len() / 1024 + 1024);
    let write = || -> std::io::Result<()> {
        let form = match form {
            Form::Binary => Format::Binary,
            Form::Armored => Format::AsciiArmor,
        };
        let armored = ArmoredWriter::wrap_output(&mut sealed, form)?;
        let mut writer = encryptor.wrap_output(armored)?;
        writer.write_all(plain)?;
        writer.finish()?.finish()?;
        Ok(())
    };
    write().map_err(|error| error.to_string())?;
    Ok(sealed)
}

/// Reads a file, and finds the damage that shows without a key.
pub fn read(file: File) -> io::Result<Result<Sealed<'static>, Damage>> {
    let is_whole = |beginning: &[u8], length| {
        let header = Header::read(beginning);
        header.is_ok_and(|header| header.expected == Some(length))
    };
    let sealed = Sealed::of(file, is_whole)?;
    Ok(match sealed.is_in_memory() {
        true => inspect(sealed.beginning()).map(|()| sealed),
        false => Ok(sealed),
    })
}

/// Finds the damage that shows without a key.
pub fn inspect(sealed: &[u8]) -> Result<(), Damage> {
    let bytes = binary(sealed)?;
    let header = Header::read(&bytes)?;
    let present = bytes.len() as u64;
    match header.expected {
        Some(expected) if present < expected => Err(truncated(&bytes, header.expected)),
        Some(expected) if present > expected => {
            Err(Damage::Altered(format!("{} bytes were added to it", present - expected)))
        }
        _ => Ok(()),
    }
}

/// Opens what [`seal`] made, or any age file for this identity.
pub fn open(sealed: &[u8], identity: &Identity) -> Result<Redacted<Vec<u8>>, Damage> {
    inspect(sealed)?;
    Payload::begin(&Sealed::Here(sealed), identity)?.all()
}

/// Returns the form that a sealed file has.
pub fn form_of(sealed: &[u8]) -> Form {
    match sealed.starts_with(ARMOR.as_bytes()) {
        true => Form::Armored,
        false => Form::Binary,
    }
}

/// The contents of a sealed file, to be read chunk by chunk. Each chunk is checked when it is read,
/// and only the end says whether all of them are there.
pub struct Payload<'a> {
    chunks: StreamReader<Box<dyn Source + 'a>>,
    length: usize,
    /// Whether its length is in its header.
    is_ours: bool,
}

impl<'a> Payload<'a> {
    /// Finds the key of the contents with `identity`. To be called after [`inspect`].
    pub fn begin(sealed: &Sealed<'a>, identity: &Identity) -> Result<Self, Damage> {
        let sealed = match binary(sealed.beginning())? {
            Cow::Borrowed(_) => sealed.clone(),
            Cow::Owned(bytes) => Sealed::Shared(Arc::new(bytes)),
        };
        let length = sealed.length();
        let is_ours = OurStanza::find(sealed.beginning()).is_some();
        let reader = sealed.reader().map_err(|error| unreadable(&error))?;
        // The first line was found to be right: what age stumbles over comes after it.
        let decryptor = age::Decryptor::new_buffered(reader)
            .map_err(|_| Damage::Altered("its beginning does not make sense".to_owned()))?;
        if decryptor.is_scrypt() {
            return Err(Damage::Foreign("it is an age file locked with a passphrase".to_owned()));
        }
        let chunks = decryptor.decrypt(identity.keys()).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => Damage::NotForIdentity(identity.to_string()),
            // A header that its MAC does not fit, or a key that does not unwrap.
            _ => Damage::Altered("its beginning does not fit the rest".to_owned()),
        })?;
        Ok(Self { chunks, length, is_ours })
    }

    /// Returns how many bytes the contents have at most.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Reads all of it, from the beginning.
    pub fn all(&mut self) -> Result<Redacted<Vec<u8>>, Damage> {
        let mut plain = Redacted::new(Vec::with_capacity(self.length));
        let read = self.chunks.rewind().and_then(|()| self.chunks.read_to_end(plain.expose_mut()));
        match read {
            Ok(_) => Ok(plain),
            Err(error) => Err(self.damage(&error)),
        }
    }

    /// Returns what it means that reading failed.
    pub fn damage(&self, error: &io::Error) -> Damage {
        if error.raw_os_error().is_some() {
            return unreadable(error);
        }
        Damage::Altered(match self.is_ours {
            true => "its contents do not fit their checksum".to_owned(),
            // Written by another program: its length is not known.
            false => format!("its contents do not fit, or their end is missing ({error})"),
        })
    }
}

impl Read for Payload<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.chunks.read(into)
    }
}

/// Shows nothing of the contents.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Returns the bytes of the file itself, without the lines of text around them.
fn binary(sealed: &[u8]) -> Result<Cow<'_, [u8]>, Damage> {
    if sealed.is_empty() {
        return Err(Damage::Empty);
    }
    if form_of(sealed) == Form::Binary {
        return Ok(Cow::Borrowed(sealed));
    }
    let mut binary = Vec::new();
    match ArmoredReader::new(sealed).read_to_end(&mut binary) {
        Ok(_) => Ok(Cow::Owned(binary)),
        Err(error) if has_armor_end(sealed) => Err(Damage::Altered(error.to_string())),
        Err(_) => Err(truncated(sealed, None)),
    }
}

fn unreadable(error: &io::Error) -> Damage {
    Damage::Altered(format!("it cannot be read to its end: {error}"))
}

fn has_armor_end(sealed: &[u8]) -> bool {
    let end = b"-----END AGE ENCRYPTED FILE-----";
    sealed.windows(end.len()).any(|window| window == end)
}

fn truncated(bytes: &[u8], expected: Option<u64>) -> Damage {
    Damage::Truncated { present: bytes.len() as u64, expected }
}

/// What can be read from the beginning of a file before any key.
struct Header {
    /// How long the whole file should be.
    expected: Option<u64>,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Damage> {
        if !bytes.starts_with(MAGIC_V1.as_bytes()) {
            return Err(not_age(bytes));
        }
        let start = bytes.windows(MAC_START.len()).position(|window| window == MAC_START);
        let Some(end) = start.map(|at| at + MAC_LINE) else {
            // Headers are text; one with other bytes in it was altered rather than cut.
            return Err(match bytes.is_ascii() {
                true => truncated(bytes, None),
                false => Damage::Altered("its beginning does not make sense".to_owned()),
            });
        };
        match bytes.get(end - 1) {
            Some(b'\n') => {}
            Some(_) => return Err(Damage::Altered("its beginning does not end".to_owned())),
            None => return Err(truncated(bytes, None)),
        }
        let length = match OurStanza::find(&bytes[..end]) {
            Some(stanza) if stanza.fits => Some(stanza.length),
            Some(_) => {
                return Err(Damage::Altered("its beginning does not fit its checksum".to_owned()));
            }
            None => None,
        };
        let expected = length.map(|length| {
            let chunks = length.div_ceil(CHUNK).max(1);
            length.saturating_add(end as u64 + NONCE + chunks * TAG)
        });
        Ok(Self { expected })
    }
}

fn not_age(bytes: &[u8]) -> Damage {
    if MAGIC_V1.as_bytes().starts_with(bytes) {
        return truncated(bytes, None);
    }
    if bytes.starts_with(MAGIC.as_bytes()) {
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or(bytes);
        let line = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        return match line.strip_prefix("age-encryption.org/v") {
            // With our stanza behind it, a `v3` is a `v1` of which a bit was flipped.
            Some(number)
                if number.parse::<u32>().is_ok_and(|number| number > 1)
                    && OurStanza::find(bytes).is_none() =>
            {
                Damage::Newer(line)
            }
            _ => Damage::Altered("its first line is not one that age writes".to_owned()),
        };
    }
    if OurStanza::find(bytes).is_some() {
        return Damage::Altered("its first line is not one that age writes".to_owned());
    }
    let start = bytes.trim_ascii_start();
    Damage::Foreign(if start.starts_with(b"{") {
        "it looks like JSON; `ssmpf import json FILE` reads an export".to_owned()
    } else if start.starts_with(b"gAAAA") {
        "it looks like the Python manager's; `ssmpf import fernet FILE` reads it".to_owned()
    } else if bytes.iter().all(|&byte| byte == 0) {
        "it holds only zeros, as after a crash of the machine".to_owned()
    } else {
        "it does not begin like an age file".to_owned()
    })
}

/// All recipients together, and our stanza behind theirs.
struct Everyone<'a> {
    recipients: &'a [Recipient],
    length: usize,
}

impl age::Recipient for Everyone<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let mut stanzas = Vec::new();
        let mut labels = HashSet::new();
        let mut text = String::new();
        for recipient in self.recipients {
            let (wrapped, new_labels) = match &recipient.key {
                RecipientKey::X25519(key) => key.wrap_file_key(file_key)?,
                RecipientKey::Ssh(key) => key.wrap_file_key(file_key)?,
            };
            // None of these kinds has labels; the encryptor checks what we pass on.
            labels.extend(new_labels);
            for stanza in &wrapped {
                let body = STANDARD_NO_PAD.encode(&stanza.body);
                text.push_str(&format!("-> {} {}\n{body}", stanza.tag, stanza.args.join(" ")));
            }
            stanzas.extend(wrapped);
        }
        let length = self.length.to_string();
        let args = vec![length.clone(), checksum(&text, &length)];
        stanzas.push(Stanza { tag: OUR_TAG.to_owned(), args, body: Vec::new() });
        Ok((stanzas, labels))
    }
}

/// Our stanza as found in a file.
struct OurStanza {
    /// How long the contents are.
    length: u64,
    /// Whether the checksum fits the stanzas in front.
    fits: bool,
}

impl OurStanza {
    /// Looks for it in the header, which may be damaged.
    fn find(bytes: &[u8]) -> Option<Self> {
        let mut text = String::new();
        for line in bytes.split(|&byte| byte == b'\n').skip(1) {
            let line = std::str::from_utf8(line).ok()?;
            if let Some(args) = line
                .strip_prefix("-> ")
                .and_then(|rest| rest.strip_prefix(OUR_TAG)?.strip_prefix(' '))
            {
                let (length, sum) = args.split_once(' ')?;
                let number: Option<u64> = length.parse().ok();
                let fits = number.is_some() && checksum(&text, length) == sum;
                return Some(Self { length: number.unwrap_or(0), fits });
            }
            text.push_str(line);
            if line.starts_with("-> ") {
                text.push('\n');
            }
        }
        None
    }
}

/// Returns the first 16 hexadecimal digits of the SHA-256 of the stanzas, without the line breaks in
/// their bodies, and the length.
fn checksum(stanzas: &str, length: &str) -> String {
    let digest = Sha256::new().chain_update(stanzas).chain_update(length).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
