//! A session with the agent, over the network.

pub mod backoff;
mod driver;
mod heartbeat;
mod notice;
mod proxy;
mod resume;
mod stream;
mod stream_url;
mod transport;
mod wake;
pub mod websocket;

pub use backoff::Backoff;
pub use heartbeat::PING_INTERVAL;
pub use notice::{GAP_STEPS, Notice};
pub use resume::{Session, SessionEnd, StartError, Tuning, establish};
pub use stream::{Inbound, MAX_CHUNK, SessionHandle, Stream, StreamEnded, StreamSender};
pub use transport::Transport;
pub use wake::sleep_unless_woken;
pub use websocket::{DialError, Dialer, Websocket};
