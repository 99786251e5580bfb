//! Opening, looking on, ending; streams, and what is left behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ssmpf_tests::{BASTION, PATIENCE, process, servers};

use crate::nu::Nu;

/// Ends whatever a test left running, also when it fails.
pub struct Cleanup<'a>(pub &'a Nu);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let _ = self.0.env.ssmpf(&["down", "--all"]).output();
    }
}

/// Saves a connection to a server that echoes, and returns its local port.
pub fn save(nu: &Nu, name: &str, more: &[&str]) -> u16 {
    let (local, remote) = (servers::closed_port(), servers::echo().port());
    let (local_text, remote) = (local.to_string(), remote.to_string());
    let mut words =
        vec!["add", name, "--target", BASTION, "--port", &remote, "--local-port", &local_text];
    words.extend(more);
    let done = nu.env.run(&words);
    assert_eq!(done.code, Some(0), "{done:#?}");
    local
}

/// Waits for something to be so.
#[track_caller]
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The command lines of the processes that belong to this test's Nushell.
pub fn processes(nu: &Nu) -> Vec<String> {
    let folder = nu.plugin().parent().expect("a folder").display().to_string();
    let all = std::fs::read_dir("/proc").expect("a list").flatten();
    let lines = all.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    let lines = lines.map(|it| String::from_utf8_lossy(&it).replace('\0', " "));
    lines.filter(|it| it.starts_with(&folder)).collect()
}

#[track_caller]
fn round_trip(port: u16) {
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).expect("set");
    client.write_all(b"hello").expect("written");
    let mut back = [0; 5];
    client.read_exact(&mut back).expect("echoed");
    assert_eq!(&back, b"hello");
}

#[test]
fn a_filtered_set_comes_up_and_goes_down() {
    let nu = Nu::new();
    let _cleanup = Cleanup(&nu);
    let port = save(&nu, "one", &["--tag", "a"]);
    save(&nu, "two", &["--tag", "b"]);
    let line = "ssmpf ls | where {|it| 'a' in $it.tags } | ssmpf up | select name state clients bytes_sent";
    assert_eq!(nu.value(line), "[[name, state, clients, bytes_sent]; [one, ready, 0, 0b]]");
    round_trip(port);
    assert_eq!(nu.value("ssmpf ls | select name up"), "[[name, up]; [one, true], [two, false]]");
    assert_eq!(nu.ok("ssmpf status | get 0.up_since | describe"), "datetime");
    eventually("the bytes are counted", || {
        nu.value("ssmpf status one | get 0.bytes_received") == "5b"
    });
    let again = "ssmpf status | ssmpf restart | get state";
    assert_eq!(nu.value(again), "[ready]");
    round_trip(port);
    assert_eq!(nu.value("ssmpf status | ssmpf down"), "{stopped: [one], not_up: []}");
    assert_eq!(nu.value("ssmpf status"), "[]");
    assert_eq!(processes(&nu), Vec::<String>::new());
}

#[test]
fn a_forward_outlives_the_plugin_and_nushell() {
    let nu = Nu::new();
    let _cleanup = Cleanup(&nu);
    let port = save(&nu, "db", &[]);
    let state = "(plugin list | where name == ssmpf | get 0.status)";
    let line = format!(
        "$env.config.plugin_gc.default.stop_after = 1ms
        let up = (ssmpf up db | get 0.state)
        while {state} == running {{ sleep 10ms }}
        let stopped = {state}
        [$up $stopped (ssmpf status | get 0.state)]"
    );
    assert_eq!(nu.value(&line), "[ready, loaded, ready]", "Nushell's own clean-up");
    assert_eq!(
        nu.value("ssmpf status | get name; plugin stop ssmpf; ssmpf status | get state"),
        "[ready]"
    );
    round_trip(port);
}

#[test]
fn a_stream_is_read_as_it_comes_and_ends_with_its_reader() {
    let nu = Nu::new();
    save(&nu, "db", &[]);
    let line = "ssmpf connect db | take until {|it| $it.event == ready } | get event";
    let events = nu.value(line);
    assert!(events.starts_with("[starting"), "{events}");
    eventually("no process is left", || processes(&nu).is_empty());
    let session = nu.env.emulator.sessions().pop().expect("a session");
    assert!(session.terminated_by.is_some(), "the remote session is ended too");
}

#[test]
fn events_have_times_and_durations() {
    let nu = Nu::new();
    save(&nu, "db", &[]);
    let line = "ssmpf connect db | where event == ready | first
        | [($in.time | describe) ($in.took | describe) ($in.lazy | describe) $in.connection]";
    assert_eq!(nu.value(line), "[datetime, duration, bool, db]");
}

#[test]
fn the_plugin_is_not_stopped_while_somebody_reads_from_it() {
    let nu = Nu::new();
    let port = save(&nu, "db", &[]);
    let line = "$env.config.plugin_gc.default.stop_after = 1ms
        ssmpf connect db | where event == client_closed | first | get bytes_received | to nuon";
    let mut command = nu.command(&["-c", line]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("started");
    eventually("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    // The connection above came and went without a byte.
    let mut printed = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut printed).expect("read");
    assert_eq!(printed.trim(), "0b");
    process::wait(&mut child, PATIENCE).expect("it ends");
    eventually("no process is left", || processes(&nu).is_empty());
}

#[test]
fn nothing_is_left_when_nushell_is_killed_in_the_middle_of_a_stream() {
    let nu = Nu::new();
    let port = save(&nu, "db", &[]);
    let mut command =
        nu.command(&["-c", "ssmpf connect db | each {|it| print $it.event } | ignore"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("started");
    eventually("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    process::signal(child.id(), "KILL");
    child.wait().expect("gone");
    eventually("no process is left", || processes(&nu).is_empty());
    let session = nu.env.emulator.sessions().pop().expect("a session");
    assert!(session.terminated_by.is_some(), "the remote session is ended too");
}

#[test]
fn the_forwards_are_watched_as_they_change() {
    let nu = Nu::new();
    let _cleanup = Cleanup(&nu);
    save(&nu, "db", &[]);
    nu.ok("ssmpf up db");
    let line = "ssmpf status --watch | first | [($in.time | describe) $in.name $in.state ($in.received_per_second | describe)]";
    assert_eq!(nu.value(line), "[datetime, db, ready, filesize]");
    eventually("the watch is over", || processes(&nu).iter().all(|it| !it.contains("--watch")));
}

#[test]
fn a_log_is_a_table_of_what_happened() {
    let nu = Nu::new();
    let _cleanup = Cleanup(&nu);
    save(&nu, "db", &[]);
    nu.ok("ssmpf up db; ssmpf down db");
    let events = nu.value("ssmpf logs db | where event != log | get event | uniq");
    assert!(events.contains("ready") && events.contains("stopped"), "{events}");
    assert_eq!(nu.ok("ssmpf logs db | get time | first | describe"), "datetime");
    assert_eq!(nu.value("ssmpf logs db --lines 1 | length"), "1");
}

#[test]
fn sessions_are_ended_by_their_rows() {
    let nu = Nu::new();
    let _cleanup = Cleanup(&nu);
    save(&nu, "db", &[]);
    nu.ok("ssmpf up db");
    let line =
        "ssmpf sessions | where started > (date now) - 1hr | ssmpf sessions end | get changed";
    assert_eq!(nu.value(line), "true");
    let session = nu.env.emulator.sessions().into_iter().next().expect("a session");
    assert!(session.terminated_by.is_some());
    assert_eq!(nu.value("[] | ssmpf sessions end | get changed"), "false");
}
