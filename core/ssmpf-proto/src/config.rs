//! Every bound and tunable of the protocol, each named once, with its reason.

use std::time::Duration;

/// The version this client claims, four components.
///
/// The agent derives the mux and its keepalive from it, and the service documents 1.2.764.0 as the
/// oldest it supports. 1.2.835.0 is the first official release that resumes at the returned URL,
/// which is how this client behaves.
pub const CLIENT_VERSION: &str = "1.2.835.0";

/// Payload every agent and gateway has met, in bytes: what Amazon's own client sends.
pub const MIN_PAYLOAD: usize = 1024;
/// Largest payload tried, in bytes: the largest that is publicly reported to arrive.
pub const MAX_PAYLOAD: usize = 32 * 1024;
/// Sizes tried one after another while there is bulk to send, in bytes.
pub const PAYLOAD_STEPS: [usize; 5] = [MIN_PAYLOAD, 4 * 1024, 8 * 1024, 16 * 1024, MAX_PAYLOAD];
/// How long a size that got lost is not tried again; doubled each time.
pub const PAYLOAD_RETRY: Duration = Duration::from_secs(60);

/// Unacknowledged bytes allowed before the path is known.
pub const INITIAL_WINDOW: usize = 256 * 1024;
/// Fewest unacknowledged bytes the congestion response allows: keeps a slow path moving.
pub const MIN_WINDOW: usize = 16 * 1024;
/// Most unacknowledged bytes ever kept: 100 MB/s at 80 ms. Also the bound of the resend memory.
pub const MAX_WINDOW: usize = 8 * 1024 * 1024;
/// Most messages sent from the oldest unacknowledged one on.
///
/// While one is missing the agent stores those after it, 100 000 at most, and drops the rest. This
/// bounds its memory and ours, and is 100 MB/s at 300 ms even in messages of 1 KiB.
pub const MAX_SPAN: usize = 32 * 1024;
/// Bytes the window grows per round trip once slow start has ended.
pub const WINDOW_STEP: usize = 64 * 1024;
/// Queueing delay up to which the window may grow.
///
/// The session carries interactive streams too; they wait behind what bulk has queued.
pub const QUEUE_TARGET: Duration = Duration::from_millis(20);
/// Least added delay that ends slow start: less is scheduling noise.
pub const SLOW_START_NOISE: Duration = Duration::from_millis(4);
/// Age after which a measured smallest round trip is forgotten, so that a longer route is accepted.
pub const BASE_RTT_LIFE: Duration = Duration::from_secs(30);

/// Retransmission timeout before the first measurement (official peers' constant).
pub const INITIAL_RTO: Duration = Duration::from_millis(200);
/// Shortest retransmission timeout: a busy agent answers late without having lost anything.
pub const MIN_RTO: Duration = Duration::from_millis(50);
/// Longest retransmission timeout, back-off included. A destination that does not read delays
/// acknowledgements for minutes without any fault, so repeating faster helps nobody.
pub const MAX_RTO: Duration = Duration::from_secs(5);
/// The same until the agent has taken its first data: it may be waiting for a name server.
pub const FIRST_DATA_RTO: Duration = Duration::from_millis(500);
/// Clock granularity in the timeout formula (official peers' constant).
pub const CLOCK_GRANULARITY: Duration = Duration::from_millis(10);
/// Acknowledged messages sent after an unacknowledged one that declare it lost.
///
/// The path keeps order, so one would do; three is the usual caution (RFC 9002 §6.1.1).
pub const LOSS_THRESHOLD: u64 = 3;

/// Most out-of-order messages held: what the agent itself stores for resending.
pub const REORDER_MESSAGES: usize = 100_000;
/// Most bytes held out of order. After an outage at the agent the gap closes at ten messages a
/// second while fresh ones keep arriving, so this is minutes of a busy download.
pub const REORDER_BYTES: usize = 128 * 1024 * 1024;
/// The agent repairs at most one message in this time.
pub const AGENT_REPAIR_INTERVAL: Duration = Duration::from_millis(100);
/// Acknowledgements waiting to leave. Beyond it the oldest is dropped: the agent repeats its
/// message and is acknowledged again.
pub const ACK_QUEUE: usize = 65_536;

