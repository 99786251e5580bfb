//! Connections that come up at login: a systemd user unit or a launchd agent for `up @autostart`.

use std::path::{Path, PathBuf};

/// The tag whose connections come up at login.
pub const TAG: &str = "autostart";

/// What looks after the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// systemd's instance for this user.
    Systemd,
    /// launchd's instance for this user.
    Launchd,
}

impl Manager {
    /// Returns the one of this system; none on Windows.
    pub fn of_this_system() -> Option<Self> {
        if cfg!(target_os = "macos") {
            Some(Manager::Launchd)
        } else if cfg!(unix) {
            Some(Manager::Systemd)
        } else {
            None
        }
    }

    /// Returns where the definition belongs. `config` is the user's folder for configuration.
    pub fn path(self, home: &Path, config: &Path) -> PathBuf {
        match self {
            Manager::Systemd => config.join("systemd/user/ssmpf.service"),
            Manager::Launchd => home.join("Library/LaunchAgents/ssmpf.autostart.plist"),
        }
    }

    /// Returns the definition for this program.
    pub fn definition(self, program: &Path, log: &Path) -> String {
        match self {
            Manager::Systemd => systemd(&program.display().to_string()),
            Manager::Launchd => launchd(&program.display().to_string(), &log.display().to_string()),
        }
    }

    /// Returns the commands that make it take effect.
    pub fn enable(self, path: &Path) -> String {
        match self {
            Manager::Systemd => {
                "systemctl --user daemon-reload && systemctl --user enable --now ssmpf".to_owned()
            }
            Manager::Launchd => format!("launchctl load -w {}", path.display()),
        }
    }

    /// Returns the commands that undo it, to be run before the file is removed.
    pub fn disable(self, path: &Path) -> String {
        match self {
            Manager::Systemd => "systemctl --user disable --now ssmpf".to_owned(),
            Manager::Launchd => format!("launchctl unload -w {}", path.display()),
        }
    }
}

/// Only `up` itself is killed when it fails: what came up stays up while the rest is tried again.
fn systemd(program: &str) -> String {
    // systemd expands `%` and `$` and takes C escapes inside quotes.
    let program = program.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    let program = program.replace('$', "$$");
    format!(
        "# Written by `ssmpf service install`.\n\
         [Unit]\n\
         Description=Port forwards of ssmpf tagged @{TAG}\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         ExecStart=\"{program}\" --no-input up @{TAG}\n\
         ExecStop=\"{program}\" --no-input down @{TAG}\n\
         Restart=on-failure\n\
         RestartSec=30\n\
         KillMode=process\n\
         TimeoutStartSec=300\n\
         TimeoutStopSec=30\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n"
    )
}

fn launchd(program: &str, log: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (program, log) = (escaped(program), escaped(log));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n\
         <dict>\n\
         \t<key>Label</key><string>ssmpf.autostart</string>\n\
         \t<key>ProgramArguments</key>\n\
         \t<array>\n\
         \t\t<string>{program}</string>\n\
         \t\t<string>--no-input</string>\n\
         \t\t<string>up</string>\n\
         \t\t<string>@{TAG}</string>\n\
         \t</array>\n\
         \t<key>RunAtLoad</key><true/>\n\
         \t<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n\
         \t<key>ThrottleInterval</key><integer>30</integer>\n\
         \t<key>AbandonProcessGroup</key><true/>\n\
         \t<key>StandardErrorPath</key><string>{log}</string>\n\
         </dict>\n\
         </plist>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_for_systemd_is_escaped() {
        let unit = Manager::Systemd.definition(Path::new("/opt/a b/50%/$x/ssmpf"), Path::new("/l"));
        assert!(unit.contains(r#"ExecStart="/opt/a b/50%%/$$x/ssmpf" --no-input up"#), "{unit}");
    }

    #[test]
    fn what_has_a_meaning_for_xml_is_escaped() {
        let plist = Manager::Launchd.definition(Path::new("/opt/a&b/ssmpf"), Path::new("/l"));
        assert!(plist.contains("<string>/opt/a&amp;b/ssmpf</string>"), "{plist}");
    }
}
