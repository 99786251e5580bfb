//! Every environment variable that is read, documented once.

use std::collections::BTreeMap;

/// A variable and what it is for.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
}

const fn variable(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, meaning }
}

/// Every variable, in the order of `ssmpf help environment`.
///
/// A flag beats all of them. Where several do the same, the first in the list wins. An empty variable
/// counts as not set.
pub(super) const VARIABLES: &[Variable] = &[
    variable("SSMPF_PROFILE", "AWS profile, like --profile"),
    variable("AWS_PROFILE", "the same; unlike in the AWS CLI it wins over keys in the environment"),
    variable("AWS_DEFAULT_PROFILE", "the same"),
    variable("SSMPF_REGION", "AWS region, like --region"),
    variable("AWS_REGION", "the same"),
    variable("AWS_DEFAULT_REGION", "the same"),
    variable("SSMPF_FORMAT", "how results are written, like --format"),
    variable("SSMPF_CONFIG", "the configuration file, like --config"),
    variable("XDG_CONFIG_HOME", "where it is else: ssmpf/config.toml in there or in ~/.config"),
    variable("SSMPF_STORE", "the store of connections, like --store"),
    variable("SSMPF_DATA_DIR", "folder of the store and its key, instead of the one below"),
    variable("XDG_DATA_HOME, HOME, APPDATA", "where that folder is: ~/.local/share/ssmpf on Linux"),
    variable("SSMPF_RUNTIME_DIR", "folder in which forwards in the background are found"),
    variable("XDG_RUNTIME_DIR", "where that folder is by default: ssmpf in there"),
    variable("SSMPF_LOG_DIR", "folder of their logs, instead of the one below"),
    variable("XDG_STATE_HOME, LOCALAPPDATA", "where that is: ~/.local/state/ssmpf/log on Linux"),
    variable("XDG_CONFIG_HOME", "where `ssmpf service` puts the unit; ~/.config by default"),
    variable("SSMPF_CACHE_DIR", "folder of lists kept for minutes, instead of the one below"),
    variable("XDG_CACHE_HOME, LOCALAPPDATA", "where that folder is: ~/.cache/ssmpf on Linux"),
    variable("SSMPF_IDENTITY_FILE", "key of the store: an age identity or an SSH private key"),
    variable("SSMPF_PASSPHRASE", "passphrase of the store's key"),
    variable("SSMPF_PASSPHRASE_FILE", "the same, in the first line of a file"),
    variable("SSMPF_PASSPHRASE_COMMAND", "the same, in the first line that a command prints"),
    variable("SSMPF_NEW_PASSPHRASE", "what `ssmpf passwd` changes it to"),
    variable("SSMPF_IMPORT_PASSPHRASE", "password of the store that `ssmpf import fernet` reads"),
    variable("VISUAL, EDITOR", "editor for `ssmpf edit` without flags"),
    variable("SSMPF_KEYRING", "`off` leaves the keyring of the desktop alone"),
    variable("SSMPF_ROTATE_AFTER", "age at which a session in use is replaced; 55m by default"),
    variable(
        "SSMPF_SILENT_AFTER",
        "silence of the agent after which it may be gone; 20s by default",
    ),
    variable("SSMPF_PING_INTERVAL", "seconds between pings to the gateway; 25 by default"),
    variable("SSMPF_KEY_INSERT", "key of the shell that inserts picked names; empty: none"),
    variable("SSMPF_KEY_CONNECT", "key of the shell that connects what is picked; empty: none"),
    variable("SSMPF_FUNCTION", "name of the shell function instead of `sf`; empty: none"),
    variable("SSMPF_LOG", "log filter such as ssmpf=debug, instead of -v"),
    variable("NO_COLOR", "no colours"),
    variable("CLICOLOR_FORCE", "colours even without a terminal"),
    variable("TERM", "`dumb` means no colours"),
    variable("AWS_CA_BUNDLE", "certificates to trust besides the system's, a PEM file"),
    variable("SSL_CERT_FILE, SSL_CERT_DIR", "certificates to trust instead of the system's"),
    variable("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY", "proxy for AWS and for the session"),
    variable("NO_PROXY", "hosts that are reached without a proxy"),
    variable("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY", "keys, used when no profile is chosen"),
    variable("AWS_SESSION_TOKEN", "belongs to temporary keys"),
    variable("AWS_CONFIG_FILE", "instead of ~/.aws/config"),
    variable("AWS_SHARED_CREDENTIALS_FILE", "instead of ~/.aws/credentials"),
    variable("AWS_ENDPOINT_URL_SSM, AWS_ENDPOINT_URL", "endpoint instead of Amazon's own"),
    variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "`true` switches such endpoints off"),
    variable("AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT", "kind of Amazon's endpoint"),
    variable("AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE", "sign-in with a web identity"),
    variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "sign-in inside a container"),
    variable("AWS_EC2_METADATA_DISABLED", "`true`: no credentials from the instance metadata"),
    variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", "asked for them, on whatever machine"),
    variable(
        "AWS_ENDPOINT_URL_SSO_OIDC, AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL_STS",
        "for signing in",
    ),
    variable("AWS_LOGIN_CACHE_DIRECTORY", "where `aws login` keeps its sign-ins"),
    variable("BROWSER", "what opens the page to sign in on, instead of the desktop's own"),
    variable("DISPLAY, WAYLAND_DISPLAY, SSH_CONNECTION, SSH_TTY", "whether there is a browser"),
    variable("USER, LOGNAME, USERNAME", "name of the role session when the profile sets none"),
];

/// The environment, or a made-up one.
#[derive(Debug, Default)]
pub(super) struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// Returns the environment of this process. What is not Unicode is left out.
    pub(super) fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        // Secrets are read where they are needed, and not copied before.
        let secret = |name: &std::ffi::OsString| name.to_string_lossy().contains("PASSPHRASE");
        let values = std::env::vars_os().filter(|(name, _)| !secret(name));
        Self {
            values: values.filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect(),
        }
    }

    /// Returns the value of a variable, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(
            VARIABLES.iter().any(|v| v.name.split(", ").any(|known| known == name)),
            "{name} is not documented"
        );
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable whose emptiness means something too.
    pub(super) fn get_even_if_empty(&self, name: &str) -> Option<&str> {
        debug_assert!(VARIABLES.iter().any(|v| v.name == name), "{name} is not documented");
        self.values.get(name).map(String::as_str)
    }

    /// Returns the first of several variables that has a value.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(values: [(&str, &str); N]) -> Self {
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { values: values.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_not_set() {
        let environment = Environment::from([("SSMPF_PROFILE", ""), ("AWS_PROFILE", "prod")]);
        assert_eq!(environment.get("SSMPF_PROFILE"), None);
        assert_eq!(environment.first(&["SSMPF_PROFILE", "AWS_PROFILE"]), Some("prod"));
    }
}
