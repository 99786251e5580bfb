//! The basic port session: one connection at a time, for old agents and for SSH.

use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;

use super::outgoing::{PAYLOAD, Pieces};
use super::pump::Pace;
use super::{Handled, PortSetting};
use crate::message::{flag, flag_value, payload_type};
use crate::session::{Ending, count};

/// A connection and the task that reads it.
struct Connection {
    writer: OwnedWriteHalf,
    reader: JoinHandle<()>,
    /// The reader met the end or an error.
    ended: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The session plugin.
pub(super) struct Basic {
    setting: Arc<PortSetting>,
    /// Port forwarding dials again when data comes; SSH ends with its connection.
    forwards: bool,
    connection: Option<Connection>,
}

impl Basic {
    /// Dials the destination.
    pub(super) async fn start(setting: PortSetting, forwards: bool) -> io::Result<Self> {
        let mut basic = Self { setting: Arc::new(setting), forwards, connection: None };
        basic.connect().await?;
        Ok(basic)
    }

    async fn connect(&mut self) -> io::Result<()> {
        let socket = self.setting.destination.dial().await?;
        count(&self.setting.session.counters.dials, 1);
        let (reader, writer) = socket.into_split();
        let ended = Arc::new(AtomicBool::new(false));
        let task = read(self.setting.clone(), reader, self.forwards, ended.clone());
        self.connection = Some(Connection { writer, reader: tokio::spawn(task), ended });
        Ok(())
    }

    /// Takes the payload of one message.
    pub(super) async fn handle(&mut self, kind: u32, payload: &Bytes) -> Handled {
        match kind {
            payload_type::OUTPUT => self.write(payload).await,
            payload_type::FLAG => self.on_flag(payload),
            _ => Handled::Done,
        }
    }

    async fn write(&mut self, payload: &Bytes) -> Handled {
        let ended = |connection: &Connection| connection.ended.load(Ordering::SeqCst);
        if self.connection.as_ref().is_none_or(ended) {
            self.connection = None;
            if let Err(error) = self.connect().await {
                let text = format!("Unable to connect to specified port: {error}");
                self.setting.session.end(Ending::Failed(text));
                return Handled::NotReady;
            }
        }
        if let Some(connection) = &mut self.connection
            && connection.writer.write_all(payload).await.is_err()
        {
            connection.ended.store(true, Ordering::SeqCst);
        }
        Handled::Done
    }

    fn on_flag(&mut self, payload: &Bytes) -> Handled {
        let value = flag_value(payload);
        match value {
            Some(flag::DISCONNECT_TO_PORT) => self.connection = None,
            Some(flag::TERMINATE_SESSION) if self.setting.obeys_terminate => {
                return Handled::Terminate;
            }
            _ => {}
        }
        Handled::Done
    }
}

/// Makes messages of what the destination sends; the client is not told when it closes.
async fn read(
    setting: Arc<PortSetting>,
    mut reader: OwnedReadHalf,
    forwards: bool,
    ended: Arc<AtomicBool>,
) {
    let mut pace = Pace::new(setting.pace);
    let most = pace.burst();
    let mut buffer = vec![0; most * PAYLOAD];
    let mut pieces = Pieces::default();
    let mut scratch = Vec::new();
    let result = loop {
        setting.sender.outgoing().wait_unpaused().await;
        match reader.read(&mut buffer).await {
            Ok(0) => break Ok(()),
            Err(error) => break Err(error),
            Ok(n) => {
                pieces.push(Bytes::copy_from_slice(&buffer[..n]));
                setting.sender.send_output(&mut pieces, most, &mut scratch).await;
                pace.pause().await;
            }
        }
    };
    ended.store(true, Ordering::SeqCst);
    if !forwards {
        setting.session.end(match result {
            Ok(()) => Ending::Done,
            Err(error) => Ending::Failed(error.to_string()),
        });
    }
}
