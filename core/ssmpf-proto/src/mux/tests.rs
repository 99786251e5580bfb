use std::time::Duration;

use super::*;

struct Side {
    mux: Mux,
    now: Instant,
    events: VecDeque<Event>,
}

impl Side {
    fn new() -> Self {
        let now = Instant::now();
        Self { mux: Mux::new(false, now), now, events: VecDeque::new() }
    }

    fn open(&mut self) -> StreamId {
        self.mux.open(self.now, &mut self.events).unwrap()
    }

    fn fill(&mut self, room: usize) -> BytesMut {
        let mut out = BytesMut::new();
        self.mux.fill(room, &mut out, &mut self.events);
        out
    }

    fn receive(&mut self, frames: &[(FrameHeader, &[u8])]) {
        let mut bytes = BytesMut::new();
        for (header, data) in frames {
            header.write(&mut bytes);
            bytes.extend_from_slice(data);
        }
        self.mux.handle_bytes(bytes.freeze(), self.now, &mut self.events).unwrap();
    }

    fn receive_fin(&mut self, id: StreamId) {
        self.receive(&[(FrameHeader::control(Command::Fin, id.0), b"")]);
    }

    fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }
}

fn frames(bytes: &[u8]) -> Vec<Piece> {
    let mut decoder = Decoder::default();
    let mut input = Bytes::copy_from_slice(bytes);
    std::iter::from_fn(|| decoder.next(&mut input).unwrap()).collect()
}

#[test]
fn the_opening_frame_and_the_first_bytes_leave_together() {
    let mut side = Side::new();
    let stream = side.open();
    side.mux.write(stream, "GET".into());
    assert_eq!(frames(&side.fill(1024)), [Piece::Syn(3), Piece::Data(3, "GET".into())]);
    assert_eq!(side.events(), [Event::Sent { stream, bytes: 3 }]);
}

