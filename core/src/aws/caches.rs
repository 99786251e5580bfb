//! The folders below `~/.aws` that this program shares with the AWS CLI, and how files in them are
//! read and written.
//!
//! The CLI truncates and writes in place, without a lock: a reader can meet half a file, so what does
//! not parse is read once more after a moment. Our own writes replace the file in one step.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_runtime::fs_util::{Os, home_dir};
use aws_types::os_shim_internal::Env;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Largest file that is read, in bytes. Those of the CLI have a few thousand.
const MAX_SIZE: u64 = 1024 * 1024;

/// Time until a file that did not parse is read again: long enough for its writer to finish.
const AGAIN: Duration = Duration::from_millis(50);

/// Where the caches are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caches {
    /// Sign-ins and client registrations of IAM Identity Center.
    pub sso: PathBuf,
    /// Credentials of assumed roles and of roles got through IAM Identity Center.
    pub cli: PathBuf,
    /// What `aws login` keeps.
    pub login: PathBuf,
}

impl Caches {
    /// Returns the caches of the user; `None` when the environment names no home.
    pub fn of_process() -> Option<Self> {
        let home = home_dir(&Env::real(), Os::real()).filter(|home| !home.is_empty())?;
        let mut caches = Self::in_home(Path::new(&home));
        if let Some(folder) = std::env::var_os("AWS_LOGIN_CACHE_DIRECTORY") {
            caches.login = PathBuf::from(folder);
        }
        Some(caches)
    }

    /// Returns the caches below this home.
    pub fn in_home(home: &Path) -> Self {
        let aws = home.join(".aws");
        Self {
            sso: aws.join("sso").join("cache"),
            cli: aws.join("cli").join("cache"),
            login: aws.join("login").join("cache"),
        }
    }

    /// Returns the file with the sign-in of an `sso-session`, or of a start URL for profiles without.
    pub fn sso_token(&self, key: &str) -> PathBuf {
        self.sso.join(format!("{}.json", sha1_hex(key.as_bytes())))
    }

    /// Returns the file that `aws login` keeps for a principal.
    pub fn login_session(&self, arn: &str) -> PathBuf {
        self.login.join(format!("{}.json", hex(&Sha256::digest(arn.as_bytes()))))
    }
}

/// Why a file of a cache cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("it does not exist")]
    Missing,
    /// It cannot be opened or read.
    #[error("{0}")]
    Unreadable(String),
    /// It is not the JSON object it should be.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// Reads a JSON object, a second time after a moment if it does not parse.
pub fn read(path: &Path) -> Result<Map<String, Value>, ReadError> {
    read_twice(path, || std::thread::sleep(AGAIN))
}

fn read_twice(path: &Path, wait: impl FnOnce()) -> Result<Map<String, Value>, ReadError> {
    match read_once(path) {
        Err(ReadError::Damaged(_)) => {
            wait();
            read_once(path)
        }
        result => result,
    }
}

fn read_once(path: &Path) -> Result<Map<String, Value>, ReadError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::Missing,
        _ => ReadError::Unreadable(error.to_string()),
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(ReadError::Damaged("it is far too large".to_owned()));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(ReadError::Damaged("it is not an object".to_owned())),
        // The position says enough; the text itself may be a secret.
        Err(error) => {
            Err(ReadError::Damaged(format!("line {}, column {}", error.line(), error.column())))
        }
    }
}

