//! Colours, where they are wanted.

use std::fmt;

/// Whether the user wants colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the environment says about colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColorEnvironment {
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set, and neither empty nor `0`.
    pub clicolor_force: bool,
    /// `TERM` is `dumb`.
    pub dumb_terminal: bool,
}

/// Puts colour into text, or leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    colored: bool,
}

impl Style {
    /// Decides for a stream that is a terminal or not. A flag beats the environment.
    pub fn choose(choice: ColorChoice, environment: ColorEnvironment, is_terminal: bool) -> Self {
        let colored = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if environment.no_color => false,
            ColorChoice::Auto if environment.clicolor_force => true,
            ColorChoice::Auto => is_terminal && !environment.dumb_terminal,
        };
        Self { colored }
    }

    /// Returns whether colours are used.
    pub fn is_colored(self) -> bool {
        self.colored
    }

    /// The word in front of an error.
    pub fn error(self, text: impl fmt::Display) -> String {
        self.paint("1;31", text)
    }

    /// The word in front of a warning.
    pub fn warning(self, text: impl fmt::Display) -> String {
        self.paint("1;33", text)
    }

    /// The word in front of a hint.
    pub fn hint(self, text: impl fmt::Display) -> String {
        self.paint("36", text)
    }

    /// What the eye looks for, such as an address.
    pub fn strong(self, text: impl fmt::Display) -> String {
        self.paint("1", text)
    }

    /// What may be skipped.
    pub fn faint(self, text: impl fmt::Display) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: impl fmt::Display) -> String {
        if self.colored { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_environment_and_the_environment_beats_the_terminal() {
        let colored = |choice, no_color, clicolor_force, is_terminal| {
            let environment = ColorEnvironment { no_color, clicolor_force, dumb_terminal: false };
            Style::choose(choice, environment, is_terminal).is_colored()
        };
        assert!(colored(ColorChoice::Auto, false, false, true));
        assert!(!colored(ColorChoice::Auto, false, false, false));
        assert!(!colored(ColorChoice::Auto, true, true, true));
        assert!(colored(ColorChoice::Auto, false, true, false));
        assert!(colored(ColorChoice::Always, true, false, false));
        assert!(!colored(ColorChoice::Never, false, true, true));
    }

    #[test]
    fn without_colour_text_stays_as_it_is() {
        assert_eq!(Style::default().error("error"), "error");
        assert_eq!(Style { colored: true }.strong("x"), "\x1b[1mx\x1b[0m");
    }
}
