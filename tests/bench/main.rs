//! How fast a tunnel is, and what it costs: `ssmpf-bench`.
//!
//! ```text
//! cargo build --release --workspace --bins
//! target/release/ssmpf-bench                 # all figures, about six minutes
//! target/release/ssmpf-bench --quick         # a tenth of the bytes
//! target/release/ssmpf-bench --only catalogue
//! target/release/ssmpf-bench --only completion
//! target/release/ssmpf-bench --plugin PATH   # Amazon's session-manager-plugin beside it
//! target/release/ssmpf-bench --only nushell --nu PATH   # the plugin in Nushell
//! ```
//!
//! Everything runs on this machine: the emulated AWS side in this process, `ssmpf` in one of its
//! own, whose CPU time and memory are read from the kernel. Direct loopback TCP to the same server
//! is measured beside it in the same run, because machines differ and drift; ratios travel better
//! than figures.

mod background;
mod catalogue;
mod completion;
mod discovery;
mod measure;
mod nushell;
mod recovery;
mod table;

use std::time::Duration;

use clap::Parser;
use discovery::Account;
use measure::{Engine, Setup};
use table::Table;

const MIB: u64 = 1024 * 1024;

/// Throughput, latency and cost of tunnels.
#[derive(Parser)]
struct Arguments {
    /// A tenth of the bytes.
    #[arg(long)]
    quick: bool,
    /// Path of session-manager-plugin; one on PATH is found by itself.
    #[arg(long)]
    plugin: Option<std::path::PathBuf>,
    /// Nushell, for the rows of its plugin.
    #[arg(long, env = "SSMPF_TESTS_NUSHELL")]
    nu: Option<std::path::PathBuf>,
    /// Only rows whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == catalogue::PEAK_OF) {
        return catalogue::print_peak(&words[1..]);
    }
    let arguments = Arguments::parse();
    let share = if arguments.quick { 10 } else { 1 };
    let big = 512 * MIB / share;
    let mut engines = vec![Engine::Native];
    if let Some(path) = arguments.plugin.or_else(measure::plugin_on_path) {
        engines.push(Engine::Plugin(path));
    }
    let mut table = Table::new(&arguments.only);
    catalogue::rows(&mut table, share);
    completion::rows(&mut table, share);
    nushell::rows(&mut table, share, arguments.nu.as_deref());
    table.row("direct loopback TCP, download", || measure::direct_download(big * 4));
    table.row("direct loopback TCP, upload", || measure::direct_upload(big * 4));
    table.row("direct loopback TCP, request/response", measure::direct_latency);
    table.row("the agent's own pace", measure::agent_pace);
    for engine in &engines {
        let unpaced = || Setup::new(engine);
        let name = engine.name();
        table.row(&format!("{name}: start to ready"), || measure::ready(&unpaced()));
        for clients in [1, 8] {
            table.row(&format!("{name}: download, unpaced, {clients} clients"), || {
                measure::download(&unpaced(), clients, engine.share(big))
            });
            table.row(&format!("{name}: upload, {clients} clients"), || {
                measure::upload(&unpaced(), clients, engine.share(big))
            });
        }
        table.row(&format!("{name}: upload, 1 KiB messages"), || {
            measure::upload(&unpaced().max_payload(1024), 1, engine.share(big / 2))
        });
        table.row(&format!("{name}: upload, 20 ms one way"), || {
            let setup = unpaced().latency(Duration::from_millis(20));
            measure::upload(&setup, 1, engine.share(big / 2))
        });
        table.row(&format!("{name}: download, 20 ms one way"), || {
            let setup = unpaced().latency(Duration::from_millis(20));
            measure::download(&setup, 1, engine.share(big / 4))
        });
        table.row(&format!("{name}: download, paced agent"), || {
            measure::download(&unpaced().paced(), 1, 8 * MIB / share.min(4))
        });
        table.row(&format!("{name}: upload, paced agent"), || {
            measure::upload(&unpaced().paced(), 1, engine.share(big / 4))
        });
        table.row(&format!("{name}: request/response"), || measure::latency(&unpaced()));
        table.row(&format!("{name}: request/response, 1 ms one way"), || {
            measure::latency(&unpaced().latency(Duration::from_millis(1)))
        });
        table.row(&format!("{name}: new connections, 8 clients"), || {
            measure::connections(&unpaced(), 8, Duration::from_secs(if share > 1 { 2 } else { 5 }))
        });
        table
            .row(&format!("{name}: memory, 100 open clients"), || measure::memory(&unpaced(), 100));
    }
    for sessions in [1, 2, 4, 8] {
        table.row(&format!("ssmpf: 8 downloads, paced agent, {sessions} sessions"), || {
            let setup = Setup::new(&Engine::Native).paced().sessions(sessions);
            measure::download(&setup, 8, sessions as u64 * 8 * MIB / share.min(4))
        });
    }
    for fault in recovery::Fault::ALL {
        table.row(&format!("ssmpf: served again: {}", fault.name()), || recovery::recovery(fault));
    }
    for count in [1, 50] {
        let name = format!("background, {count} up");
        // Bringing them up takes a while, so only if a row of theirs is wanted.
        let rows = ["time until ready", "status", "memory of each", "idle CPU"];
        let rows = rows.map(|row| format!("{name}: {row}"));
        if !rows.iter().any(|row| row.contains(&arguments.only)) {
            continue;
        }
        let fleet = background::Fleet::of(count);
        let idle = Duration::from_secs(if share > 1 { 10 } else { 60 });
        table.row(&rows[0], || fleet.came_up());
        table.row(&rows[1], || fleet.status());
        table.row(&rows[3], || fleet.idle_cpu(idle));
        table.row(&rows[2], || fleet.memory());
    }
    for (nodes, total) in [(417, "5,000"), (5000, "60,000")] {
        table.row(&format!("discovery: one place, {nodes} nodes, 50 ms per call"), || {
            Account::with(nodes).one_place()
        });
        table.row(&format!("discovery: 12 places, {total} nodes, 50 ms per call"), || {
            Account::with(nodes).all_places()
        });
    }
    table.print();
}
