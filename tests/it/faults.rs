//! Cuts, losses and outages in the middle.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ssmpf_emulator::{Absence, Direction, Emulator, REAL_PACE};
use ssmpf_tests::{PATIENCE, TestEnv, Tunnel, servers};

/// A client that sends numbered lines and checks that each one comes back.
struct Chatter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Chatter {
    fn start(tunnel: &Tunnel) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut stream: TcpStream = tunnel.connect();
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut number = 0_u64;
            while !stopped.load(Ordering::Relaxed) {
                let line = format!("{number:0>200}\n");
                stream.write_all(line.as_bytes()).expect("the stream survives");
                let mut answer = vec![0; line.len()];
                stream.read_exact(&mut answer).expect("the stream survives");
                assert_eq!(answer, line.as_bytes());
                number += 1;
            }
            number
        });
        Self { stop, thread }
    }

    /// Ends it and returns how many lines came back.
    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no line was lost or changed")
    }
}

#[test]
fn a_cut_connection_is_resumed_and_no_byte_is_lost() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatters: Vec<_> = (0..4).map(|_| Chatter::start(&tunnel)).collect();
    for cut in 1..=10 {
        // Each connection works for a while: one that is cut at once again and again is rightly
        // tried more and more slowly.
        let before = env.emulator.sessions()[0].messages_to_client;
        let works = |e: &Emulator| e.sessions()[0].messages_to_client > before + 50;
        assert!(env.emulator.wait_until(PATIENCE, works));
        env.emulator.faults().cut_all_clients();
        tunnel.wait_for_count("resumed", cut);
    }
    for chatter in chatters {
        assert!(chatter.finish() > 0);
    }
    assert_eq!(tunnel.events_named("replaced").len(), 0);
    let sessions = env.emulator.sessions();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].resumes >= 10);
}

#[test]
fn an_upload_and_a_download_survive_cuts_in_the_middle() {
    for absence in [Absence::Hold(1000), Absence::Drop] {
        // The agent repeats what got lost on its way to us at ten messages a second, so it must
        // not have sent thousands when the connection is cut: it keeps the real one's pace.
        let env = TestEnv::with(|builder| {
            builder.absence(absence).agents(|agents| agents.pace = Some(REAL_PACE))
        });
        let down = env.forward_to(servers::source());
        let up = env.forward_to(servers::checker());
        let total = 3 * 1024 * 1024;
        let (mut from, mut to) = (down.connect(), up.connect());
        let downloading = thread::spawn(move || {
            writeln!(from, "{total}").unwrap();
            servers::check_pattern(&mut from, total)
        });
        let uploading = thread::spawn(move || {
            let total = 64 * 1024 * 1024;
            writeln!(to, "{total}").unwrap();
            servers::send_pattern(&mut to, total).unwrap();
            servers::read_line(&mut to)
        });
        for cut in 1..=4 {
            thread::sleep(Duration::from_millis(300));
            env.emulator.faults().cut_all_clients();
            down.wait_for_count("resumed", cut);
            up.wait_for_count("resumed", cut);
        }
        assert_eq!(downloading.join().unwrap(), Ok(()), "{absence:?}");
        assert_eq!(uploading.join().unwrap(), "ok\n", "{absence:?}");
    }
}

#[test]
fn the_hourly_close_is_only_a_resume() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    env.emulator.faults().close_all_clients(1000, "Bye");
    let event = tunnel.wait_for("reconnecting");
    assert!(event["reason"].as_str().unwrap().contains("Bye"), "{event}");
    tunnel.wait_for("resumed");
    assert!(chatter.finish() > 0);
}

#[test]
fn messages_lost_on_the_way_are_repeated() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    let faults = env.emulator.faults();
    faults.drop_rate(Direction::ToAgent, 0.05).drop_rate(Direction::ToClient, 0.02);
    faults.duplicate_rate(Direction::ToClient, 0.05).duplicate_rate(Direction::ToAgent, 0.05);
    faults.reorder_rate(Direction::ToAgent, 0.05).reorder_rate(Direction::ToClient, 0.05);
    thread::sleep(Duration::from_secs(5));
    faults.drop_rate(Direction::ToAgent, 0.0).drop_rate(Direction::ToClient, 0.0);
    assert!(chatter.finish() > 10);
}

#[test]
fn a_lost_acknowledgement_does_not_hang_the_session() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::source());
    env.emulator.faults().lose_client_acks(3);
    let mut stream = tunnel.connect();
    let total = 4 * 1024 * 1024;
    writeln!(stream, "{total}").unwrap();
    servers::check_pattern(&mut stream, total).unwrap();
}

