//! `up`: starts a fleet, says so in one JSON line, and stays.

use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::ExitCode;

use super::args::{FleetArgs, Up};
use super::{Outcome, servers, wait_for_stop};
use crate::emulator::Emulator;
use crate::fleet::{Host, Route, builtin};

/// Runs the command.
pub(super) fn run(up: &Up) -> Outcome {
    let emulator = start(&up.fleet)?;
    println!("{}", ready_line(&emulator));
    std::io::stdout().flush()?;
    wait_for_stop()?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the described fleet; the built-in hosts get small servers unless they are mapped.
pub(super) fn start(args: &FleetArgs) -> Result<Emulator, Box<dyn std::error::Error>> {
    let (mut fleet, is_builtin) = args.read_fleet()?;
    let mut map = |(name, port): (&str, u16)| {
        let mapped = fleet.hosts.iter().any(|host| host.name == name && host.port == Some(port));
        if !is_builtin || mapped {
            return Ok::<_, std::io::Error>(None);
        }
        let (listener, address) = servers::bind()?;
        fleet.map(Host::new(name, port, address));
        Ok(Some(listener))
    };
    let database = map(builtin::DATABASE)?;
    let web = map(builtin::WEB)?;
    let emulator = args.builder(fleet).start_blocking()?;
    if let Some(listener) = database {
        servers::start_echo(&emulator, listener);
    }
    if let Some(listener) = web {
        servers::start_web(&emulator, listener);
    }
    args.faults.apply(&emulator.faults());
    Ok(emulator)
}

/// Returns what a program needs to use the emulator.
fn ready_line(emulator: &Emulator) -> Value {
    let fleet = emulator.fleet();
    let env: Map<String, Value> =
        emulator.environment().into_iter().map(|(name, value)| (name, value.into())).collect();
    let node = |node: &crate::Node| {
        json!({
            "id": node.id,
            "name": node.name,
            "ping": node.ping.as_str(),
            "agent_version": node.agent_version,
        })
    };
    let host = |host: &Host| {
        let to = match host.route {
            Route::Server(address) => address.to_string(),
            Route::SamePort(address) => address.to_string(),
            Route::Refuse => "refuse".into(),
            Route::BlackHole => "blackhole".into(),
        };
        json!({ "name": host.name, "port": host.port, "to": to })
    };
    json!({
        "ready": true,
        "env": env,
        "port": emulator.port(),
        "fleet": fleet.nodes.iter().map(node).collect::<Vec<_>>(),
        "hosts": fleet.hosts.iter().map(host).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::args::{Args, Command};
    use super::*;
    use clap::Parser;

    #[test]
    fn the_ready_line_has_all_a_client_needs() {
        let args = Args::try_parse_from([
            "ssmpf-emulator",
            "up",
            "--host-map",
            "orders.cluster-abc.eu-west-1.rds.amazonaws.com:5432=127.0.0.1:1",
        ]);
        let Command::Up(up) = args.unwrap().command else {
            panic!("not up");
        };
        let emulator = start(&up.fleet).unwrap();
        let line = ready_line(&emulator);
        assert_eq!(line["ready"], true);
        assert_eq!(line["port"], emulator.port());
        assert_eq!(line["env"]["AWS_REGION"], "eu-west-1");
        assert_eq!(line["fleet"][0]["name"], "bastion");
        let hosts = line["hosts"].as_array().unwrap();
        assert_eq!(hosts.len(), 2);
        assert_eq!(hosts[0]["to"], "127.0.0.1:1");
    }
}
