//! Programs that are not ours, through a tunnel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ssmpf_tests::{BASTION, PATIENCE, TestEnv, process, program, servers};

/// A program that a test has started; killed when the test ends.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_port(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn quiet(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn curl_fetches_a_file_through_a_tunnel_to_a_remote_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut blob = Vec::new();
    servers::send_pattern(&mut blob, 8 * 1024 * 1024).unwrap();
    fs::write(folder.path().join("blob"), &blob).unwrap();
    let port = servers::closed_port();
    let _server = Background(quiet(
        Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"])
            .arg(folder.path()),
    ));
    wait_for_port(port);
    let address = ([127, 0, 0, 1], port).into();
    let env = TestEnv::with(|builder| builder.host("web.internal", 80, address));
    let tunnel = env.forward(&["--target", BASTION, "--host", "web.internal", "--port", "80"]);
    let fetched = folder.path().join("fetched");
    let mut curl = env.command("curl");
    curl.args(["-sS", "--fail", "--max-time", "60", "-o"]).arg(&fetched);
    curl.arg(format!("http://{}/blob", tunnel.address()));
    let finished = process::run(curl);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(fs::read(fetched).unwrap() == blob, "the file arrived changed");
}

/// An OpenSSH server of this test's own, on a free port.
fn ssh_server(folder: &Path) -> (Background, u16, PathBuf) {
    let key = |name: &str| {
        let path = folder.join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&path)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "ssh-keygen");
        path
    };
    let (host_key, user_key) = (key("host"), key("user"));
    fs::copy(user_key.with_extension("pub"), folder.join("authorized")).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let _ = fs::create_dir_all("/run/sshd");
    let port = servers::closed_port();
    let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];
    let sshd = sshd.into_iter().find(|path| Path::new(path).exists()).expect("sshd is installed");
    let child = quiet(
        Command::new(sshd)
            .args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()])
            .args(["-o", "ListenAddress=127.0.0.1", "-o", "StrictModes=no", "-o", "UsePAM=no"])
            .args(["-o", "PidFile=none", "-o", "PermitRootLogin=yes"])
            .arg("-o")
            .arg(format!("AuthorizedKeysFile={}", folder.join("authorized").display()))
            .arg("-h")
            .arg(host_key),
    );
    wait_for_port(port);
    (Background(child), port, user_key)
}

#[test]
fn ssh_logs_in_through_a_tunnel_and_through_the_ssh_document() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port, key) = ssh_server(folder.path());
    let env = TestEnv::new();
    let tunnel = env.forward(&["--target", BASTION, "--port", &port.to_string()]);
    let ssh = |more: &[String]| {
        let mut ssh = env.command("ssh");
        ssh.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.arg("-i").arg(&key).args(more);
        // More than one line, so that every line feed would be noticed.
        ssh.arg("printf 'one\\n\\ntwo\\n'; seq 1 20000 | cksum");
        process::run(ssh)
    };
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let expected = "one\n\ntwo\n";

    let port_forwarded =
        ssh(&["-p".to_owned(), tunnel.address().port().to_string(), format!("{user}@127.0.0.1")]);
    assert_eq!(port_forwarded.code, Some(0), "{port_forwarded:?}");
    assert!(port_forwarded.stdout.starts_with(expected), "{port_forwarded:?}");

    let proxy = format!(
        "ProxyCommand={} -q forward --target {BASTION} --port {port} --document AWS-StartSSHSession --stdio",
        program("ssmpf").display()
    );
    let through_document = ssh(&["-o".to_owned(), proxy, format!("{user}@node")]);
    assert_eq!(through_document.code, Some(0), "{through_document:?}");
    assert_eq!(through_document.stdout, port_forwarded.stdout);
    let sessions = env.emulator.sessions();
    let ssh_session =
        sessions.iter().find(|s| s.document.as_deref() == Some("AWS-StartSSHSession"));
    let id = ssh_session.expect("it was started").id.clone();
    assert!(
        env.emulator.wait_until(PATIENCE, |e| e.session(&id).is_some_and(|s| s.state.is_over()))
    );
}

#[test]
fn psql_asks_a_real_server_through_a_tunnel() {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let bin = versions.flatten().next().expect("a version").path().join("bin");
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let data = folder.path().join("data");
    let port = servers::closed_port();
    // The server refuses to run as root.
    let as_postgres = |program: &str| {
        let path = bin.join(program);
        if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        }
    };
    let made =
        as_postgres("initdb").arg("-D").arg(&data).args(["-A", "trust", "-U", "app"]).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let _server = Background(quiet(
        as_postgres("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-F", "-k"])
            .arg(folder.path()),
    ));
    let deadline = Instant::now() + PATIENCE;
    let ready = || {
        let answered = quiet(Command::new(bin.join("pg_isready")).args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ]))
        .wait();
        answered.is_ok_and(|status| status.success())
    };
    while !ready() {
        assert!(Instant::now() < deadline, "the server does not get ready");
        std::thread::sleep(Duration::from_millis(50));
    }

    let address = ([127, 0, 0, 1], port).into();
    let name = "orders.cluster-abc.eu-west-1.rds.amazonaws.com";
    let env = TestEnv::with(|builder| builder.host(name, 5432, address));
    let tunnel = env.forward(&["--target", BASTION, "--host", name, "--port", "5432"]);
    let mut psql = env.command("psql");
    psql.args(["-X", "-A", "-t", "-h", "127.0.0.1", "-p", &tunnel.address().port().to_string()]);
    psql.args(["-U", "app", "postgres", "-c"]);
    psql.arg("select sum(n), md5(string_agg(n::text, E'\\n')) from generate_series(1, 200000) n");
    let finished = process::run(psql);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.starts_with("20000100000"), "{finished:?}");
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}
