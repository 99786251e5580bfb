//! OpenSSH's words.

use ssmpf_model::document::SSH;
use ssmpf_model::{BindAddress, Connection, ConnectionName, InvalidInput, Kind, TargetMeaning};

use super::{aws_cli, quoted};

/// Returns an entry of `~/.ssh/config` that opens the same forward through the node's SSH server.
pub(super) fn render(
    name: &ConnectionName,
    connection: &Connection,
) -> Result<String, InvalidInput> {
    let (before, target) = aws_cli::target(connection);
    let on_ecs = connection.target.as_str().starts_with("ecs:");
    if on_ecs || !before.is_empty() {
        return Err(InvalidInput::new(
            format!("`{name}` goes to an ECS container, where no SSH server listens"),
            "`--as aws-cli` shows it in the AWS CLI's words",
        ));
    }
    let exact = matches!(connection.target.meaning(), TargetMeaning::Exact(_));
    let (host, target) = match exact {
        true => (format!("    HostName {}\n", connection.target), "%h".to_owned()),
        // Percent signs are ssh's own; the shell has to see them single.
        false => (String::new(), target.replace('%', "%%")),
    };
    let account = aws_cli::account(connection).replace('%', "%%");
    let command = format!(
        "aws ssm start-session --target {target} --document-name {SSH} --parameters \
         portNumber=%p{account}"
    );
    let mut entry = format!("Host {name}\n{host}    ProxyCommand sh -c {}\n", quoted(&command));
    let destination = &connection.destination;
    if connection.kind == Kind::Ssh && destination.host.is_none() {
        entry.push_str(&format!("    Port {}\n", destination.port));
        return Ok(entry.trim_end().to_owned());
    }
    let bind = match connection.bind {
        BindAddress::Loopback => String::new(),
        BindAddress::All => "*:".to_owned(),
        BindAddress::Address(address) if address.is_ipv6() => format!("[{address}]:"),
        BindAddress::Address(address) => format!("{address}:"),
    };
    let to = match &destination.host {
        Some(_) => destination.to_string(),
        None => format!("localhost:{}", destination.port),
    };
    entry.push_str(&format!("    LocalForward {bind}{} {to}\n", connection.local_port));
    entry.push_str("    ExitOnForwardFailure yes");
    Ok(entry)
}
