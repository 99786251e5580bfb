//! The store of the Python port-forwarding manager: `~/.ssm-port-forwarder/connections.enc`, opened
//! with `key.salt` beside it and the password.
//!
//! The file is one Fernet token: 0x80, the time, an IV, AES-128-CBC, and an HMAC-SHA256 over all of
//! it, in URL-safe base64. The key is made from the password by PBKDF2. Inside is a JSON object of
//! connections by name.

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use ssmpf_model::{Connection, Destination, Host, Port, Redacted, Timestamp};

use super::{Draft, Left, Reading};
use crate::keys::Passphrase;

/// The name of the token inside the manager's folder.
pub const TOKEN_FILE: &str = "connections.enc";
/// The name of the salt inside the manager's folder.
pub const SALT_FILE: &str = "key.salt";

/// Rounds of PBKDF2, as the manager makes them.
const ROUNDS: u32 = 100_000;
/// Bytes of salt, as the manager makes them.
const SALT: usize = 16;
/// First byte of every token [Fernet: Version].
const VERSION: u8 = 0x80;
/// Bytes in front of the cipher text: version, time, IV.
const FRONT: usize = 1 + 8 + 16;
/// Bytes of the HMAC at the end.
const MAC: usize = 32;

/// Why the manager's store does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FernetError {
    /// The file is no token.
    #[error("it is not a store of the Python manager: {0}")]
    Foreign(&'static str),
    /// The salt is not the manager's.
    #[error("the salt beside it has {0} bytes instead of {SALT}")]
    Salt(usize),
    /// The password does not fit, or the file was altered: the two cannot be told apart.
    #[error("the password is wrong, or the file is damaged")]
    WrongPassword,
    /// It opens, and something else is inside.
    #[error("it opens, but what is inside is not a list of connections")]
    Contents,
}

/// Opens the store and reads its connections. The password is used as it is typed, blanks and all.
pub fn read(
    token: &[u8],
    salt: &[u8],
    password: &Passphrase,
    now: Timestamp,
) -> Result<Reading, FernetError> {
    let plain = open(token, salt, password)?;
    let connections: Map<String, Value> =
        serde_json::from_slice(plain.expose()).map_err(|_| FernetError::Contents)?;
    let mut reading = Reading::default();
    for (name, fields) in connections {
        match draft(&name, &fields, now) {
            Ok(draft) => reading.drafts.push(draft),
            Err(why) => reading.left.push(Left::new(name, why)),
        }
    }
    Ok(reading)
}

