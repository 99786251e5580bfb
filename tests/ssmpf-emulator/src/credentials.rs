//! Whom the emulated account knows.

/// The access key that is good unless others are given.
pub const DEFAULT_ACCESS_KEY: &str = "AKIDEMULATOR00000001";

/// The secret of the default access key.
pub const DEFAULT_SECRET_KEY: &str = "emulatorSecretKeyThatOpensNothingAtAll00";

/// Number of the emulated account.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A key pair and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPair {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) expired: bool,
}

/// Known keys and the identity behind them.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) keys: Vec<KeyPair>,
    /// The role session name: sessions are named after it.
    pub(crate) session_name: String,
}

impl Credentials {
    /// Returns the key pair with this id.
    pub(crate) fn find(&self, access_key: &str) -> Option<&KeyPair> {
        self.keys.iter().find(|key| key.access_key == access_key)
    }

    /// Returns the caller's ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/Developer/{}", self.session_name)
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            keys: vec![KeyPair {
                access_key: DEFAULT_ACCESS_KEY.into(),
                secret_key: DEFAULT_SECRET_KEY.into(),
                session_token: None,
                expired: false,
            }],
            session_name: "alice@example.com".into(),
        }
    }
}
