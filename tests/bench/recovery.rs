//! How long after a fault clients are served again.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use ssmpf_emulator::{Emulator, Host};
use ssmpf_tests::{BASTION, TestEnv, Tunnel, servers};

use crate::table::Figures;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The websocket is cut.
    Cut,
    /// The service closes it in an orderly way, as it does every hour.
    HourlyClose,
    /// The session is ended.
    EndedSession,
    /// The session cannot be resumed.
    RefusedResume,
    /// The destination moved to another address; clients are refused until that is noticed.
    Failover,
    /// The machine slept for ten seconds, and the gateway has forgotten the connection.
    Sleep,
    /// The node is gone without a word, and another is there in its place.
    DeadNode,
}

impl Fault {
    /// All of them, the quickest first.
    pub const ALL: [Self; 7] = [
        Self::Cut,
        Self::HourlyClose,
        Self::EndedSession,
        Self::RefusedResume,
        Self::Failover,
        Self::Sleep,
        Self::DeadNode,
    ];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "websocket cut",
            Self::HourlyClose => "closed by the service",
            Self::EndedSession => "session ended",
            Self::RefusedResume => "cut, and no resume",
            Self::Failover => "destination moved",
            Self::Sleep => "machine slept",
            Self::DeadNode => "node gone without a word",
        }
    }
}

/// Time from the fault, or from waking up, until a client is served.
pub fn recovery(fault: Fault) -> Figures {
    let env = TestEnv::with(|builder| builder.host("db.internal", 5432, servers::echo()));
    if fault == Fault::Failover {
        let nobody = (Ipv4Addr::LOCALHOST, servers::closed_port()).into();
        env.emulator.change_fleet(|fleet| fleet.map(Host::new("db.internal", 5432, nobody)));
    }
    let tunnel = env.forward(&["--target", BASTION, "--host", "db.internal", "--port", "5432"]);
    let mut first = tunnel.connect();
    if fault != Fault::Failover {
        assert!(served(&mut first), "before the fault");
    }
    let started = inflict(fault, &env.emulator, &tunnel);
    while !served(&mut tunnel.connect()) {
        assert!(started.elapsed() < Duration::from_secs(180), "{}: not served", fault.name());
    }
    let took = started.elapsed().as_secs_f64();
    Figures::plain(if took < 1.0 {
        format!("{:.0} ms", took * 1e3)
    } else {
        format!("{took:.1} s")
    })
}

/// Returns from when on somebody waits.
fn inflict(fault: Fault, emulator: &Emulator, tunnel: &Tunnel) -> Instant {
    let faults = emulator.faults();
    let started = Instant::now();
    match fault {
        Fault::Cut => _ = faults.cut_all_clients(),
        Fault::HourlyClose => _ = faults.close_all_clients(1000, "Bye"),
        Fault::EndedSession => _ = faults.end_sessions(""),
        Fault::RefusedResume => {
            faults.resume_fails("DoesNotExistException", 1).cut_all_clients();
        }
        Fault::Failover => {
            let server = servers::echo();
            emulator.change_fleet(|fleet| fleet.map(Host::new("db.internal", 5432, server)));
        }
        Fault::Sleep => {
            tunnel.signal("STOP");
            faults.black_hole(true);
            std::thread::sleep(Duration::from_secs(10));
            tunnel.signal("CONT");
            let woken = Instant::now();
            tunnel.wait_for("reconnecting");
            faults.black_hole(false);
            return woken;
        }
        Fault::DeadNode => {
            faults.agent_gone(BASTION);
            faults.agent_back(BASTION);
        }
    }
    started
}

/// Whether a client gets its answer soon.
fn served(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("not zero");
    let mut back = [0; 5];
    stream.write_all(b"hello").is_ok() && stream.read_exact(&mut back).is_ok() && &back == b"hello"
}