/// Opens a token.
fn open(
    token: &[u8],
    salt: &[u8],
    password: &Passphrase,
) -> Result<Redacted<Vec<u8>>, FernetError> {
    /// With padding or without: the manager writes it, copying by hand may lose it.
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    if salt.len() != SALT {
        return Err(FernetError::Salt(salt.len()));
    }
    let bytes = BASE64
        .decode(token.trim_ascii())
        .map_err(|_| FernetError::Foreign("it is not URL-safe base64"))?;
    if bytes.first() != Some(&VERSION) {
        return Err(FernetError::Foreign("it does not begin like a Fernet token"));
    }
    let signed = bytes.len().checked_sub(MAC).filter(|&signed| signed > FRONT);
    let signed = signed.ok_or(FernetError::Foreign("it is too short"))?;
    let (signed, mac) = bytes.split_at(signed);

    let mut key = Redacted::new(vec![0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(
        password.expose().as_bytes(),
        salt,
        ROUNDS,
        key.expose_mut().as_mut_slice(),
    );
    let (signing, encryption) = key.expose().split_at(16);
    let mut hmac =
        Hmac::<Sha256>::new_from_slice(signing).map_err(|_| FernetError::WrongPassword)?;
    hmac.update(signed);
    hmac.verify_slice(mac).map_err(|_| FernetError::WrongPassword)?;

    let iv = &signed[FRONT - 16..FRONT];
    let cipher = cbc::Decryptor::<Aes128>::new_from_slices(encryption, iv)
        .map_err(|_| FernetError::WrongPassword)?;
    cipher
        .decrypt_padded_vec::<Pkcs7>(&signed[FRONT..])
        .map(Redacted::new)
        .map_err(|_| FernetError::WrongPassword)
}

/// Reads one connection. Ports are text there, and older versions of the manager checked little.
fn draft(name: &str, fields: &Value, now: Timestamp) -> Result<Draft, String> {
    let text = |field: &str| match fields.get(field) {
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(format!("it has no `{field}`")),
    };
    let host: Host = text("remote_host")?.parse().map_err(sentence)?;
    let port: Port = text("remote_port")?.parse().map_err(sentence)?;
    let local_port: Port = text("local_port")?.parse().map_err(sentence)?;
    let target = text("instance_id")?.parse().map_err(sentence)?;
    let destination = Destination { host: Some(host), port };
    let mut connection = Connection::new(target, destination, local_port, now);
    let profile = text("profile")?;
    connection.profile = Some(profile.parse().map_err(sentence)?);
    if let Some(created) = text("created_at").ok().and_then(|text| local_time(&text)) {
        connection.created = created;
    }
    Ok(Draft { name: name.to_owned(), local_port: Some(local_port), connection })
}

fn sentence(error: ssmpf_model::InvalidInput) -> String {
    error.message
}

/// Reads `YYYY-MM-DD HH:MM:SS`, written in the time zone of the machine.
fn local_time(text: &str) -> Option<Timestamp> {
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "gAAAAABn8EANEBESExQVFhcYGRobHB0eH7o9JJKik0phAacQ2fNGSlPH5spKlF61T4UWP5cRUngi8OxbrNc4bAiIWAG3bey980P4EWKRdGTch5z-5rT2L5wgWJsbrgfBAzmlYkHGjdh9tldTY48_y-5tHMop4_q23Wo19jp7k43ULcuFpjhikb_T53C7MFuVS6CpTU7C_fO9ZniByoKJrKphmEJtnmS4JadrhK--FS2oPXyAaDkN4mSaCyh2G62RoP1mjkAI9GrFFRfOdYoLI_10lLivKqBMpVpr2a7OJK2k6GPfBxJjUQvBu7OI-bt7HG4Ex1aktPGU";
    const SALT_BYTES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn password(text: &str) -> Passphrase {
        Redacted::new(text.to_owned())
    }

    fn right() -> Passphrase {
        password("correct horse battery")
    }

    #[test]
    fn a_token_of_the_reference_library_opens() {
        let plain = open(TOKEN.as_bytes(), &SALT_BYTES, &right()).expect("it opens");
        assert_eq!(
            std::str::from_utf8(plain.expose()).expect("text"),
            r#"{"prod-db": {"profile": "prod", "instance_id": "i-0123456789abcdef0", "remote_host": "db.example.internal", "remote_port": "5432", "local_port": "15432", "created_at": "2025-04-04 15:44:45"}}"#
        );
    }

    #[test]
    fn its_connections_become_ours() {
        let reading = read(TOKEN.as_bytes(), &SALT_BYTES, &right(), Timestamp::UNIX_EPOCH);
        let reading = reading.expect("it opens");
        assert_eq!(reading.left, []);
        let draft = &reading.drafts[0];
        assert_eq!(draft.name, "prod-db");
        assert_eq!(draft.local_port, Port::new(15432));
        let connection = &draft.connection;
        assert_eq!(connection.target.as_str(), "i-0123456789abcdef0");
        assert_eq!(connection.destination.to_string(), "db.example.internal:5432");
        assert_eq!(connection.profile.as_ref().map(|profile| profile.as_str()), Some("prod"));
        assert_ne!(connection.created, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_wrong_password_and_a_damaged_file_are_said_to_be_that() {
        for text in ["correct horse", " correct horse battery", ""] {
            let error = open(TOKEN.as_bytes(), &SALT_BYTES, &password(text)).expect_err(text);
            assert_eq!(error, FernetError::WrongPassword);
        }
        let mut altered = TOKEN.as_bytes().to_vec();
        altered[100] = if altered[100] == b'A' { b'B' } else { b'A' };
        let error = open(&altered, &SALT_BYTES, &right()).expect_err("altered");
        assert_eq!(error, FernetError::WrongPassword);
    }

    #[test]
    fn what_is_no_token_is_said_before_the_password_is_tried() {
        for (token, salt) in [
            (&b""[..], &SALT_BYTES[..]),
            (b"{}", &SALT_BYTES),
            (b"AAAA", &SALT_BYTES),
            (b"gAAA", &SALT_BYTES),
            (TOKEN.as_bytes(), b"short"),
        ] {
            let error = open(token, salt, &right()).expect_err("no token");
            assert_ne!(error, FernetError::WrongPassword);
        }
    }

    #[test]
    fn entries_that_cannot_be_connections_are_left_with_the_reason() {
        let entry = |port: &str, host: &str| {
            serde_json::json!({"profile": "p", "instance_id": "i-0123456789abcdef0",
                "remote_host": host, "remote_port": port, "local_port": 1234, "extra": []})
        };
        let now = Timestamp::UNIX_EPOCH;
        assert!(draft("a", &entry("5432", "db.internal"), now).is_ok());
        for (fields, words) in [
            (entry("0", "db.internal"), "not a port"),
            (entry("99999", "db.internal"), "not a port"),
            (entry("٣", "db.internal"), "not a port"),
            (entry("5432", "a b"), "cannot be used as a host"),
            (serde_json::json!({}), "it has no `remote_host`"),
            (serde_json::json!(7), "it has no `remote_host`"),
        ] {
            let why = draft("a", &fields, now).expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }
}
