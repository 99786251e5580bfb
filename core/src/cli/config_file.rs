//! The configuration file: what a user would otherwise say with every command.
//!
//! It comes last: a flag, the environment and the connection itself all beat it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use toml::{Table, Value};

use super::args::{ColorArg, FormatArg};
use super::env::Environment;
use crate::model::{InvalidInput, ProfileName, Region};
use crate::near;
use crate::output::style::ColorChoice;

/// Largest file that is read, in bytes. A configuration has hundreds.
const MAX: u64 = 1024 * 1024;

/// Every key.
const KEYS: [&str; 6] = ["profile", "region", "format", "color", "store", "ping_interval"];

/// What the file says; nothing if there is none.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    /// AWS profile of connections that have none.
    pub(super) profile: Option<String>,
    /// Region of connections that have none.
    pub(super) region: Option<String>,
    /// How results are written.
    pub(super) format: Option<FormatArg>,
    /// Colours.
    pub(super) color: Option<ColorChoice>,
    /// The store of connections.
    pub(super) store: Option<PathBuf>,
    /// Seconds between pings to the gateway.
    pub(super) ping_interval: Option<String>,
    /// What is in it that means nothing, one sentence each.
    pub(super) warnings: Vec<String>,
}

impl ConfigFile {
    /// Reads the file that is named by flag or environment, else the user's own if there is one.
    pub(super) fn load(
        flag: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, InvalidInput> {
        let named = flag.map(Path::to_owned);
        let named = named.or_else(|| environment.get("SSMPF_CONFIG").map(PathBuf::from));
        let is_named = named.is_some();
        let Some(path) = named.or_else(|| usual_place(environment)) else {
            return Ok(Self::default());
        };
        match text(&path) {
            Ok(text) => Self::parse(&text, &path, environment.get("HOME").map(Path::new)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {
                Ok(Self::default())
            }
            Err(error) => Err(InvalidInput::new(
                format!("the configuration file {} cannot be read: {error}", path.display()),
                "name another with `--config` or SSMPF_CONFIG, or leave it out",
            )),
        }
    }

    fn parse(text: &str, path: &Path, home: Option<&Path>) -> Result<Self, InvalidInput> {
        let refused = |line: Option<usize>, why: &str| {
            let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
            let shown = path.display();
            InvalidInput::new(
                format!("the configuration file {shown}{line}: {why}"),
                "`ssmpf help environment` names the settings; docs/configuration.md has an example",
            )
        };
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| line_at(text, span.start));
            refused(line, error.message())
        })?;
        let mut config = Self::default();
        for (key, value) in &table {
            let wrong = |why: &str| refused(line_of(text, key), &format!("`{key}` {why}"));
            let word = || value.as_str().ok_or_else(|| wrong("is not text in quotes"));
            let invalid = |error: InvalidInput| wrong(&format!("is wrong: {error}"));
            match key.as_str() {
                "profile" => {
                    word()?.parse::<ProfileName>().map_err(invalid)?;
                    config.profile = Some(word()?.to_owned());
                }
                "region" => {
                    word()?.parse::<Region>().map_err(invalid)?;
                    config.region = Some(word()?.to_owned());
                }
                "format" => {
                    let format = FormatArg::from_str(word()?, false);
                    let there_are = "is no format; there are table, json, jsonl and plain";
                    config.format = Some(format.map_err(|_| wrong(there_are))?);
                }
                "color" => {
                    let color = ColorArg::from_str(word()?, false);
                    let color = color.map_err(|_| wrong("is not auto, always or never"))?;
                    config.color = Some(color.into());
                }
                "store" => config.store = Some(place(word()?, path, home)),
                "ping_interval" => match value {
                    Value::Integer(seconds @ 1..=3600) => {
                        config.ping_interval = Some(seconds.to_string());
                    }
                    _ => return Err(wrong("is not a number of seconds from 1 to 3600")),
                },
                _ => {
                    let near = near::closest(key, KEYS.into_iter());
                    let near = near.map(|near| format!("; did you mean `{near}`?"));
                    config.warnings.push(format!(
                        "{} says something about `{key}`, which is no setting{}",
                        path.display(),
                        near.unwrap_or_default()
                    ));
                }
            }
        }
        Ok(config)
    }
}