#[test]
fn streams_with_data_take_turns() {
    let mut side = Side::new();
    let (a, b) = (side.open(), side.open());
    side.fill(1024);
    side.mux.write(a, vec![b'a'; 20_000].into());
    side.mux.write(b, vec![b'b'; 100].into());
    let order: Vec<u32> = frames(&side.fill(32 * 1024))
        .iter()
        .map(|piece| match piece {
            Piece::Data(id, _) => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(order, [a.0, b.0, a.0]);
}

#[test]
fn a_frame_never_exceeds_the_room() {
    let mut side = Side::new();
    let stream = side.open();
    side.mux.write(stream, vec![1; 100_000].into());
    let mut total = 0;
    while side.mux.has_frames() {
        let message = side.fill(1024);
        assert!(message.len() <= 1024 && !message.is_empty());
        total += message.len();
    }
    assert!(total > 100_000);
    assert_eq!(side.mux.queued(), 0);
}

#[test]
fn a_half_close_is_held_until_the_server_has_finished() {
    let mut side = Side::new();
    let stream = side.open();
    side.mux.write(stream, "request".into());
    side.mux.finish(stream, side.now);
    assert_eq!(frames(&side.fill(1024)).len(), 2, "SYN and data, no FIN");

    side.receive(&[(FrameHeader::data(8, stream.0), b"response")]);
    side.receive_fin(stream);
    assert_eq!(frames(&side.fill(1024)), [Piece::Fin(stream.0)]);
    assert_eq!(
        side.events()[1..],
        [Event::Data { stream, bytes: "response".into() }, Event::Finished { stream }]
    );
}

#[test]
fn a_half_close_nobody_answers_is_given_up_after_a_long_silence() {
    let mut side = Side::new();
    let stream = side.open();
    side.mux.write(stream, "question".into());
    side.fill(1024);
    side.mux.finish(stream, side.now);
    let deadline = side.mux.poll_timeout().unwrap();
    assert_eq!(deadline, side.now + config::HALF_CLOSE_IDLE);

    // The server answers half-way: the wait begins anew.
    side.now += config::HALF_CLOSE_IDLE / 2;
    side.receive(&[(FrameHeader::data(1, stream.0), b".")]);
    side.mux.handle_timeout(deadline, true, &mut side.events);
    assert_eq!(side.mux.len(), 1);

    // Nor is the server to blame for what the network keeps from us.
    let later = side.mux.poll_timeout().unwrap();
    assert_eq!(later, side.now + config::HALF_CLOSE_IDLE);
    side.mux.handle_timeout(later, false, &mut side.events);
    assert_eq!(side.mux.len(), 1);

    // Nor for our own absence.
    let woken = side.mux.poll_timeout().unwrap() + config::ABSENCE;
    side.mux.handle_timeout(woken, true, &mut side.events);
    assert_eq!(side.mux.len(), 1);

    let later = side.mux.poll_timeout().unwrap();
    assert_eq!(later, woken + config::HALF_CLOSE_IDLE);
    side.mux.handle_timeout(later, true, &mut side.events);
    assert!(side.mux.is_empty());
    assert_eq!(frames(&side.fill(1024)), [Piece::Fin(stream.0)]);
}

#[test]
fn a_dial_failure_is_the_next_stream_that_closes_without_data() {
    let mut side = Side::new();
    let (served, failed) = (side.open(), side.open());
    side.fill(1024);
    side.receive(&[(FrameHeader::data(2, served.0), b"hi")]);
    side.mux.handle_refusal();
    side.receive_fin(served);
    side.receive_fin(failed);
    assert_eq!(
        side.events()[1..],
        [Event::Finished { stream: served }, Event::Refused { stream: failed }]
    );
}

#[test]
fn a_dial_failure_of_a_client_that_has_left_blames_nobody_else() {
    let mut side = Side::new();
    let (left, other) = (side.open(), side.open());
    side.mux.close(left);
    side.fill(1024);
    side.mux.handle_refusal();
    side.receive_fin(left);
    side.receive(&[(FrameHeader::data(2, other.0), b"hi")]);
    side.receive_fin(other);
    assert_eq!(side.events()[1..], [Event::Finished { stream: other }]);

    let next = side.open();
    side.receive_fin(next);
    assert_eq!(side.events(), [Event::Finished { stream: next }]);
}

#[test]
fn a_dial_failure_is_not_that_of_an_upload_that_has_ended() {
    let mut side = Side::new();
    let (uploaded, failed) = (side.open(), side.open());
    side.mux.write(uploaded, "log line".into());
    side.mux.close(uploaded);
    side.fill(1024);
    side.mux.handle_refusal();
    side.receive_fin(uploaded);
    side.receive_fin(failed);
    assert_eq!(side.events()[1..], [Event::Refused { stream: failed }]);
}

#[test]
fn late_frames_of_a_closed_stream_are_ignored() {
    let mut side = Side::new();
    let stream = side.open();
    side.mux.close(stream);
    side.receive(&[(FrameHeader::data(4, stream.0), b"late")]);
    side.receive_fin(stream);
    assert_eq!(side.events(), []);
}

#[test]
fn what_a_gone_client_sent_still_leaves_before_the_fin() {
    let mut side = Side::new();
    let stream = side.open();
    side.mux.write(stream, "log line".into());
    side.mux.close(stream);
    assert_eq!(
        frames(&[side.fill(1024), side.fill(1024)].concat()),
        [Piece::Syn(3), Piece::Data(3, "log line".into()), Piece::Fin(3)]
    );
}

#[test]
fn keepalive_frames_leave_on_time_and_never_pile_up() {
    let now = Instant::now();
    let mut mux = Mux::new(true, now);
    let mut events = VecDeque::new();
    for tick in 1..=3 {
        mux.handle_timeout(now + config::KEEPALIVE * tick, true, &mut events);
    }
    let mut out = BytesMut::new();
    mux.fill(1024, &mut out, &mut events);
    assert_eq!(frames(&out), [Piece::Nop]);
    assert_eq!(mux.poll_timeout(), Some(now + config::KEEPALIVE * 4));
}

#[test]
fn too_many_streams_close_the_longest_finished_or_refuse() {
    let mut side = Side::new();
    let streams: Vec<_> = (0..config::MAX_STREAMS).map(|_| side.open()).collect();
    assert_eq!(side.mux.open(side.now, &mut side.events), Err(OpenError::TooManyStreams));

    side.mux.finish(streams[7], side.now);
    side.now += Duration::from_secs(1);
    side.mux.finish(streams[3], side.now);
    side.now += Duration::from_secs(1);
    side.open();
    assert_eq!(side.mux.room(streams[7]), 0, "closed");
    assert!(side.mux.room(streams[3]) > 0, "still there");
}

#[test]
fn a_dial_failure_spares_streams_dialled_before_one_that_is_known_to_be() {
    let mut side = Side::new();
    let (silent, served, failed) = (side.open(), side.open(), side.open());
    side.fill(1024);
    side.receive(&[(FrameHeader::data(2, served.0), b"hi")]);
    side.mux.handle_refusal();
    side.receive_fin(silent);
    side.receive_fin(failed);
    assert_eq!(
        side.events()[1..],
        [Event::Finished { stream: silent }, Event::Refused { stream: failed }]
    );
}

#[test]
fn a_dial_failure_out_of_order_is_the_only_silent_stream_left() {
    let mut side = Side::new();
    let (failed, served) = (side.open(), side.open());
    side.fill(1024);
    side.receive(&[(FrameHeader::data(2, served.0), b"hi")]);
    side.mux.handle_refusal();
    side.receive_fin(failed);
    assert_eq!(side.events()[1..], [Event::Refused { stream: failed }]);
}
