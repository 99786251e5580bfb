//! The exit codes of `ssmpf`.

use std::fmt;

/// How a command ended, as the number its caller sees.
///
/// Scripts depend on these numbers: a code keeps its meaning for ever, new ones may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// It worked. An empty list and a tunnel ended by Ctrl-C or SIGTERM are successes too.
    Success = 0,
    /// Any failure that has no code of its own.
    Failure = 1,
    /// The command line or a setting is wrong.
    Usage = 2,
    /// There is no such connection, target or tag.
    NotFound = 3,
    /// There are no credentials, or the sign-in has expired.
    SignIn = 4,
    /// IAM does not allow it.
    Denied = 5,
    /// The target is not connected, or the session could not start.
    Session = 6,
    /// The destination refused, could not be reached, or is forbidden by the agent.
    Destination = 7,
    /// The local port is busy or could not be bound.
    LocalPort = 8,
    /// It was not ready in time.
    NotReady = 9,
    /// The store is locked, its passphrase is wrong, or it is damaged.
    Store = 10,
    /// The tunnel was lost and given up.
    TunnelLost = 11,
    /// `run` failed before the command could be started.
    RunFailed = 125,
    /// The command of `run` exists but cannot be executed.
    NotExecutable = 126,
    /// The command of `run` was not found.
    CommandNotFound = 127,
    /// Cut short by a second Ctrl-C.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, in numeric order.
    pub const ALL: [ExitCode; 16] = [
        ExitCode::Success,
        ExitCode::Failure,
        ExitCode::Usage,
        ExitCode::NotFound,
        ExitCode::SignIn,
        ExitCode::Denied,
        ExitCode::Session,
        ExitCode::Destination,
        ExitCode::LocalPort,
        ExitCode::NotReady,
        ExitCode::Store,
        ExitCode::TunnelLost,
        ExitCode::RunFailed,
        ExitCode::NotExecutable,
        ExitCode::CommandNotFound,
        ExitCode::Interrupted,
    ];

    /// Returns the number the operating system is given.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns what the code means, in the words of `ssmpf help exit-codes`.
    pub const fn meaning(self) -> &'static str {
        match self {
            ExitCode::Success => {
                "success; also an empty list, and a tunnel ended by Ctrl-C or SIGTERM"
            }
            ExitCode::Failure => "any other failure",
            ExitCode::Usage => "wrong usage: a flag, a value or a setting",
            ExitCode::NotFound => "no such connection, target or tag",
            ExitCode::SignIn => "sign-in required or expired",
            ExitCode::Denied => "denied by IAM",
            ExitCode::Session => "target not connected, or the session could not start",
            ExitCode::Destination => "destination refused, unreachable, or forbidden by the agent",
            ExitCode::LocalPort => "local port busy, or binding it was refused",
            ExitCode::NotReady => "not ready in time",
            ExitCode::Store => "store locked, wrong passphrase, or damaged",
            ExitCode::TunnelLost => "tunnel lost and given up",
            ExitCode::RunFailed => "run: ssmpf itself failed",
            ExitCode::NotExecutable => "run: the command cannot be executed",
            ExitCode::CommandNotFound => "run: the command was not found",
            ExitCode::Interrupted => "cut short by a second Ctrl-C",
        }
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> u8 {
        code.number()
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_documented_ones_in_ascending_order() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 125, 126, 127, 130]);
    }

    #[test]
    fn every_code_has_a_meaning() {
        assert!(ExitCode::ALL.iter().all(|code| !code.meaning().is_empty()));
    }
}
