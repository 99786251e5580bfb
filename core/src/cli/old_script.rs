//! The flags of the older port-forwarding script, which hands remember: `--connect NAME` and the like.

use std::ffi::OsString;

/// The flags and the commands they mean. They stand first on the line, as the script had them.
const FLAGS: [(&str, &str); 5] = [
    ("--new", "add"),
    ("--list", "ls"),
    ("--connect", "connect"),
    ("--delete", "rm"),
    ("--change-password", "passwd"),
];

/// Returns the arguments in today's words.
pub(super) fn translated(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = arguments.get(1).and_then(|word| word.to_str()) else { return arguments };
    let (flag, value) = match first.split_once('=') {
        Some((flag, value)) => (flag, Some(OsString::from(value))),
        None => (first, None),
    };
    if let Some((_, command)) = FLAGS.iter().find(|(known, _)| *known == flag) {
        arguments.splice(1..2, std::iter::once(OsString::from(command)).chain(value));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let words = translated(text.split(' ').map(OsString::from).collect());
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_old_flags_are_todays_commands() {
        assert_eq!(line("ssmpf --connect db"), "ssmpf connect db");
        assert_eq!(line("ssmpf --delete=db -y"), "ssmpf rm db -y");
        assert_eq!(line("ssmpf --list --json"), "ssmpf ls --json");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in ["ssmpf", "ssmpf ls --new", "ssmpf --json ls", "ssmpf --newer"] {
            assert_eq!(line(text), text);
        }
    }
}
