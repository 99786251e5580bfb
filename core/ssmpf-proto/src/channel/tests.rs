mod opening;

use serde_json::{Value, json};

use super::*;
use crate::message::encode;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Session bytes without end or a given number of them.
struct Backlog(usize);

impl Source for Backlog {
    fn backlog(&self) -> usize {
        self.0
    }

    fn has_any(&self) -> bool {
        self.0 > 0
    }

    fn fill(&mut self, room: usize, out: &mut BytesMut) {
        let length = room.min(self.0);
        out.extend(std::iter::repeat_n(b'.', length));
        self.0 -= length;
    }
}

/// A channel and an agent that says what the test tells it to.
struct Pair {
    channel: Channel,
    now: Instant,
    sequence: i64,
    backlog: Backlog,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let mut channel = Channel::new(Config::default(), now, 1_700_000_000_000, 1);
        channel.handle_connected(now);
        Self { channel, now, sequence: 0, backlog: Backlog(0) }
    }

    /// With the handshake behind it, and its answer acknowledged.
    fn open() -> Self {
        let mut pair = Self::new();
        pair.request(json!([port_action()]));
        pair.complete();
        pair.transmit();
        pair.acknowledge(0);
        pair
    }

    fn request(&mut self, actions: Value) -> Vec<Arrival> {
        let request = json!({"AgentVersion": "3.3.1142.0", "RequestedClientActions": actions});
        self.say(PayloadType::HANDSHAKE_REQUEST, request.to_string().as_bytes())
    }

    fn complete(&mut self) -> Vec<Arrival> {
        self.say(PayloadType::HANDSHAKE_COMPLETE, br#"{"CustomerMessage":"welcome"}"#)
    }

    fn say(&mut self, payload_type: PayloadType, payload: &[u8]) -> Vec<Arrival> {
        self.sequence += 1;
        self.say_as(self.sequence - 1, payload_type, payload)
    }

    fn say_as(&mut self, number: i64, payload_type: PayloadType, payload: &[u8]) -> Vec<Arrival> {
        let bytes = message(MessageType::OutputStreamData, number, payload_type, payload);
        self.hear(bytes).unwrap()
    }

    fn hear(&mut self, bytes: Bytes) -> Result<Vec<Arrival>, MessageError> {
        let mut arrivals = VecDeque::new();
        self.channel.handle_message(bytes, self.now, &mut arrivals)?;
        while let Some(delivered) = self.channel.deliver_next(&mut arrivals) {
            delivered?;
        }
        Ok(arrivals.into())
    }

    fn acknowledge(&mut self, number: i64) {
        let mut json = BytesMut::new();
        Acknowledge::write("input_stream_data", Uuid::nil(), number, &mut json);
        self.hear(message(MessageType::Acknowledge, 0, PayloadType::NONE, &json)).unwrap();
    }

    fn publication(&mut self, message_type: MessageType) {
        self.hear(message(message_type, 0, PayloadType::NONE, b"{}")).unwrap();
    }

    /// Everything the channel sends now.
    fn transmit(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.channel.poll_transmit(self.now, &mut self.backlog))
            .map(|bytes| Message::decode(bytes).unwrap())
            .collect()
    }

    /// Numbers of the stream data sent now.
    fn numbers(&mut self) -> Vec<i64> {
        data(&self.transmit()).map(|message| message.header.sequence).collect()
    }

    /// Goes to the next timeout.
    fn time_out(&mut self) -> Duration {
        let before = self.now;
        self.now = self.channel.poll_timeout().unwrap();
        self.channel.handle_timeout(self.now, &mut VecDeque::new());
        self.now - before
    }
}

fn port_action() -> Value {
    json!({"ActionType": "SessionType", "ActionParameters": {
        "SessionType": "Port", "Properties": {"type": "LocalPortForwarding"}}})
}

fn message(
    message_type: MessageType,
    sequence: i64,
    payload_type: PayloadType,
    payload: &[u8],
) -> Bytes {
    let header = Header {
        message_type,
        created_ms: 1,
        sequence,
        flags: 0,
        id: Uuid::from_u128(sequence as u128),
        payload_type,
    };
    let mut out = BytesMut::new();
    encode(&header, payload, &mut out);
    out.freeze()
}

fn data(messages: &[Message]) -> impl Iterator<Item = &Message> {
    messages.iter().filter(|m| m.header.message_type == MessageType::InputStreamData)
}

/// Numbers that were acknowledged, in order.
fn acknowledged(messages: &[Message]) -> Vec<i64> {
    let acks = messages.iter().filter(|m| m.header.message_type == MessageType::Acknowledge);
    acks.map(|m| serde_json::from_slice::<Acknowledge>(&m.payload).unwrap().sequence).collect()
}

#[test]
fn acknowledgements_leave_before_session_bytes() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(100_000);
    for _ in 0..3 {
        pair.say(PayloadType::OUTPUT, b"x");
    }
    let sent = pair.transmit();
    assert_eq!(acknowledged(&sent[..3]), [2, 3, 4]);
    assert!(sent.len() > 10);
}