#[test]
fn a_gateway_that_takes_only_small_messages_is_found_out() {
    for silently in [true, false] {
        let env = TestEnv::new();
        env.emulator.faults().max_message_size(Some(5000), silently);
        let tunnel = env.forward_to(servers::checker());
        let mut stream = tunnel.connect();
        let total = 8 * 1024 * 1024;
        writeln!(stream, "{total}").unwrap();
        servers::send_pattern(&mut stream, total).unwrap();
        assert_eq!(servers::read_line(&mut stream), "ok\n", "silently: {silently}");
    }
}

#[test]
fn a_session_that_is_over_is_replaced_and_its_clients_are_reset() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let mut old = tunnel.connect();
    old.write_all(b"x").unwrap();
    old.read_exact(&mut [0]).unwrap();
    env.emulator.faults().end_sessions("");
    let replaced = tunnel.wait_for("replaced");
    assert_ne!(replaced["old_session_id"], replaced["session_id"]);
    assert!(old.read(&mut [0]).is_err(), "reset, not an orderly end");
    let chatter = Chatter::start(&tunnel);
    thread::sleep(Duration::from_millis(200));
    assert!(chatter.finish() > 0);
}

#[test]
fn a_session_that_cannot_be_resumed_is_replaced() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    env.emulator.faults().resume_fails("DoesNotExistException", 1).cut_all_clients();
    tunnel.wait_for("replaced");
    let chatter = Chatter::start(&tunnel);
    thread::sleep(Duration::from_millis(200));
    assert!(chatter.finish() > 0);
}

#[test]
fn a_denied_resume_starts_a_new_session_instead() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    env.emulator.faults().resume_fails("AccessDeniedException", 1).cut_all_clients();
    tunnel.wait_for("replaced");
    assert!(Chatter::start(&tunnel).finish() < u64::MAX);
}

#[test]
fn a_busy_service_is_asked_again_until_it_answers() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    env.emulator.faults().resume_fails("ThrottlingException", 5).cut_all_clients();
    tunnel.wait_for("resumed");
    assert!(chatter.finish() > 0);
}

#[test]
fn a_refused_upgrade_is_tried_again_with_a_fresh_token() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    env.emulator.faults().refuse_upgrade(502, 2).cut_all_clients();
    tunnel.wait_for("resumed");
    assert!(chatter.finish() > 0);
}

#[test]
fn an_agent_that_was_away_repairs_what_it_lost() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    env.emulator.faults().cut_agents(Duration::from_millis(500));
    thread::sleep(Duration::from_secs(2));
    assert!(chatter.finish() > 0);
}

#[test]
fn garbage_from_the_gateway_is_survived() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    for length in [0_usize, 1, 50, 119, 120, 121, 4000] {
        env.emulator.faults().garbage(vec![0xA5; length]);
    }
    thread::sleep(Duration::from_millis(300));
    assert!(chatter.finish() > 0);
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn a_paused_publication_holds_data_back_and_loses_none() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    let chatter = Chatter::start(&tunnel);
    env.emulator.faults().pause();
    thread::sleep(Duration::from_millis(300));
    env.emulator.faults().resume();
    thread::sleep(Duration::from_millis(300));
    assert!(chatter.finish() > 0);
}

#[test]
fn clients_that_come_during_an_outage_are_served_after_it() {
    let env = TestEnv::new();
    let tunnel = env.forward_to(servers::echo());
    env.emulator.faults().resume_fails("InternalServerError", 6).cut_all_clients();
    tunnel.wait_for("reconnecting");
    let mut stream = tunnel.connect();
    stream.write_all(b"patience").unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"patience");
}

#[test]
fn a_gateway_that_falls_silent_is_noticed_by_its_pings() {
    let mut env = TestEnv::new();
    env.set("SSMPF_PING_INTERVAL", "1");
    let tunnel = env.forward_to(servers::echo());
    env.emulator.faults().black_hole(true);
    let started = Instant::now();
    let event = tunnel.wait_for("reconnecting");
    assert!(event["reason"].as_str().unwrap().contains("sign of life"), "{event}");
    assert!(started.elapsed() < PATIENCE);
    env.emulator.faults().black_hole(false);
    tunnel.wait_for("resumed");
    assert!(Chatter::start(&tunnel).finish() < u64::MAX);
}
