//! The place where a forward is asked: a Unix socket, or a named pipe on Windows. Its user's alone.

#[cfg(unix)]
pub use unix::{Connection, Listener, connect, peer_process};
#[cfg(windows)]
pub use windows::{Connection, Listener, connect, peer_process};

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use rustix::process::geteuid;
    use tokio::net::{UnixListener, UnixStream};

    /// Bytes both ways.
    pub type Connection = UnixStream;

    /// Waits for those who ask.
    #[derive(Debug)]
    pub struct Listener(UnixListener);

    impl Listener {
        /// Listens at `path`; what a killed forward left there is replaced.
        pub fn bind(path: &Path) -> io::Result<Self> {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(path)?;
            // The folder lets nobody else in; this is for whoever moves the folder.
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(Self(listener))
        }

        /// Waits for the next one who asks. Other users are turned away.
        pub async fn accept(&mut self) -> io::Result<Connection> {
            loop {
                let (stream, _) = self.0.accept().await?;
                let uid = stream.peer_cred()?.uid();
                // The administrator can do anything anyway.
                if uid == geteuid().as_raw() || uid == 0 {
                    return Ok(stream);
                }
                tracing::warn!(uid, "another user was turned away from the control socket");
            }
        }
    }

    /// Connects to the forward at `path`.
    pub async fn connect(path: &Path) -> io::Result<Connection> {
        UnixStream::connect(path).await
    }

    /// Returns the process at the other end, as the system knows it.
    pub fn peer_process(connection: &Connection) -> Option<u32> {
        u32::try_from(connection.peer_cred().ok()?.pid()?).ok()
    }
}

#[cfg(windows)]
mod windows {
    use std::ffi::OsString;
    use std::io;
    use std::path::Path;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::windows::named_pipe::{
        ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
    };

    /// Bytes both ways.
    #[derive(Debug)]
    pub enum Connection {
        /// The forward's end.
        Server(NamedPipeServer),
        /// The other one.
        Client(NamedPipeClient),
    }

    /// Waits for those who ask.
    ///
    /// By default a pipe takes writers of its own user, administrators and the system only, and others
    /// may at most read; as nothing is said before a request was written, they learn nothing.
    #[derive(Debug)]
    pub struct Listener {
        name: OsString,
        next: NamedPipeServer,
    }

    impl Listener {
        /// Listens under the name that belongs to `path`.
        pub fn bind(path: &Path) -> io::Result<Self> {
            let name = name(path);
            // Nobody else may have taken the name before.
            let next = options().first_pipe_instance(true).create(&name)?;
            Ok(Self { name, next })
        }

        /// Waits for the next one who asks.
        pub async fn accept(&mut self) -> io::Result<Connection> {
            self.next.connect().await?;
            let next = options().create(&self.name)?;
            Ok(Connection::Server(std::mem::replace(&mut self.next, next)))
        }
    }

    /// Connects to the forward whose pipe belongs to `path`.
    pub async fn connect(path: &Path) -> io::Result<Connection> {
        ClientOptions::new().open(name(path)).map(Connection::Client)
    }

    /// Not asked for on this system.
    pub fn peer_process(_: &Connection) -> Option<u32> {
        None
    }

    fn options() -> ServerOptions {
        let mut options = ServerOptions::new();
        options.reject_remote_clients(true);
        options
    }

    fn name(path: &Path) -> OsString {
        let hash = crate::hash::hash(&path.to_string_lossy());
        OsString::from(format!(r"\\.\pipe\ssmpf-{hash}"))
    }

    impl AsyncRead for Connection {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Self::Server(pipe) => Pin::new(pipe).poll_read(cx, buf),
                Self::Client(pipe) => Pin::new(pipe).poll_read(cx, buf),
            }
        }
    }

    impl AsyncWrite for Connection {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.get_mut() {
                Self::Server(pipe) => Pin::new(pipe).poll_write(cx, bytes),
                Self::Client(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            }
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Self::Server(pipe) => Pin::new(pipe).poll_flush(cx),
                Self::Client(pipe) => Pin::new(pipe).poll_flush(cx),
            }
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Self::Server(pipe) => Pin::new(pipe).poll_shutdown(cx),
                Self::Client(pipe) => Pin::new(pipe).poll_shutdown(cx),
            }
        }
    }
}
