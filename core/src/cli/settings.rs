//! What flags, environment and configuration file mean together: flag, then `SSMPF_*`, then `AWS_*`,
//! then the connection (in `commands::connect`), then the file, then default.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::args::{FormatArg, ForwardArgs, Global};
use super::config_file::ConfigFile;
use super::env::Environment;
use crate::aws::AwsSettings;
use crate::commands::connect::AwsDefaults;
use crate::commands::forward::Request;
use crate::forward::UpkeepChoice;
use crate::model::{Destination, ForwardSpec, InvalidInput, LocalPort, TargetSpec};
use crate::output::style::{ColorChoice, ColorEnvironment, Style};
use crate::shutdown::Shutdown;

/// Longest reason that StartSession takes, in characters.
const MAX_REASON: usize = 256;

/// What holds for every command.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) aws: AwsSettings,
    pub(super) format: FormatArg,
    /// Another store than the user's own.
    pub(super) store: Option<PathBuf>,
    pub(super) quiet: bool,
    pub(super) verbosity: u8,
    pub(super) log: Option<String>,
    /// Time between pings to the gateway, from the environment.
    pub(super) ping_interval: Option<String>,
    /// Colours on stderr.
    pub(super) style: Style,
    /// Profile and region of the configuration file.
    pub(super) defaults: AwsDefaults,
    /// What is in the configuration file that means nothing.
    pub(super) warnings: Vec<String>,
    /// Whether the end of stdin is the end of the command.
    ends_with_stdin: bool,
}

impl Settings {
    /// The settings for AWS where no connection has a word in it.
    pub(super) fn aws_without_connection(&self) -> AwsSettings {
        self.defaults.behind(self.aws.clone())
    }

    /// Begins to listen for what can end a command that goes on. Needs a Tokio runtime.
    pub(super) fn shutdown(&self) -> io::Result<Shutdown> {
        match self.ends_with_stdin {
            true => Shutdown::on_signals_and_input(),
            false => Shutdown::on_signals(),
        }
    }

    /// Whether results are read by programs.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.format, FormatArg::Json | FormatArg::Jsonl)
    }
}

