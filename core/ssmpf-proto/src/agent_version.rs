//! The agent's version and what follows from it.

use std::str::FromStr;

/// A version of four numbers, as the agent states it in the handshake.
///
/// Anything else (absent, three parts, letters) is treated as an agent too old for every gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentVersion([u64; 4]);

impl AgentVersion {
    /// Newer agents than this serve many streams over one session (official client's constant).
    const LAST_WITHOUT_MUX: Self = Self([3, 0, 196, 0]);
    /// Newer agents than this end a basic session on a flag (official client's constant).
    const LAST_WITHOUT_TERMINATE_FLAG: Self = Self([2, 3, 722, 0]);
    /// Newer agents than this need no mux keepalive (official client's constant).
    const LAST_WITH_KEEPALIVE: Self = Self([3, 1, 1511, 0]);

    /// Whether the agent speaks the mux for port forwarding.
    pub fn has_mux(self) -> bool {
        self > Self::LAST_WITHOUT_MUX
    }

    /// Whether the agent ends a session on the `TerminateSession` flag.
    pub fn has_terminate_flag(self) -> bool {
        self > Self::LAST_WITHOUT_TERMINATE_FLAG
    }

    /// Whether the agent closes a mux that stays silent for half a minute.
    pub fn expects_keepalive(self) -> bool {
        self <= Self::LAST_WITH_KEEPALIVE
    }
}

/// The text is not four numbers with dots between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a version of four numbers")]
pub struct NotAVersion;

impl FromStr for AgentVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let mut numbers = [0; 4];
        let mut parts = text.split('.');
        for number in &mut numbers {
            let part = parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            *number = part.and_then(|part| part.parse().ok()).ok_or(NotAVersion)?;
        }
        if parts.next().is_some() {
            return Err(NotAVersion);
        }
        Ok(Self(numbers))
    }
}

impl std::fmt::Display for AgentVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> AgentVersion {
        text.parse().unwrap()
    }

    #[test]
    fn gates_are_strictly_greater() {
        assert!(!version("3.0.196.0").has_mux());
        assert!(version("3.0.222.0").has_mux());
        assert!(!version("2.3.722.0").has_terminate_flag());
        assert!(version("2.3.756.0").has_terminate_flag());
        assert!(version("3.1.1511.0").expects_keepalive());
        assert!(!version("3.1.1575.0").expects_keepalive());
    }

    #[test]
    fn parts_are_compared_as_numbers() {
        assert!(version("3.3.987.0") < version("3.3.4851.0"));
        assert!(version("3.10.0.0") > version("3.9.0.0"));
    }

    #[test]
    fn anything_but_four_numbers_is_refused() {
        for text in ["", "3", "3.1.2", "3.1.2.3.4", "3.1.x.0", "3.1.-2.0", "3.1.+2.0", " 3.1.2.0"] {
            assert_eq!(text.parse::<AgentVersion>(), Err(NotAVersion), "{text}");
        }
    }
}
