//! Small real servers for the built-in hosts: one echoes lines, one serves pages.

use sha2::{Digest, Sha256};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::emulator::Emulator;
use crate::rng::Rng;
use crate::sigv4::hex;

/// What the web server serves at `/`.
pub(super) const PAGE: &str =
    "Hello from behind the tunnel: this page was fetched through Session Manager's protocol.\n";

/// Length of `/blob`, in bytes.
pub(super) const BLOB: usize = 8 * 1024 * 1024;

/// Reserves a loopback port, so that its address can be in the fleet before the emulator starts.
pub(super) fn bind() -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Answers every line with itself.
pub(super) fn start_echo(emulator: &Emulator, listener: std::net::TcpListener) {
    emulator.spawn(accept(listener, |mut socket| async move {
        let (reader, mut writer) = socket.split();
        let mut lines = BufReader::new(reader);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await? > 0 {
            writer.write_all(&line).await?;
            line.clear();
        }
        Ok(())
    }));
}

/// Serves a page, and a blob with its SHA-256 beside it.
pub(super) fn start_web(emulator: &Emulator, listener: std::net::TcpListener) {
    let blob = Arc::new(blob());
    let digest = hex(&Sha256::digest(&blob[..]));
    emulator.spawn(accept(listener, move |socket| {
        let (blob, digest) = (blob.clone(), digest.clone());
        async move { serve(socket, &blob, &digest).await }
    }));
}

async fn accept<F>(listener: std::net::TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        tokio::spawn(serve(socket));
    }
}

fn blob() -> Vec<u8> {
    let mut rng = Rng::seeded(BLOB as u64);
    (0..BLOB / 8).flat_map(|_| rng.next().to_le_bytes()).collect()
}

async fn serve(socket: TcpStream, blob: &[u8], digest: &str) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let mut request = String::new();
        if (&mut socket).take(8192).read_line(&mut request).await? == 0 {
            return Ok(());
        }
        let mut close = request.ends_with("HTTP/1.0\r\n");
        loop {
            let mut header = String::new();
            let n = (&mut socket).take(8192).read_line(&mut header).await?;
            if n == 0 || header.trim().is_empty() {
                break;
            }
            close |= header.trim().eq_ignore_ascii_case("connection: close");
        }
        let mut words = request.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, kind, body): (_, _, &[u8]) = match path {
            "/" => ("200 OK", "text/plain; charset=utf-8", PAGE.as_bytes()),
            "/blob" => ("200 OK", "application/octet-stream", blob),
            "/blob.sha256" => ("200 OK", "text/plain", digest.as_bytes()),
            _ => ("404 Not Found", "text/plain", b"no such page\n"),
        };
        let connection = if close { "close" } else { "keep-alive" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await?;
        if method != "HEAD" {
            socket.write_all(body).await?;
        }
        socket.flush().await?;
        if close {
            return Ok(());
        }
    }
}
