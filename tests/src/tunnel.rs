//! A running `ssmpf forward` and the events it reports.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::PATIENCE;
use crate::process::{self, Finished};

/// A forward in a process of its own; killed when dropped.
pub struct Tunnel {
    child: Child,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: Vec<Value>,
    stderr: String,
    /// Stdout is at its end.
    ended: bool,
    /// Stderr is at its end.
    said_all: bool,
}

impl Tunnel {
    /// Starts the program, which must report events as JSON lines.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ssmpf starts");
        let seen = Arc::new(Seen::default());
        let stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        let for_events = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("{error} in the event {line:?}"));
                for_events.change(|state| state.events.push(event));
            }
            for_events.change(|state| state.ended = true);
        });
        let for_stderr = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                for_stderr.change(|state| state.stderr.push_str(&text));
            }
            for_stderr.change(|state| state.said_all = true);
        });
        Self { child, seen }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first event of this name.
    #[track_caller]
    pub fn wait_for(&self, name: &str) -> Value {
        self.wait_for_count(name, 1).pop().expect("there is one")
    }

    /// Waits until there are so many events of this name, and returns them.
    #[track_caller]
    pub fn wait_for_count(&self, name: &str, count: usize) -> Vec<Value> {
        let found = |state: &State| {
            let named = state.events.iter().filter(|event| event["event"] == name);
            let named: Vec<_> = named.cloned().collect();
            (named.len() >= count).then_some(named)
        };
        let state = self.seen.state.lock().expect("no panic while held");
        let deadline = Instant::now() + PATIENCE;
        let mut state = state;
        loop {
            if let Some(events) = found(&state) {
                return events;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !state.ended,
                "no event {name:?}\nevents: {:#?}\nstderr: {}",
                state.events,
                state.stderr
            );
            state = self.seen.changed.wait_timeout(state, left).expect("no panic while held").0;
        }
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Value> {
        self.seen.state.lock().expect("no panic while held").events.clone()
    }

    /// The events of this name so far.
    pub fn events_named(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }

    /// The local address of a forward that is ready.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        let ready = self.wait_for("ready");
        ready["address"].as_str().and_then(|text| text.parse().ok()).expect("an address")
    }

    /// Connects to the forward as a client.
    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the forward listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        stream
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        process::signal(self.child.id(), name);
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it was started").is_none()
    }

    /// Waits for the program's own end.
    #[track_caller]
    pub fn wait(mut self) -> Finished {
        let status = process::wait(&mut self.child, PATIENCE);
        let status = status.expect("the forward ends");
        // The readers end with the pipes.
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut state = self.seen.state.lock().expect("no panic while held");
        while !(state.ended && state.said_all) && Instant::now() < deadline {
            let wait = Duration::from_millis(20);
            state = self.seen.changed.wait_timeout(state, wait).expect("no panic while held").0;
        }
        let events: Vec<_> = state.events.iter().map(Value::to_string).collect();
        Finished { code: status.code(), stdout: events.join("\n"), stderr: state.stderr.clone() }
    }

    /// Ends the forward as Ctrl-C does.
    #[track_caller]
    pub fn stop(self) -> Finished {
        self.signal("INT");
        self.wait()
    }
}

impl Seen {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no panic while held"));
        self.changed.notify_all();
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
