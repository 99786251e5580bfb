//! Whom the emulated account lets in beside its fixed keys: roles, devices, a portal to sign in to.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

use crate::credentials::KeyPair;
use crate::rng::Rng;

/// Letters of tokens, codes and secrets.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters of a code that people type.
const USER_CODE: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A role that can be assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub(crate) arn: String,
    pub(crate) mfa: bool,
    pub(crate) external_id: Option<String>,
    pub(crate) max_seconds: i64,
}

impl Role {
    /// A role that anybody in the account may assume, for an hour at most.
    pub fn new(arn: &str) -> Self {
        Self { arn: arn.into(), mfa: false, external_id: None, max_seconds: 3600 }
    }

    /// Wants a code of a device.
    pub fn wants_mfa(mut self) -> Self {
        self.mfa = true;
        self
    }

    /// Wants this external id.
    pub fn wants_external_id(mut self, id: &str) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Lasts so long at most.
    pub fn lasting(mut self, seconds: i64) -> Self {
        self.max_seconds = seconds;
        self
    }
}

/// A portal of IAM Identity Center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    pub(crate) start_url: String,
    pub(crate) assignments: Vec<(String, String)>,
    pub(crate) token_seconds: i64,
    pub(crate) role_seconds: i64,
    pub(crate) approves_codes: bool,
}

impl Portal {
    /// A portal with this start URL, which lets everybody in at once.
    pub fn new(start_url: &str) -> Self {
        Self {
            start_url: start_url.into(),
            assignments: Vec::new(),
            token_seconds: 8 * 3600,
            role_seconds: 3600,
            approves_codes: true,
        }
    }

    /// Gives the user a role in an account.
    pub fn assigns(mut self, account: &str, role: &str) -> Self {
        self.assignments.push((account.into(), role.into()));
        self
    }

    /// Lets access tokens last so long.
    pub fn token_lasts(mut self, seconds: i64) -> Self {
        self.token_seconds = seconds;
        self
    }

    /// Lets credentials of roles last so long.
    pub fn role_lasts(mut self, seconds: i64) -> Self {
        self.role_seconds = seconds;
        self
    }

    /// Lets a device in only after its page was visited.
    pub fn waits_for_the_page(mut self) -> Self {
        self.approves_codes = false;
        self
    }
}

/// What is configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    pub(crate) roles: Vec<Role>,
    /// Devices with the codes they show; each is good once.
    pub(crate) devices: Vec<(String, Vec<String>)>,
    pub(crate) web_identity_tokens: Vec<String>,
    pub(crate) portal: Option<Portal>,
    /// Refresh tokens of `aws login`; each is good once.
    pub(crate) console_tokens: Vec<String>,
}

/// A client of the portal.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) secret: String,
    pub(crate) grant_types: Vec<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

/// A code that waits to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationCode {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
}

/// A device that waits for somebody to enter its code.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) client_id: String,
    pub(crate) user_code: String,
    pub(crate) approved: bool,
    pub(crate) polls: u32,
}

/// Temporary credentials that were given out.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) key: KeyPair,
    pub(crate) arn: String,
    pub(crate) user_id: String,
    pub(crate) expires: Timestamp,
}

/// What was given out.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) clients: HashMap<String, Client>,
    pub(crate) codes: HashMap<String, AuthorizationCode>,
    pub(crate) devices: HashMap<String, Device>,
    /// Access tokens with their ends.
    pub(crate) tokens: HashMap<String, Timestamp>,
    /// Refresh tokens with the clients they belong to.
    pub(crate) refresh_tokens: HashMap<String, String>,
    pub(crate) issued: Vec<Issued>,
    pub(crate) used_codes: Vec<String>,
    /// Refresh tokens of `aws login` that replaced the first.
    pub(crate) console_tokens: Vec<String>,
    /// Whether the page says no.
    pub(crate) denies: bool,
}

impl Given {
    /// Gives out credentials for so many seconds.
    pub(crate) fn issue(&mut self, arn: String, seconds: i64, now: Timestamp) -> Issued {
        let mut rng = Rng::from_entropy();
        let id = rng.text(16, ALPHABET).to_ascii_uppercase();
        let issued = Issued {
            key: KeyPair {
                access_key: format!("ASIA{id}"),
                secret_key: rng.text(40, ALPHABET),
                session_token: Some(rng.text(120, ALPHABET)),
                expired: false,
            },
            user_id: format!("AROA{id}:{}", arn.rsplit('/').next().unwrap_or_default()),
            arn,
            expires: now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX),
        };
        self.issued.push(issued.clone());
        issued
    }

    /// Returns what was given out under this access key.
    pub(crate) fn find(&self, access_key: &str) -> Option<&Issued> {
        self.issued.iter().find(|issued| issued.key.access_key == access_key)
    }
}

/// Returns a random word for tokens and ids.
pub(crate) fn secret(length: usize) -> String {
    Rng::from_entropy().text(length, ALPHABET)
}

/// Returns a random code for people.
pub(crate) fn user_code() -> String {
    let text = Rng::from_entropy().text(8, USER_CODE);
    format!("{}-{}", &text[..4], &text[4..])
}