#[test]
fn what_is_repeated_is_acknowledged_again_and_delivered_once() {
    let mut pair = Pair::open();
    assert_eq!(pair.say(PayloadType::OUTPUT, b"x").len(), 1);
    assert!(pair.say_as(2, PayloadType::OUTPUT, b"x").is_empty());
    assert!(pair.say_as(0, PayloadType::HANDSHAKE_REQUEST, b"{}").is_empty());
    assert_eq!(acknowledged(&pair.transmit()), [2, 2, 0]);
    assert_eq!(pair.channel.stats().duplicates, 2);
}

#[test]
fn what_comes_early_is_acknowledged_at_once_and_delivered_in_order() {
    let mut pair = Pair::open();
    assert!(pair.say_as(4, PayloadType::OUTPUT, b"c").is_empty());
    assert!(pair.say_as(3, PayloadType::OUTPUT, b"b").is_empty());
    assert_eq!(pair.channel.gap().unwrap().missing, 1);
    assert_eq!(acknowledged(&pair.transmit()), [4, 3]);
    let delivered = pair.say_as(2, PayloadType::OUTPUT, b"a");
    let bytes: Vec<_> = delivered
        .iter()
        .map(|arrival| match arrival {
            Arrival::Bytes(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bytes, ["a", "b", "c"]);
}

#[test]
fn acknowledgements_that_wait_or_may_be_lost_leave_on_the_next_connection() {
    let mut pair = Pair::open();
    pair.say(PayloadType::OUTPUT, b"x");
    pair.channel.handle_disconnected(pair.now);
    assert!(pair.transmit().is_empty());
    pair.channel.handle_connected(pair.now);
    assert_eq!(acknowledged(&pair.transmit()), [0, 1, 2]);
}

#[test]
fn a_message_the_agent_was_not_ready_for_is_sent_again_until_it_is() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(4500);
    assert_eq!(pair.numbers(), [1, 2, 3, 4, 5]);
    // The agent rejects the first and stores the others.
    for number in [2, 3, 4] {
        pair.acknowledge(number);
    }
    assert_eq!(pair.numbers(), [1], "three later ones show that it was lost");
    pair.acknowledge(5);
    pair.time_out();
    assert_eq!(pair.numbers(), [1]);
    pair.acknowledge(1);
    assert!(pair.channel.is_settled());
}

#[test]
fn the_timeout_doubles_until_an_answer_was_measured() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(1);
    pair.numbers();
    pair.acknowledge(1);
    pair.backlog = Backlog(1);
    let first = pair.numbers();
    let mut waits = Vec::new();
    for _ in 0..9 {
        waits.push(pair.time_out());
        assert_eq!(pair.numbers(), first);
    }
    assert_eq!(waits[1], waits[0] * 2);
    assert_eq!(waits[2], waits[0] * 4);
    assert_eq!(waits[8], config::MAX_RTO);

    // Nobody knows which of the nine was answered, so the timeout stays.
    pair.acknowledge(2);
    pair.backlog = Backlog(1);
    pair.numbers();
    assert_eq!(pair.time_out(), config::MAX_RTO);
    pair.numbers();
    pair.acknowledge(3);
    pair.backlog = Backlog(1);
    pair.numbers();
    pair.acknowledge(4);
    pair.backlog = Backlog(1);
    pair.numbers();
    assert_eq!(pair.time_out(), waits[0]);
}

#[test]
fn an_agent_that_is_not_ready_is_asked_often() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(1);
    let first = pair.numbers();
    for _ in 0..9 {
        assert!(pair.time_out() <= config::FIRST_DATA_RTO);
        assert_eq!(pair.numbers(), first);
    }
}

#[test]
fn after_a_new_connection_all_that_waits_leaves_again_at_once_in_order() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(20_000);
    let sent = pair.transmit();
    let first: Vec<_> = data(&sent).cloned().collect();
    pair.acknowledge(2);
    pair.channel.handle_disconnected(pair.now);
    pair.now += 10 * SECOND;
    pair.channel.handle_connected(pair.now);
    let again = pair.transmit();
    let expected: Vec<_> = first
        .iter()
        .filter(|m| m.header.sequence != 2 && m.header.payload_type == PayloadType::OUTPUT)
        .collect();
    let again_output = data(&again).filter(|m| m.header.payload_type == PayloadType::OUTPUT);
    assert_eq!(again_output.collect::<Vec<_>>(), expected);
    let numbers: Vec<_> = data(&again).map(|m| m.header.sequence).collect();
    assert!(numbers.is_sorted() && numbers[0] == 1);
}

#[test]
fn the_payload_grows_by_acknowledged_probes() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(10_000_000);
    let mut sizes = Vec::new();
    for _ in 0..10 {
        let sent = pair.transmit();
        pair.now += 10 * MS;
        for message in data(&sent) {
            if message.header.payload_type == PayloadType::SIZE {
                sizes.push(message.payload.len());
            } else {
                assert!(message.payload.len() <= pair.channel.payload_size());
            }
            pair.acknowledge(message.header.sequence);
        }
    }
    assert_eq!(sizes, config::PAYLOAD_STEPS[1..]);
    assert_eq!(pair.channel.payload_size(), config::MAX_PAYLOAD);
}

