//! IAM Identity Center: signing in, keeping and renewing the sign-in, and what it is good for.
//!
//! The SDK could use a sign-in that is there, but cannot make one, does not check the expiry of
//! profiles without an `sso-session`, and hides why it failed. So all of it is done here, with the
//! SDK's clients for the calls, and with the files of the AWS CLI: each can use the other's sign-in.

mod authorize;
mod callback;
mod device;
mod oidc;
mod portal;
mod refusal;
mod registration;
mod renewing;
mod session;
mod signing_in;
mod token;

pub use oidc::Oidc;
pub use portal::{Portal, RoleAccess};
pub use refusal::SignInError;
pub use session::SsoSession;
pub use signing_in::sign_in;
pub use token::{Token, TokenState};
