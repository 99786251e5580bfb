//! Whether a client that has half-closed is still there.
//!
//! A program that ends and one that only says "no more from me" look the same on the network. For
//! clients on this machine the kernel knows better: the socket of a program that has closed belongs
//! to nobody any more. Without that knowledge every finished client would keep its server's
//! connection open until the half-close is given up.

use std::net::SocketAddr;
use std::time::Duration;

/// Time between two looks; the first comes after it.
const INTERVAL: Duration = Duration::from_secs(1);

/// Opens what [`left`] needs, while there are file descriptors: it matters most when there are none.
pub fn prepare() {
    imp::prepare();
}

/// Completes when the client at `peer`, connected to `local`, has closed its socket entirely.
///
/// Never completes where that cannot be known: other systems, clients on other machines.
pub async fn left(local: SocketAddr, peer: SocketAddr) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        // Reading the kernel's tables takes a moment on a busy machine.
        let look = tokio::task::spawn_blocking(move || imp::is_gone(local, peer));
        if peer.ip().is_loopback() && look.await.unwrap_or(false) {
            return;
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::HashSet;
    use std::fs::File;
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::os::unix::fs::FileExt;
    use std::sync::{Mutex, OnceLock};
    use std::time::Instant;

    use super::INTERVAL;

    /// Pairs of addresses whose first one belongs to a socket that some program has open.
    type Owned = HashSet<(SocketAddr, SocketAddr)>;

    /// The last look at the kernel's tables: many clients may ask at once.
    static LAST: Mutex<Option<(Instant, Owned)>> = Mutex::new(None);

    /// The kernel's tables; machines without IPv6 have one only.
    static TABLES: OnceLock<Vec<File>> = OnceLock::new();

    pub fn prepare() {
        tables();
    }

    fn tables() -> &'static [File] {
        TABLES.get_or_init(|| {
            ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().flat_map(File::open).collect()
        })
    }

    /// Whether no program has the client's socket open. False if that cannot be told.
    pub fn is_gone(local: SocketAddr, peer: SocketAddr) -> bool {
        let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let fresh = last.as_ref().is_some_and(|(at, _)| at.elapsed() < INTERVAL / 2);
        if !fresh {
            let Some(owned) = look() else { return false };
            *last = Some((Instant::now(), owned));
        }
        last.as_ref().is_some_and(|(_, owned)| !owned.contains(&(peer, local)))
    }

    fn look() -> Option<Owned> {
        let mut owned = Owned::new();
        for table in tables() {
            let text = read(table).ok()?;
            owned.extend(String::from_utf8_lossy(&text).lines().skip(1).filter_map(row));
        }
        (!tables().is_empty()).then_some(owned)
    }

    /// Reads a table from its beginning.
    fn read(table: &File) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut part = vec![0; 64 * 1024];
        loop {
            match table.read_at(&mut part, text.len() as u64)? {
                0 => return Ok(text),
                count => text.extend_from_slice(&part[..count]),
            }
        }
    }

    /// Reads a row: slot, local address, remote address, …, inode; 0 means no owner.
    fn row(line: &str) -> Option<(SocketAddr, SocketAddr)> {
        let fields: Vec<_> = line.split_whitespace().collect();
        let inode: u64 = fields.get(9)?.parse().ok()?;
        let pair = (address(fields.get(1)?)?, address(fields.get(2)?)?);
        (inode != 0).then_some(pair)
    }

    /// Reads `0100007F:1F90`: words in the machine's byte order, then the port.
    fn address(text: &str) -> Option<SocketAddr> {
        let (ip, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let words: Vec<[u8; 4]> = (0..ip.len() / 8)
            .map(|index| {
                let word = u32::from_str_radix(ip.get(index * 8..index * 8 + 8)?, 16).ok()?;
                Some(word.to_ne_bytes())
            })
            .collect::<Option<_>>()?;
        let ip: IpAddr = match words.as_slice() {
            [v4] => Ipv4Addr::from(*v4).into(),
            [_, _, _, _] => {
                let bytes: [u8; 16] = words.concat().try_into().ok()?;
                Ipv6Addr::from(bytes).to_canonical()
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    #[cfg(test)]
    mod tests {
        use std::io::Read;
        use std::net::{Shutdown, TcpListener, TcpStream};
        use std::thread::sleep;

        use super::*;

        #[test]
        fn a_half_closed_client_is_there_and_a_closed_one_is_gone() {
            for bind in ["127.0.0.1:0", "[::1]:0"] {
                let Ok(listener) = TcpListener::bind(bind) else { continue };
                let local = listener.local_addr().expect("bound");
                let client = TcpStream::connect(local).expect("it listens");
                let (mut accepted, peer) = listener.accept().expect("a client");
                client.shutdown(Shutdown::Write).expect("connected");
                assert_eq!(accepted.read(&mut [0]).expect("an orderly end"), 0);
                sleep(INTERVAL);
                assert!(!is_gone(local, peer), "{bind}");
                drop(client);
                sleep(INTERVAL);
                assert!(is_gone(local, peer), "{bind}");
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::net::SocketAddr;

    pub fn prepare() {}

    /// Not known here.
    pub fn is_gone(_local: SocketAddr, _peer: SocketAddr) -> bool {
        false
    }
}