#[test]
fn a_lost_probe_is_repeated_small_under_its_number_and_is_no_congestion() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(100_000);
    let sent = pair.transmit();
    let probe = data(&sent).find(|m| m.header.payload_type == PayloadType::SIZE).unwrap();
    assert_eq!(probe.payload.len(), 4096);
    let number = probe.header.sequence;
    let window = pair.channel.window();
    for after in 1..=3 {
        pair.acknowledge(number + after);
    }
    let again = pair.transmit();
    let again = data(&again).find(|m| m.header.sequence == number).unwrap();
    assert_eq!(again.header.payload_type, PayloadType::SIZE);
    assert!(again.payload.len() < 100);
    assert_eq!(pair.channel.payload_size(), config::MIN_PAYLOAD);
    assert!(pair.channel.window() >= window);
}

#[test]
fn no_more_is_sent_than_the_window_allows() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(usize::MAX / 2);
    let one = config::MAX_PAYLOAD + crate::message::PAYLOAD_OFFSET;
    for _ in 0..15 {
        let before = pair.channel.window();
        let sent = pair.transmit();
        let (unacknowledged, _) = pair.channel.buffered();
        assert!(unacknowledged <= before + 2 * one);
        assert!(unacknowledged <= config::MAX_WINDOW + 2 * one);
        data(&sent).for_each(|message| pair.acknowledge(message.header.sequence));
    }
    assert_eq!(pair.channel.window(), config::MAX_WINDOW);
}

#[test]
fn messages_behind_one_that_is_never_acknowledged_are_bounded() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(usize::MAX / 2);
    for _ in 0..1000 {
        let sent = pair.transmit();
        for message in data(&sent).filter(|m| m.header.sequence != 1) {
            pair.acknowledge(message.header.sequence);
        }
        if data(&sent).all(|m| m.header.sequence == 1) {
            break;
        }
    }
    let last = pair.channel.outgoing.next_sequence();
    assert_eq!(last - 1, config::MAX_SPAN as i64);
}

#[test]
fn a_pause_holds_data_and_not_acknowledgements() {
    let mut pair = Pair::open();
    pair.publication(MessageType::PausePublication);
    pair.backlog = Backlog(100);
    assert!(pair.transmit().is_empty());
    pair.publication(MessageType::StartPublication);
    assert_eq!(pair.numbers(), [1]);
}

#[test]
fn anything_from_the_agent_ends_a_pause() {
    let mut pair = Pair::open();
    pair.publication(MessageType::PausePublication);
    pair.backlog = Backlog(100);
    pair.say(PayloadType::OUTPUT, b"x");
    assert_eq!(pair.numbers(), [1]);
}

#[test]
fn a_pause_that_nobody_ends_is_not_believed_for_ever() {
    let mut pair = Pair::open();
    pair.publication(MessageType::PausePublication);
    pair.backlog = Backlog(100);
    assert_eq!(pair.time_out(), config::MAX_PAUSE);
    assert_eq!(pair.numbers(), [1]);
}

#[test]
fn numbers_that_make_no_sense_are_errors_or_wait() {
    let mut pair = Pair::open();
    let mut say = |number| {
        pair.hear(message(MessageType::OutputStreamData, number, PayloadType::OUTPUT, b"x"))
    };
    assert!(matches!(say(-1), Err(MessageError::NegativeSequence(-1))));
    assert!(matches!(say(i64::MIN), Err(MessageError::NegativeSequence(_))));
    assert!(matches!(say(i64::MAX), Err(MessageError::TooFarAhead(i64::MAX))));
    assert!(pair.transmit().is_empty(), "none of them is acknowledged");
    for number in [-1, i64::MIN, i64::MAX, 17] {
        pair.acknowledge(number);
    }
    assert_eq!(pair.say(PayloadType::OUTPUT, b"x").len(), 1);
}

#[test]
fn an_unknown_type_is_ignored_and_not_acknowledged() {
    let mut pair = Pair::open();
    let unknown = MessageType::Other(*b"something_new                   ");
    assert!(pair.hear(message(unknown, 0, PayloadType::NONE, b"x")).unwrap().is_empty());
    assert!(pair.transmit().is_empty());
}

#[test]
fn no_bytes_are_no_arrival() {
    let mut pair = Pair::open();
    assert!(pair.say(PayloadType::OUTPUT, b"").is_empty());
    assert_eq!(acknowledged(&pair.transmit()), [2]);
}

#[test]
fn a_flag_is_done_when_all_before_it_is() {
    let mut pair = Pair::open();
    pair.backlog = Backlog(10);
    pair.numbers();
    let flag = pair.channel.send_flag(Flag::TerminateSession);
    assert_eq!(pair.numbers(), [flag]);
    // The agent stores what comes early and says so; it has not acted on it yet.
    pair.acknowledge(flag);
    assert!(!pair.channel.is_acknowledged(flag));
    pair.acknowledge(1);
    assert!(pair.channel.is_acknowledged(flag));
}
