//! The command line.

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::emulator::{Builder, Emulator};
use crate::faults::{Direction, Faults};
use crate::fleet::builtin;
use crate::fleet::{Fleet, Host};

/// An AWS side for one machine: SSM and STS calls, the message gateway, and agents that really dial.
#[derive(Debug, Parser)]
#[command(name = "ssmpf-emulator", version)]
pub(super) struct Args {
    /// Report only warnings.
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,

    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a fleet, print one JSON line when it is ready, and stay.
    Up(Up),
    /// Start a fleet, run a command with its environment, and exit with the command's code.
    Exec(Exec),
    /// Start a fleet and a server, open a tunnel with `ssmpf`, fetch through it, and stay.
    Demo(Demo),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Up {
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Exec {
    #[command(flatten)]
    pub(super) fleet: FleetArgs,

    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Demo {
    #[command(flatten)]
    pub(super) fleet: FleetArgs,

    /// End after the demonstration instead of staying.
    #[arg(long)]
    pub(super) exit: bool,

    /// The `ssmpf` to show; otherwise the one beside this program, or the one on the PATH.
    #[arg(long, value_name = "PATH")]
    pub(super) ssmpf: Option<PathBuf>,
}

/// What the fleet is and how it behaves.
#[derive(Debug, ClapArgs)]
pub(super) struct FleetArgs {
    /// TOML file that describes nodes, hosts, ECS tasks and documents.
    #[arg(long, value_name = "FILE")]
    pub(super) fleet: Option<PathBuf>,

    /// Map a name that nodes see to a server here.
    #[arg(long = "host-map", value_name = "NAME:PORT=ADDRESS:PORT", value_parser = host_map)]
    pub(super) host_maps: Vec<Host>,

    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(super) port: u16,

    /// Speak TLS, with an authority named in AWS_CA_BUNDLE.
    #[arg(long)]
    pub(super) tls: bool,

    /// Region of the fleet.
    #[arg(long)]
    pub(super) region: Option<String>,

    /// Let agents send as fast as the client reads, instead of about 0.75 MB/s.
    #[arg(long)]
    pub(super) unpaced: bool,

    /// Refuse websocket upgrades without a signature.
    #[arg(long)]
    pub(super) require_signed: bool,

    /// Deny an IAM action; may be given more than once.
    #[arg(long, value_name = "ACTION")]
    pub(super) deny: Vec<String>,

    #[command(flatten)]
    pub(super) faults: FaultArgs,
}

/// What is to go wrong.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Faults")]
pub(super) struct FaultArgs {
    /// Delay of every message, one way.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) latency: Option<Duration>,
    /// Delay of every API call.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) api_latency: Option<Duration>,

    /// Greatest addition to the delay.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) jitter: Option<Duration>,

    /// Bytes per second each way, such as 500k or 2M.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(super) bandwidth: Option<u64>,

    /// Share of messages that are lost, each way.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) drop: Option<f64>,

    /// Share of messages that arrive twice, each way.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) duplicate: Option<f64>,

    /// Share of messages that change places with the next one, each way.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) reorder: Option<f64>,

    /// Seed of loss, duplication, disorder and jitter.
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,

    /// Close each websocket with 1000 at this age: the hourly cut in miniature.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) close_after: Option<Duration>,

    /// Close each websocket with 1000 after so many messages.
    #[arg(long, value_name = "COUNT")]
    pub(super) close_after_messages: Option<u64>,

    /// Longest message the gateway takes; it closes the websocket at a longer one.
    #[arg(long, value_name = "BYTES")]
    pub(super) max_message_size: Option<usize>,

    /// How long after the handshake agents refuse data without an acknowledgement.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) ready_after: Option<Duration>,

    /// Let the next StartSession calls fail with ThrottlingException.
    #[arg(long, value_name = "COUNT")]
    pub(super) throttle_starts: Option<usize>,

    /// Let the next ResumeSession calls fail with InternalServerError.
    #[arg(long, value_name = "COUNT")]
    pub(super) refuse_resumes: Option<usize>,

    /// Answer the next websocket upgrades with 403.
    #[arg(long, value_name = "COUNT")]
    pub(super) refuse_upgrades: Option<usize>,

    /// Give out tokens that have expired.
    #[arg(long)]
    pub(super) token_expired: bool,

    /// Kill the agent of a node; may be given more than once.
    #[arg(long, value_name = "NODE")]
    pub(super) agent_gone: Vec<String>,

    /// Set the service's clock ahead by so many seconds, or back if negative.
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub(super) clock_offset: Option<i64>,
}

impl FleetArgs {
    /// Returns the described fleet, and whether it is the built-in one.
    pub(super) fn read_fleet(&self) -> Result<(Fleet, bool), Box<dyn std::error::Error>> {
        let mut fleet = match &self.fleet {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
                Fleet::from_toml(&text).map_err(|error| format!("`{}`: {error}", path.display()))?
            }
            None => Fleet::builtin(),
        };
        for host in &self.host_maps {
            fleet.map(host.clone());
        }
        if let Some(region) = &self.region {
            fleet.region = region.clone();
        }
        Ok((fleet, self.fleet.is_none()))
    }

    /// Returns a builder with everything but the faults that need a running emulator.
    pub(super) fn builder(&self, fleet: Fleet) -> Builder {
        let (serial, codes) = builtin::MFA_DEVICE;
        let mut builder = Emulator::builder()
            .fleet(fleet)
            .port(self.port)
            .portal(builtin::portal())
            .role(builtin::role())
            .mfa_device(serial, &codes);
        if self.tls {
            builder = builder.tls();
        }
        if self.unpaced {
            builder = builder.unpaced();
        }
        if self.require_signed {
            builder = builder.require_signed_websocket();
        }
        for action in &self.deny {
            builder = builder.deny(action);
        }
        if let Some(window) = self.faults.ready_after {
            builder = builder.agents(|agents| agents.ready_after = window);
        }
        builder
    }
}

impl FaultArgs {
    /// Switches the faults on.
    pub(super) fn apply(&self, faults: &Faults) {
        if let Some(delay) = self.api_latency {
            faults.api_latency(delay);
        }
        if let Some(delay) = self.latency {
            faults.latency(delay);
        }
        if let Some(most) = self.jitter {
            faults.jitter(most);
        }
        if let Some(rate) = self.bandwidth {
            faults.bandwidth(rate);
        }
        for direction in [Direction::ToClient, Direction::ToAgent] {
            if let Some(share) = self.drop {
                faults.drop_rate(direction, share);
            }
            if let Some(share) = self.duplicate {
                faults.duplicate_rate(direction, share);
            }
            if let Some(share) = self.reorder {
                faults.reorder_rate(direction, share);
            }
        }
        if let Some(seed) = self.seed {
            faults.seed(seed);
        }
        faults.close_after(self.close_after);
        if let Some(count) = self.close_after_messages {
            faults.close_after_messages(count);
        }
        faults.max_message_size(self.max_message_size, false);
        faults.start_fails("ThrottlingException", self.throttle_starts.unwrap_or(0));
        faults.resume_fails("InternalServerError", self.refuse_resumes.unwrap_or(0));
        faults.refuse_upgrade(403, self.refuse_upgrades.unwrap_or(0));
        faults.token_expired(self.token_expired);
        for node in &self.agent_gone {
            faults.agent_gone(node);
        }
        faults.clock_offset(self.clock_offset.unwrap_or(0));
    }
}

fn host_map(text: &str) -> Result<Host, String> {
    let form = || format!("`{text}` is not NAME:PORT=ADDRESS:PORT");
    let (remote, address) = text.split_once('=').ok_or_else(form)?;
    let (name, port) = remote.rsplit_once(':').ok_or_else(form)?;
    let port = port.parse().map_err(|_| form())?;
    let address: SocketAddr =
        address.replace("localhost", "127.0.0.1").parse().map_err(|_| form())?;
    Ok(Host::new(name, port, address))
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| format!("`{text}` is not a time such as 20ms"))?;
    let unit = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        _ => return Err(format!("`{text}` needs a unit: us, ms, s or m")),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is not a rate such as 500k"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too much"))
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not between 0 and 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn exec_takes_the_command_as_it_stands() {
        let args = Args::try_parse_from([
            "ssmpf-emulator",
            "exec",
            "--unpaced",
            "--latency",
            "20ms",
            "--",
            "ls",
            "--all",
        ])
        .unwrap();
        let Command::Exec(exec) = args.command else {
            panic!("not exec");
        };
        assert_eq!(exec.command, ["ls", "--all"]);
        assert!(exec.fleet.unpaced);
        assert_eq!(exec.fleet.faults.latency, Some(Duration::from_millis(20)));
    }

    #[test]
    fn units_shares_and_maps_are_read() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert!(duration("20").is_err());
        assert!(duration("-1s").is_err());
        assert_eq!(rate("500k"), Ok(500_000));
        assert_eq!(rate("2M"), Ok(2_000_000));
        assert!(share("1.1").is_err());
        let host = host_map("db.internal:5432=127.0.0.1:15432").unwrap();
        assert_eq!((host.name.as_str(), host.port), ("db.internal", Some(5432)));
        assert!(host_map("db.internal=1").is_err());
    }
}