/// Merges the global flags with the environment.
pub(super) fn resolve(
    global: &Global,
    environment: &Environment,
    stderr_is_terminal: bool,
) -> Result<Settings, InvalidInput> {
    let config = ConfigFile::load(global.config.as_deref(), environment)?;
    let profile = ["SSMPF_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
    let region = ["SSMPF_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
    Ok(Settings {
        aws: AwsSettings {
            profile: chosen(global.profile.first(), environment.first(&profile)),
            region: chosen(global.region.first(), environment.first(&region)),
            ca_bundle: environment.get("AWS_CA_BUNDLE").map(PathBuf::from),
            guide: None,
            files: None,
            pacing: None,
            watch: None,
        },
        defaults: AwsDefaults { profile: config.profile, region: config.region },
        format: format(global, environment, config.format)?,
        store: global
            .store
            .clone()
            .or_else(|| environment.get("SSMPF_STORE").map(PathBuf::from))
            .or(config.store),
        quiet: global.quiet,
        verbosity: global.verbose,
        ends_with_stdin: global.end_with_stdin,
        log: environment.get("SSMPF_LOG").map(str::to_owned),
        ping_interval: environment
            .get("SSMPF_PING_INTERVAL")
            .map(str::to_owned)
            .or(config.ping_interval),
        // The variables for colours are older than the file, and beat it as a flag beats them.
        style: style(
            global.color.map(Into::into).or_else(|| {
                let decided = ["NO_COLOR", "CLICOLOR_FORCE"];
                config.color.filter(|_| environment.first(&decided).is_none())
            }),
            environment,
            stderr_is_terminal,
        ),
        warnings: config.warnings,
    })
}

/// Decides about colours on stderr. Needed before anything else, to say what is wrong with the rest.
pub(super) fn style(
    flag: Option<ColorChoice>,
    environment: &Environment,
    is_terminal: bool,
) -> Style {
    let wishes = ColorEnvironment {
        no_color: environment.get("NO_COLOR").is_some(),
        clicolor_force: environment.get("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        dumb_terminal: environment.get("TERM") == Some("dumb"),
    };
    Style::choose(flag.unwrap_or_default(), wishes, is_terminal)
}

fn chosen(flag: Option<&String>, environment: Option<&str>) -> Option<String> {
    flag.cloned().or_else(|| environment.map(str::to_owned))
}

fn format(
    global: &Global,
    environment: &Environment,
    file: Option<FormatArg>,
) -> Result<FormatArg, InvalidInput> {
    if global.json {
        return Ok(FormatArg::Json);
    }
    match (global.format, environment.get("SSMPF_FORMAT")) {
        (Some(format), _) => Ok(format),
        (None, Some(text)) => FormatArg::from_str(text, false).map_err(|_| {
            InvalidInput::new(
                format!("SSMPF_FORMAT is `{text}`, which is no format"),
                "there are table, json, jsonl and plain",
            )
        }),
        (None, None) => Ok(file.unwrap_or(FormatArg::Table)),
    }
}

/// Turns the flags of `forward` into its request.
pub(super) fn forward(args: &ForwardArgs, settings: &Settings) -> Result<Request, InvalidInput> {
    if args.stdio && settings.is_json() {
        return Err(InvalidInput::new(
            "`--stdio` uses stdout for the data, so events cannot be written there",
            "leave out `--format`",
        ));
    }
    let (bind, local_port, destination) = match &args.route.local_forward {
        Some(spec) => {
            let spec: ForwardSpec = spec.parse()?;
            (spec.bind.into_iter().collect(), spec.local_port, spec.destination)
        }
        None => {
            let bind = args.bind.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
            let local_port = match &args.local_port {
                Some(text) => text.parse()?,
                None => LocalPort::Auto,
            };
            let destination = Destination {
                host: args.route.host.as_deref().map(str::parse).transpose()?,
                // clap asks for it; this is for whoever changes `args`.
                port: args.route.port.as_deref().unwrap_or_default().parse()?,
            };
            (bind, local_port, destination)
        }
    };
    Ok(Request {
        target: TargetSpec::all_of(&args.route.target)?,
        destination,
        local_port,
        bind,
        reason: args.route.reason.reason.as_deref().map(reason).transpose()?,
        document: args.route.document.as_deref().map(str::parse).transpose()?,
        engine: args.engine.into(),
        upkeep: args.upkeep.choice()?.with(UpkeepChoice::default()),
        stdio: args.stdio,
        max_payload: args.max_payload,
        ping_interval: args
            .ping_interval
            .as_deref()
            .or(settings.ping_interval.as_deref())
            .map(ping_interval)
            .transpose()?,
    })
}

/// Seconds from 1 to an hour: longer would not keep anything alive.
pub(super) fn ping_interval(text: &str) -> Result<Duration, InvalidInput> {
    let seconds = text.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        InvalidInput::new(
            format!("`{text}` is not a time between pings"),
            "give whole seconds from 1 to 3600",
        )
    })
}

/// Checks that AWS takes the reason.
pub(super) fn reason(text: &str) -> Result<String, InvalidInput> {
    let length = text.chars().count();
    if (1..=MAX_REASON).contains(&length) {
        return Ok(text.to_owned());
    }
    Err(InvalidInput::new(
        format!("the reason has {length} characters"),
        format!("AWS takes 1 to {MAX_REASON}"),
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command};
    use super::*;

    fn parsed(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).expect(line)
    }

    fn settings<const N: usize>(line: &str, environment: [(&str, &str); N]) -> Settings {
        resolve(&parsed(line).global, &environment.into(), false).expect(line)
    }

    fn request(line: &str) -> Result<Request, InvalidInput> {
        let cli = parsed(line);
        let settings = resolve(&cli.global, &Environment::default(), false).expect("valid");
        match cli.command {
            Some(Command::Forward(args)) => forward(&args, &settings),
            _ => panic!("{line} is no forward"),
        }
    }

    #[test]
    fn a_flag_beats_our_variable_and_ours_beats_the_one_of_aws() {
        let ours_and_aws = [("SSMPF_PROFILE", "ours"), ("AWS_PROFILE", "aws")];
        let profile = |s: Settings| s.aws.profile.expect("chosen");
        assert_eq!(profile(settings("ssmpf --profile flag", ours_and_aws)), "flag");
        assert_eq!(profile(settings("ssmpf", ours_and_aws)), "ours");
        assert_eq!(profile(settings("ssmpf", [("AWS_DEFAULT_PROFILE", "aws")])), "aws");
        let region = settings("ssmpf", [("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")]);
        assert_eq!(region.aws.region.as_deref(), Some("a"));
    }

    #[test]
    fn the_format_can_be_chosen_in_three_ways() {
        assert_eq!(settings("ssmpf", []).format, FormatArg::Table);
        assert_eq!(settings("ssmpf --json", []).format, FormatArg::Json);
        assert_eq!(settings("ssmpf", [("SSMPF_FORMAT", "jsonl")]).format, FormatArg::Jsonl);
        let wrong = Environment::from([("SSMPF_FORMAT", "yaml")]);
        assert!(resolve(&parsed("ssmpf").global, &wrong, false).is_err());
    }

    #[test]
    fn both_spellings_of_a_forward_mean_the_same() {
        let long = request(
            "ssmpf forward --target i-0123456789abcdef0 --host db.internal --port 5432 \
             --local-port 15432 --bind 127.0.0.1",
        )
        .expect("valid");
        let short = request(
            "ssmpf forward --target i-0123456789abcdef0 -L 127.0.0.1:15432:db.internal:5432",
        )
        .expect("valid");
        assert_eq!(format!("{long:?}"), format!("{short:?}"));
    }

    #[test]
    fn bad_ports_are_named() {
        for (flag, words) in [
            ("--port 0", "`0` is not a port number"),
            ("--port 65536", "`65536` is not a port number"),
            ("--port -1", "`-1` is not a port number"),
            ("--port 1 --local-port x", "`x` is not a local port"),
        ] {
            let line = format!("ssmpf forward --target i-0123456789abcdef0 {flag}");
            assert_eq!(request(&line).expect_err(flag).message, words);
        }
    }

    #[test]
    fn a_reason_must_fit() {
        assert!(reason("because").is_ok());
        assert!(reason("").is_err());
        assert!(reason(&"x".repeat(257)).is_err());
    }

    #[test]
    fn the_file_comes_behind_flag_and_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "profile = \"file\"\nformat = \"plain\"\n").expect("written");
        let with = |line: &str, variables: &[(&str, &str)]| {
            let mut all = vec![("SSMPF_CONFIG", file.to_str().expect("text"))];
            all.extend_from_slice(variables);
            let environment = Environment::from(<[_; 2]>::try_from(all).expect("two"));
            resolve(&parsed(line).global, &environment, false).expect(line)
        };
        let other = [("SSMPF_STORE", "x")];
        let settings = with("ssmpf", &other);
        assert_eq!(settings.format, FormatArg::Plain);
        assert_eq!(settings.aws.profile, None, "a connection may have its own");
        assert_eq!(settings.aws_without_connection().profile.as_deref(), Some("file"));
        let settings = with("ssmpf --profile flag --json", &other);
        assert_eq!(settings.format, FormatArg::Json);
        assert_eq!(settings.aws_without_connection().profile.as_deref(), Some("flag"));
        let settings = with("ssmpf", &[("AWS_PROFILE", "environment")]);
        assert_eq!(settings.aws_without_connection().profile.as_deref(), Some("environment"));
    }
}
