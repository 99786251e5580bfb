//! Who can be asked to sign in, and what such a person is shown.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::model::Redacted;

/// How a person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// In the browser of this machine, which is opened.
    Browser,
    /// In a browser of this machine, which the person opens.
    PrintUrl,
    /// In a browser anywhere, with a code.
    DeviceCode {
        /// Whether one on this machine is opened.
        open_browser: bool,
    },
}

/// Where a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The page.
    pub url: String,
    /// The code that the page must show or be given; only with device codes.
    pub user_code: Option<String>,
    /// Whether a browser on this machine is to be opened.
    pub open_browser: bool,
    /// What is signed in to, in words.
    pub label: String,
}

/// A person who can sign in. Its methods may block for as long as the person takes.
pub trait Guide: fmt::Debug + Send + Sync {
    /// How the person likes to sign in to IAM Identity Center.
    fn flow(&self) -> Flow;

    /// Shows where to sign in, and opens a browser if the invitation says so.
    fn invite(&self, invitation: &Invitation);

    /// Asks for the code that a device shows; `None` if the person does not want to go on.
    fn mfa_code(&self, serial: &str) -> io::Result<Option<Redacted<String>>>;

    /// Tells one sentence.
    fn tell(&self, sentence: &str);
}

/// Shows a person where to sign in. Opening a browser may take as long as the browser runs.
pub(super) fn invite(guide: &Arc<dyn Guide>, invitation: Invitation) {
    let guide = Arc::clone(guide);
    tokio::task::spawn_blocking(move || guide.invite(&invitation));
}