/// `ssmpf/config.toml` in the system's folder for configuration.
fn usual_place(environment: &Environment) -> Option<PathBuf> {
    // A relative path in this variable is to be ignored [XDG Base Directory Specification].
    let xdg =
        environment.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = xdg.or_else(|| match cfg!(windows) {
        true => environment.get("APPDATA").map(PathBuf::from),
        false => environment.get("HOME").map(|home| Path::new(home).join(".config")),
    });
    Some(folder?.join("ssmpf").join("config.toml"))
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than a megabyte")),
        false => Ok(text),
    }
}

/// A path of the file: `~/` is the home, and a relative one begins at the file's own folder.
fn place(text: &str, file: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.parent().unwrap_or(Path::new("")).join(text),
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|&it| it == b'\n').count() + 1
}

/// The line of a key at the top level, if it is written plainly.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let is_it = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().position(is_it).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ConfigFile, InvalidInput> {
        ConfigFile::parse(text, Path::new("/etc/x/config.toml"), Some(Path::new("/home/me")))
    }

    #[test]
    fn every_setting_is_read() {
        let config = parsed(
            "profile = \"prod\"\nregion = \"eu-west-1\"\nformat = \"json\"\ncolor = \"never\"\n\
             store = \"~/team.age\"\nping_interval = 40\n",
        )
        .expect("valid");
        assert_eq!(config.profile.as_deref(), Some("prod"));
        assert_eq!(config.region.as_deref(), Some("eu-west-1"));
        assert_eq!(config.format, Some(FormatArg::Json));
        assert_eq!(config.color, Some(ColorChoice::Never));
        assert_eq!(config.store, Some(PathBuf::from("/home/me/team.age")));
        assert_eq!(config.ping_interval.as_deref(), Some("40"));
        assert!(config.warnings.is_empty());
        let relative = parsed("store = \"team.age\"").expect("valid");
        assert_eq!(relative.store, Some(PathBuf::from("/etc/x/team.age")));
    }

    #[test]
    fn an_unknown_setting_is_warned_about_with_the_nearest() {
        let config = parsed("regoin = \"x\"\n[colors]\na = 1\n").expect("valid");
        let warnings = config.warnings.join("\n");
        assert!(warnings.contains("`regoin`, which is no setting; did you mean `region`?"));
        assert_eq!(config.warnings.len(), 2);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, words) in [
            ("\nprofile = prod", ", line 2: "),
            ("profile = \"prod\"\nformat = \"yaml\"", ", line 2: `format` is no format"),
            ("color = true", ", line 1: `color` is not text"),
            ("ping_interval = 0", "from 1 to 3600"),
            ("region = \"some where\"", "`region` is wrong"),
            ("profile = \"a\"\nprofile = \"b\"", ", line 2: "),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_file_lies_where_the_system_keeps_configuration() {
        let home = ("HOME", "/home/me");
        let at = |values: Environment| usual_place(&values).expect("a place");
        let usual = PathBuf::from("/home/me/.config/ssmpf/config.toml");
        assert_eq!(at(Environment::from([home])), usual);
        assert_eq!(at(Environment::from([home, ("XDG_CONFIG_HOME", "x")])), usual);
        let xdg = Environment::from([home, ("XDG_CONFIG_HOME", "/x")]);
        assert_eq!(at(xdg), PathBuf::from("/x/ssmpf/config.toml"));
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let named = Some(Path::new("/nonexistent/config.toml"));
        assert!(ConfigFile::load(named, &Environment::default()).is_err());
        let nowhere = Environment::from([("HOME", "/nonexistent")]);
        assert!(ConfigFile::load(None, &nowhere).expect("none is needed").profile.is_none());
    }
}
