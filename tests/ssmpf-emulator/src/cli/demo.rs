//! `demo`: the whole way once, in plain words.

use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use super::args::Demo;
use super::{Outcome, client_command, servers, up, wait_for_stop};
use crate::emulator::Emulator;
use crate::sigv4::hex;

const NODE: &str = "i-0123456789abcdef0";

/// Runs the command.
pub(super) fn run(demo: &Demo) -> Outcome {
    if demo.fleet.fleet.is_some() {
        return Err("the demonstration has its own fleet: leave --fleet out".into());
    }
    let emulator = up::start(&demo.fleet)?;
    println!("1. An AWS account of one machine is running at {}.", emulator.endpoint());
    println!("   Node {NODE} (bastion) can reach orders-api.internal:80, a real web server.");
    let shown = show(&emulator, demo);
    if let Err(error) = &shown {
        eprintln!("error: {error}");
    }
    if demo.exit {
        return Ok(if shown.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    println!("\nThe account stays up until Ctrl-C. To use it from another shell:\n");
    for (name, value) in emulator.environment() {
        println!("  export {name}='{value}'");
    }
    println!(
        "\n  ssmpf forward --target {NODE} --host orders-api.internal --port 80 --local-port 8080"
    );
    println!("  curl http://127.0.0.1:8080/");
    std::io::stdout().flush()?;
    wait_for_stop()?;
    Ok(ExitCode::SUCCESS)
}

/// Ends the tunnel however the demonstration ends.
struct Tunnel {
    child: Child,
    ended: bool,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn show(emulator: &Emulator, demo: &Demo) -> Result<(), Box<dyn std::error::Error>> {
    let program = find_ssmpf(demo)?;
    let arguments = [
        "forward",
        "--target",
        NODE,
        "--host",
        "orders-api.internal",
        "--port",
        "80",
        "--local-port",
        "auto",
        "--print-address",
    ];
    println!("\n2. Opening a tunnel:\n   $ ssmpf {}", arguments.join(" "));
    let child = client_command(program.as_os_str(), emulator)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run `{}`: {error}", program.display()))?;
    let mut tunnel = Tunnel { child, ended: false };
    let stdout = tunnel.child.stdout.take().ok_or("the tunnel has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = match lines.next() {
        Some(line) => line?.trim().to_owned(),
        None => return Err("the tunnel ended before it was ready".into()),
    };
    println!("   It is ready at {address}.");

    let began = Instant::now();
    let page = fetch(&address, "/")?;
    println!("\n3. Fetching http://{address}/ through it ({} ms):", began.elapsed().as_millis());
    print!("   {}", String::from_utf8_lossy(&page));
    if page != servers::PAGE.as_bytes() {
        return Err("the page is not the one that the server has".into());
    }

    let mib = servers::BLOB / (1024 * 1024);
    println!("\n4. Fetching {mib} MiB through it.");
    if demo.fleet.unpaced {
        println!("   The agent sends as fast as it can: --unpaced.");
    } else {
        println!("   Amazon's agents send about 0.75 MB/s per session, and so does this one");
        println!("   unless it is started with --unpaced.");
    }
    let digest = fetch(&address, "/blob.sha256")?;
    let began = Instant::now();
    let blob = fetch(&address, "/blob")?;
    let seconds = began.elapsed().as_secs_f64();
    let got = hex(&Sha256::digest(&blob));
    println!(
        "   {} bytes in {seconds:.1} s: {:.2} MB/s.",
        blob.len(),
        blob.len() as f64 / 1e6 / seconds
    );
    println!("   SHA-256 {got}");
    if got.as_bytes() != digest {
        return Err("the bytes are not the ones that the server has".into());
    }
    println!("   which is what the server says, too.");

    println!("\n5. Ending the tunnel.");
    end(&mut tunnel)?;
    emulator.wait_until(Duration::from_secs(3), |emulator| emulator.open_sessions() == 0);
    println!("\n6. What the account saw:");
    for call in emulator.calls() {
        let outcome = call.error.unwrap_or_else(|| "ok".into());
        println!("   call     {:<28} {outcome}", call.operation);
    }
    for session in emulator.sessions() {
        println!("   session  {} on {}", session.id, session.target);
        println!(
            "            {} messages to the client, {} to the agent, {} connections dialled",
            session.messages_to_client, session.messages_to_agent, session.dials
        );
        let end = session.terminated_by.map(|by| format!("{by:?}")).unwrap_or("nobody yet".into());
        println!("            ended by: {end}");
    }
    Ok(())
}

fn end(tunnel: &mut Tunnel) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};
        if let Some(pid) = Pid::from_raw(tunnel.child.id() as i32) {
            kill_process(pid, Signal::INT)?;
        }
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if tunnel.child.try_wait()?.is_some() {
                tunnel.ended = true;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    tunnel.child.kill()?;
    tunnel.child.wait()?;
    tunnel.ended = true;
    Ok(())
}

/// Finds `ssmpf` beside this program or on the PATH.
fn find_ssmpf(demo: &Demo) -> Result<PathBuf, String> {
    if let Some(path) = &demo.ssmpf {
        return Ok(path.clone());
    }
    let name = format!("ssmpf{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join(&name)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(&name)))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            "there is no `ssmpf` beside this program or on the PATH; `cargo build` in the \
             repository makes both"
                .into()
        })
}

/// Fetches a path over a connection of its own.
fn fetch(address: &str, path: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: orders-api.internal\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("the answer is not HTTP")?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(&answer[..end]).into_owned().into());
    }
    Ok(answer.split_off(end + 4))
}
