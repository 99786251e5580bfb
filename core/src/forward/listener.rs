//! The local port: bound before anything is asked of AWS, kept for the life of the forward.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use ssmpf_schema::ErrorKind;
use tokio::net::{TcpListener, TcpStream};

use super::port_owner;
use crate::model::{BindAddress, LocalPort};

/// Clients that may wait to be accepted. A browser opens dozens at once.
const BACKLOG: i32 = 1024;
/// Free ports tried until one is free in every family.
const AUTO_ATTEMPTS: usize = 16;
/// Pause after a failed accept: out of file descriptors passes, but not at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Ports below this one need a privilege on most systems.
const FIRST_UNPRIVILEGED: u16 = 1024;

/// Why the local port could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BindError {
    /// [`ErrorKind::PortBusy`] or [`ErrorKind::BindRefused`].
    pub kind: ErrorKind,
    /// What failed, on which address.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Binds every address, all with one port. The first address is the one to show.
///
/// # Errors
///
/// A [`BindError`] if the first address of a choice, or a port that is taken, is refused.
pub fn bind(choices: &[BindAddress], port: LocalPort) -> Result<Vec<TcpListener>, BindError> {
    let wanted = match port {
        LocalPort::Auto => None,
        LocalPort::Fixed(port) => Some(port.number()),
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        match bind_all(choices, wanted.unwrap_or(0)) {
            // The port that one family chose may be taken in the other.
            Err((address, error))
                if wanted.is_none()
                    && error.kind() == io::ErrorKind::AddrInUse
                    && attempts < AUTO_ATTEMPTS =>
            {
                tracing::debug!(%address, %error, "choosing another port");
            }
            result => return result.map_err(|(address, error)| explain(address, &error)),
        }
    }
}

fn bind_all(
    choices: &[BindAddress],
    mut port: u16,
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::new();
    for choice in choices {
        for (index, ip) in choice.addresses().into_iter().enumerate() {
            let address = SocketAddr::new(ip, port);
            match listen(address).and_then(|listener| Ok((listener.local_addr()?.port(), listener)))
            {
                Ok((bound, listener)) => {
                    port = bound;
                    listeners.push(listener);
                }
                Err(error) if index > 0 && is_family_missing(&error) => {
                    tracing::debug!(%ip, %error, "not listening there");
                }
                Err(error) => return Err((address, error)),
            }
        }
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this option lets two programs share a port, which nobody wants.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Whether the machine simply has no such address family.
fn is_family_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97) // EAFNOSUPPORT on Linux, without a kind in std
}

fn explain(address: SocketAddr, error: &io::Error) -> BindError {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder =
                port_owner::find(address).map_or_else(String::new, |owner| format!(" by {owner}"));
            BindError {
                kind: ErrorKind::PortBusy,
                message: format!("local port {port} is in use{holder}"),
                hint: "stop that program, or choose another port; `--local-port auto` takes a \
                       free one"
                    .to_owned(),
            }
        }
        io::ErrorKind::PermissionDenied if port != 0 && port < FIRST_UNPRIVILEGED => BindError {
            kind: ErrorKind::BindRefused,
            message: format!("this user may not listen on local port {port}"),
            hint: format!(
                "ports below {FIRST_UNPRIVILEGED} need a privilege; choose a higher one with \
                 `--local-port`"
            ),
        },
        io::ErrorKind::AddrNotAvailable => BindError {
            kind: ErrorKind::BindRefused,
            message: format!("{} is not an address of this machine", address.ip()),
            hint: "give `--bind` an address of this machine, or leave it out for localhost"
                .to_owned(),
        },
        _ => BindError {
            kind: ErrorKind::BindRefused,
            message: format!("cannot listen on {address}: {error}"),
            hint: "choose another address with `--bind` or another port with `--local-port`"
                .to_owned(),
        },
    }
}

/// Waits for the next client of a listener. Failures are waited out: a listener that is out of
/// file descriptors would otherwise spin.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small requests must not wait for earlier ones to be acknowledged.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a client could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The addresses listened on, as `host:port`, the one to show first in front.
pub fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
}

/// Whether an address is a wildcard, which a client cannot connect to as it stands.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port())
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Port;

    fn fixed(port: u16) -> LocalPort {
        LocalPort::Fixed(Port::new(port).expect("not zero"))
    }

    #[tokio::test]
    async fn a_free_port_is_the_same_in_both_families() {
        let listeners = bind(&[BindAddress::Loopback], LocalPort::Auto).expect("bindable");
        let addresses = addresses(&listeners);
        assert_eq!(addresses[0].ip(), IpAddr::from([127, 0, 0, 1]));
        assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
    }

    #[tokio::test]
    async fn a_busy_port_is_named_with_the_program_that_holds_it() {
        let holder = bind(&[BindAddress::Loopback], LocalPort::Auto).expect("bindable");
        let port = addresses(&holder)[0].port();
        let error = bind(&[BindAddress::Loopback], fixed(port)).expect_err("taken");
        assert_eq!(error.kind, ErrorKind::PortBusy);
        assert!(error.message.contains(&port.to_string()), "{error}");
        if cfg!(target_os = "linux") {
            let pid = std::process::id().to_string();
            assert!(error.message.contains(&pid), "{error}");
        }
    }

    #[tokio::test]
    async fn a_foreign_address_is_refused() {
        let address = BindAddress::Address([192, 0, 2, 1].into());
        let error = bind(&[address], LocalPort::Auto).expect_err("not ours");
        assert_eq!(error.kind, ErrorKind::BindRefused);
        assert!(error.message.contains("192.0.2.1"), "{error}");
    }
}