/// Returns a text of an object, whatever the case of its name.
pub fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let exact = fields.get(name);
    let value = exact.or_else(|| {
        fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    value?.as_str()
}

/// Writes an object the way the CLI does, in one step, readable by its owner only.
pub fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".ssmpf-").tempfile_in(folder)?;
    file.write_all(python_json(value).as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Returns whether [`write()`] can make files in a folder, which is made if need be.
pub fn check_writable(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    tempfile::Builder::new().prefix(".ssmpf-").tempfile_in(folder).map(drop)
}

/// Returns JSON as Python's `json.dumps` writes it: the CLI names its files after that text.
///
/// Keys come in the order of the fields; where Python sorts them, the type has them sorted.
pub fn python_json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, PythonFormatter);
    // The types written here are texts, numbers, lists and objects with texts as keys.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok());
    String::from_utf8(bytes).unwrap_or_default()
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for letter in fragment.chars() {
            if letter.is_ascii() {
                write!(out, "{letter}")?;
            } else {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a time as any version of the CLI or of an SDK may have written it.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match text.strip_suffix("UTC") {
        Some(local) => format!("{}Z", local.trim_end()).parse().ok(),
        None => text.parse().ok(),
    }
}

/// Writes a time the way the CLI does: `2024-01-02T03:04:05Z`.
pub fn write_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the name that the CLI gives to a file: the SHA-1 of `input` in hexadecimal.
pub fn sha1_hex(input: &[u8]) -> String {
    hex(&Sha1::digest(input))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_names_that_the_cli_gives_them() {
        let caches = Caches::in_home(Path::new("/home/me"));
        let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(name(caches.sso_token("my-sso")), "0ad374308c5a4e22f723adf10145eafad7c4031c");
        assert_eq!(
            name(caches.sso_token("https://d-abc123.awsapps.com/start")),
            "40a89917e3175433e361b710a9d43528d7f1890a"
        );
        assert_eq!(
            name(caches.login_session("arn:aws:iam::0123456789012:user/Admin")),
            "36db1d138ff460920374e4c3d8e01f53f9f73537e89c88d639f68393df0e2726"
        );
    }

    #[test]
    fn times_of_every_writer_are_read() {
        let expected = parse_time("2099-11-09T13:34:41Z").expect("the usual form");
        for text in ["2099-11-09T13:34:41UTC", "2099-11-09T15:34:41+02:00", " 2099-11-09T13:34:41Z"]
        {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
        let fraction = parse_time("2099-11-09T13:34:41.65285Z").expect("the Rust SDK's form");
        assert_eq!(write_time(fraction), "2099-11-09T13:34:41Z");
        assert_eq!(parse_time("soon"), None);
    }

    #[test]
    fn json_is_written_as_python_does() {
        #[derive(Serialize)]
        struct Sample {
            a: &'static str,
            list: [u8; 2],
            none: Option<u8>,
        }
        let text = python_json(&Sample { a: "jürgen 🔑 \"x\"\n", list: [1, 2], none: None });
        assert_eq!(
            text,
            "{\"a\": \"j\\u00fcrgen \\ud83d\\udd11 \\\"x\\\"\\n\", \"list\": [1, 2], \"none\": null}"
        );
    }

    #[test]
    fn a_file_is_replaced_in_one_step_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/a.json");
        write(&path, &serde_json::json!({ "accessToken": "one" })).unwrap();
        write(&path, &serde_json::json!({ "accessToken": "two" })).unwrap();
        assert_eq!(text(&read(&path).unwrap(), "ACCESSTOKEN"), Some("two"));
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_is_half_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "{\"accessToken\": \"se").unwrap();
        let finish = || std::fs::write(&path, "{\"accessToken\": \"secret\"}").unwrap();
        let fields = read_twice(&path, finish).expect("complete by now");
        assert_eq!(text(&fields, "accessToken"), Some("secret"));
        std::fs::write(&path, "{\"accessToken\": \"se").unwrap();
        let error = read_twice(&path, || {}).expect_err("it stays half");
        assert!(!error.to_string().contains("se\""), "{error}");
        std::fs::write(&path, "[]").unwrap();
        let error = read(&path).expect_err("not an object");
        assert_eq!(error.to_string(), "it is damaged: it is not an object");
        assert_eq!(read(&folder.path().join("b.json")), Err(ReadError::Missing));
    }
}
