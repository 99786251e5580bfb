//! Which program listens on a port, so that "in use" can be said with a name.

use std::net::SocketAddr;

/// Names the program that listens on the port of `address`, if it can be found: `nginx (pid 42)`.
///
/// Another user's program can be seen but not named without privileges.
#[cfg(target_os = "linux")]
pub fn find(address: SocketAddr) -> Option<String> {
    let inodes = linux::listening_inodes(address.port());
    linux::owner(&inodes)
}

/// Names the program that listens on the port of `address`, if `lsof` can tell.
#[cfg(target_os = "macos")]
pub fn find(address: SocketAddr) -> Option<String> {
    let output = std::process::Command::new("lsof")
        .args(["-nP", "-F", "pc", "-sTCP:LISTEN"])
        .arg(format!("-iTCP:{}", address.port()))
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |mark: char| text.lines().find_map(|line| line.strip_prefix(mark));
    Some(format!("{} (pid {})", field('c')?, field('p')?))
}

/// On other systems the owner is not known.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn find(_address: SocketAddr) -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    /// State of a listening socket in the kernel's tables.
    const LISTEN: &str = "0A";

    /// Inodes of the sockets that listen on a port, in either family.
    pub fn listening_inodes(port: u16) -> Vec<String> {
        let suffix = format!(":{port:04X}");
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let text = tables.iter().filter_map(|path| fs::read_to_string(path).ok());
        text.flat_map(|table| {
            let listening = table.lines().filter_map(|line| {
                // slot local remote state queues timer retransmits uid timeout inode
                let fields: Vec<_> = line.split_whitespace().collect();
                let ours = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == LISTEN;
                ours.then(|| fields.get(9).map(|inode| (*inode).to_owned())).flatten()
            });
            listening.collect::<Vec<_>>()
        })
        .collect()
    }

    /// Names the process that has one of these sockets open.
    pub fn owner(inodes: &[String]) -> Option<String> {
        let wanted: Vec<_> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
        fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let open = fs::read_dir(entry.path().join("fd")).ok()?.flatten().any(|fd| {
                fs::read_link(fd.path())
                    .is_ok_and(|link| wanted.iter().any(|socket| link.as_os_str() == &**socket))
            });
            let name = || fs::read_to_string(entry.path().join("comm")).ok();
            open.then(|| name().map(|name| format!("{} (pid {pid})", name.trim()))).flatten()
        })
    }
}