/// Acknowledgements sent last that are repeated after a reconnection: about a second of an agent
/// at its own pace.
pub const RECENT_ACKS: usize = 1024;
/// Age beyond which an acknowledgement has arrived.
pub const RECENT_ACKS_AGE: Duration = Duration::from_secs(3);

/// Counted for each received piece besides its bytes: what keeping it costs.
pub const PIECE_OVERHEAD: usize = 128;
/// Received bytes that clients have not taken yet, over all streams, before streams are reset.
pub const RECEIVE_BUDGET: usize = 64 * 1024 * 1024;
/// Received bytes not taken yet from which on reading is slowed down.
pub const RECEIVE_COMFORT: usize = 4 * 1024 * 1024;
/// Unsent bytes a stream may queue.
pub const STREAM_SEND_BUFFER: usize = 128 * 1024;
/// Streams open at once. The agent's accept queue is 1024, and it stops the session when full.
pub const MAX_STREAMS: usize = 1000;
/// Bytes one stream may send before another has its turn.
pub const QUANTUM: usize = 8 * 1024;
/// Largest mux frame payload, in bytes: the mux library's own default.
pub const MAX_FRAME: usize = 32 * 1024;
/// Server bytes kept for the first client of a basic session, whose server may speak first.
pub const BASIC_GREETING: usize = 256 * 1024;

/// How long the handshake may take. The agent itself gives up after 15 s.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the agent may take to confirm the end of the session.
pub const TERMINATE_WAIT: Duration = Duration::from_secs(2);
/// Mux keepalive interval for agents that expect it (the mux library's default).
pub const KEEPALIVE: Duration = Duration::from_secs(10);
/// Silence after a client's half-close before the stream is given up.
///
/// The mux has only a full close, which would cut the answer off, so a half-close is held.
pub const HALF_CLOSE_IDLE: Duration = Duration::from_secs(120);
/// The same in basic mode, when the server has answered something and another client waits its
/// turn.
pub const BASIC_HALF_CLOSE_TURN: Duration = Duration::from_secs(10);
/// Silence of the agent, while it owes an acknowledgement, after which it may be gone.
///
/// Not proof: an agent writes to its destination before it acknowledges, so one that does not
/// read looks the same. Four of the longest retransmission timeouts.
pub const SILENT_AGENT: Duration = Duration::from_secs(20);
/// Lateness of a timer that is no busy machine: this one slept, or the process was stopped.
pub const ABSENCE: Duration = Duration::from_secs(5);
/// When the agent is asked for a sign of life after the last traffic, while clients are connected,
/// in quarters of [`SILENT_AGENT`]: after 15 s, one minute and three.
///
/// No more follow: each may count as use to the administrator's idle limit (20 minutes by default).
pub const PROBES_AFTER_TRAFFIC: [u32; 3] = [3, 12, 36];
/// How long queued bytes may leave before the agent is told that the session ends.
pub const DRAIN_WAIT: Duration = Duration::from_millis(500);
/// Longest trust in a pause that nothing ends; then sending goes on.
pub const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What a session may be told to do differently; the defaults are right outside of tests.
#[derive(Debug, Clone)]
pub struct Config {
    /// Version to claim in the handshake.
    pub client_version: String,
    /// Largest payload to try, in bytes; at least [`MIN_PAYLOAD`].
    pub max_payload: usize,
    /// Time between signs of life that keep an idle session open whatever the administrator's
    /// idle limit; `None` leaves it its way.
    pub keep_alive: Option<Duration>,
    /// Silence after which the agent may be gone, see [`SILENT_AGENT`].
    pub silent_agent: Duration,
    /// Bound of received bytes not taken by clients, see [`RECEIVE_BUDGET`].
    pub receive_budget: usize,
    /// Bound of messages held out of order, see [`REORDER_MESSAGES`].
    pub reorder_messages: usize,
    /// Bound of bytes held out of order, see [`REORDER_BYTES`].
    pub reorder_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client_version: CLIENT_VERSION.to_owned(),
            max_payload: MAX_PAYLOAD,
            keep_alive: None,
            silent_agent: SILENT_AGENT,
            receive_budget: RECEIVE_BUDGET,
            reorder_messages: REORDER_MESSAGES,
            reorder_bytes: REORDER_BYTES,
        }
    }
}
