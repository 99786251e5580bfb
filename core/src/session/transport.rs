//! The byte stream below the websocket, and how it comes about: name, socket, proxy, TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long one address may try alone before the next one joins in [RFC 8305, section 5].
const HEAD_START: Duration = Duration::from_millis(250);

/// A connected byte stream: plain, inside TLS, or inside TLS inside a proxy's TLS.
#[derive(Debug)]
pub enum Transport {
    /// Plain TCP: an emulator, or a plain connection through a proxy.
    Plain(TcpStream),
    /// TLS over TCP, the usual case.
    Tls(Box<TlsStream<TcpStream>>),
    /// TLS inside the TLS of an `https` proxy.
    TlsInTls(Box<TlsStream<TlsStream<TcpStream>>>),
}

impl Transport {
    /// Wraps this stream in TLS with `host` at the other end.
    pub(super) async fn with_tls(self, host: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a host name"))?;
        let connector = TlsConnector::from(config);
        match self {
            Transport::Plain(tcp) => {
                let tls = connector.connect(name, tcp).await?;
                Ok(Transport::Tls(Box::new(tls)))
            }
            Transport::Tls(outer) => {
                let tls = connector.connect(name, *outer).await?;
                Ok(Transport::TlsInTls(Box::new(tls)))
            }
            Transport::TlsInTls(_) => Err(io::Error::other("three layers of TLS")),
        }
    }
}

/// Connects to `host` on the first of its addresses that answers.
///
/// Families take turns and later addresses do not wait for earlier ones to fail, so that a broken
/// IPv6 route costs a quarter of a second rather than the whole timeout.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = interleaved(tokio::net::lookup_host((host, port)).await?.collect());
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let next = waiting.next();
        let more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(stream))) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Some(Ok(Err(error))) => last_error = error,
                Some(Err(error)) => last_error = io::Error::other(error),
                None => return Err(last_error),
            },
            () = sleep(HEAD_START), if more => {}
        }
    }
}

/// Orders addresses so that the families take turns, beginning with the resolver's first choice.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut other = other.into_iter();
    let mut mixed = Vec::new();
    for address in preferred {
        mixed.push(address);
        mixed.extend(other.next());
    }
    mixed.extend(other);
    mixed
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::TlsInTls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::TlsInTls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Transport::TlsInTls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::TlsInTls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse = |list: [&str; 4]| list.map(|text| text.parse().expect("an address")).to_vec();
        assert_eq!(
            interleaved(parse(["[::1]:1", "[::2]:1", "1.1.1.1:1", "1.1.1.2:1"])),
            parse(["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1"])
        );
    }

    #[tokio::test]
    async fn connecting_finds_the_family_that_answers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        // `localhost` usually names ::1 as well, where nobody listens.
        let stream = connect("localhost", port).await.expect("reachable");
        assert!(stream.nodelay().expect("readable"));
    }

    #[tokio::test]
    async fn a_refused_connection_is_reported_as_such() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let error = connect("127.0.0.1", port).await.expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
