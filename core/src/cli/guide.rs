//! The person at this terminal, signing in.

use std::io::{self, Write};
use std::sync::Arc;

use super::args::Global;
use super::env::Environment;
use super::status_line;
use super::terminal::Terminal;
use crate::aws::{Flow, Guide, Invitation};
use crate::commands::context::Person;
use crate::model::Redacted;
use crate::output::Style;

/// Shows on stderr where to sign in, and reads codes from the terminal.
#[derive(Debug)]
struct TerminalGuide {
    flow: Flow,
    /// Whether there is a terminal to type on.
    is_terminal: bool,
    style: Style,
}

/// Returns the person to ask when credentials want one; nobody in scripts.
pub(super) fn of_process(
    global: &Global,
    environment: &Environment,
    style: Style,
) -> Option<Arc<dyn Guide>> {
    Terminal::of_process(global.no_input)?;
    Some(Arc::new(TerminalGuide { flow: flow(environment), is_terminal: true, style }))
}

/// Returns the person who asked to sign in, who may sit before a browser rather than a terminal.
pub(super) fn for_login(
    global: &Global,
    environment: &Environment,
    style: Style,
) -> Arc<dyn Guide> {
    let is_terminal = Terminal::of_process(global.no_input).is_some();
    Arc::new(TerminalGuide { flow: flow(environment), is_terminal, style })
}

/// Decides how to sign in where nobody said so.
///
/// On a machine reached over SSH the browser's answer would go to the wrong loopback, and without a
/// display there is no browser: then a code does, which any browser anywhere takes.
pub(super) fn flow(environment: &Environment) -> Flow {
    let has = |names: &[&str]| environment.first(names).is_some();
    if has(&["BROWSER"]) {
        Flow::Browser
    } else if has(&["SSH_CONNECTION", "SSH_TTY"]) || !has_display(&has) {
        Flow::DeviceCode { open_browser: false }
    } else {
        Flow::Browser
    }
}

fn has_display(has: &impl Fn(&[&str]) -> bool) -> bool {
    let needs_display = cfg!(unix) && !cfg!(target_os = "macos");
    !needs_display || has(&["DISPLAY", "WAYLAND_DISPLAY"])
}

impl Guide for TerminalGuide {
    fn flow(&self) -> Flow {
        self.flow
    }

    fn invite(&self, invitation: &Invitation) {
        let Invitation { url, user_code, open_browser, label } = invitation;
        let how = match (open_browser, user_code) {
            (true, _) => "in the browser; if none opens, visit",
            (false, Some(_)) => "in a browser on any machine",
            (false, None) => "in a browser on this machine",
        };
        let _pause = status_line::pause();
        self.tell(&format!("Sign in to {label} {how}:\n\n  {}\n", self.style.strong(url)));
        if let Some(code) = user_code {
            self.tell(&format!("The code is {}\n", self.style.strong(code)));
        }
        if *open_browser && let Err(error) = webbrowser::open(url) {
            tracing::info!(%error, "no browser");
        }
    }

    fn mfa_code(&self, serial: &str) -> io::Result<Option<Redacted<String>>> {
        if !self.is_terminal {
            return Err(io::Error::other("it is asked for on a terminal, and this is none"));
        }
        let _pause = status_line::pause();
        Terminal.ask_secret(&format!("Enter MFA code for {serial}"))
    }

    fn tell(&self, sentence: &str) {
        let _pause = status_line::pause();
        // A terminal that is gone ends the next question.
        let _ = writeln!(io::stderr(), "{sentence}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn a_browser_is_used_only_where_there_is_one() {
        let code = Flow::DeviceCode { open_browser: false };
        assert_eq!(flow(&Environment::from([("DISPLAY", ":0")])), Flow::Browser);
        assert_eq!(flow(&Environment::from([("WAYLAND_DISPLAY", "wayland-0")])), Flow::Browser);
        assert_eq!(flow(&Environment::default()), code);
        let over_ssh = [("DISPLAY", ":10"), ("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22")];
        assert_eq!(flow(&Environment::from(over_ssh)), code);
        let chosen = [("BROWSER", "lynx"), ("SSH_TTY", "/dev/pts/0")];
        assert_eq!(flow(&Environment::from(chosen)), Flow::Browser);
    }
}
