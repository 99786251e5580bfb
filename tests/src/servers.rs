//! Small real servers on loopback to forward to. Each runs until the test process ends.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;

/// Serves every connection with `serve`, each in a thread of its own.
pub fn start(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            let _ = stream.set_nodelay(true);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Sends back what it receives, as it receives it.
pub fn echo() -> SocketAddr {
    start(|mut stream| {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    })
}

/// Takes everything and, when the client has finished, says how much it was.
pub fn sink() -> SocketAddr {
    start(|mut stream| {
        let mut total: u64 = 0;
        let mut buffer = vec![0; 256 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            total += count as u64;
        }
        let _ = writeln!(stream, "{total}");
    })
}

/// Reads a line with a number and sends so many bytes of [`pattern`], then closes.
pub fn source() -> SocketAddr {
    start(|mut stream| {
        let wanted = read_line(&mut stream).trim().parse().unwrap_or(0);
        let _ = send_pattern(&mut stream, wanted);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut [0; 1]);
    })
}

/// Reads a line with a number, takes so many bytes, and answers `ok` or where they first differ
/// from [`pattern`].
pub fn checker() -> SocketAddr {
    start(|mut stream| {
        let wanted: u64 = read_line(&mut stream).trim().parse().unwrap_or(0);
        let answer = match check_pattern(&mut stream, wanted) {
            Ok(()) => "ok\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// Accepts and never reads.
pub fn deaf() -> SocketAddr {
    start(|stream| {
        thread::sleep(10 * crate::PATIENCE);
        drop(stream);
    })
}

/// A port where nothing listens, and which no other test is given while this process lives.
///
/// One that the system picked and took back may be picked again at once, for anybody: so these lie
/// below the ports that it picks from, and are reserved by locks that end with the process.
pub fn closed_port() -> u16 {
    static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("ssmpf-tests-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    loop {
        let port = rand::random_range(10_000..32_000_u16);
        let file = File::create(folder.join(port.to_string())).expect("the folder is writable");
        let free = file.try_lock().is_ok()
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("::1", port)).is_ok();
        if free {
            RESERVED.lock().expect("no panic while held").push(file);
            return port;
        }
    }
}

/// Byte number `at` of a long text without a short period.
pub fn pattern(at: u64) -> u8 {
    let block = at / 8;
    (block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (8 * (at % 8))) as u8
}

/// Sends the first `count` bytes of the pattern.
pub fn send_pattern(stream: &mut impl Write, count: u64) -> std::io::Result<()> {
    let mut at = 0;
    let mut buffer = Vec::with_capacity(256 * 1024);
    while at < count {
        let end = count.min(at + 256 * 1024);
        buffer.clear();
        buffer.extend((at..end).map(pattern));
        stream.write_all(&buffer)?;
        at = end;
    }
    Ok(())
}

/// Reads `count` bytes and compares them with the pattern.
///
/// # Errors
///
/// Where they differ, or that they ended early.
pub fn check_pattern(stream: &mut impl Read, count: u64) -> Result<(), String> {
    let mut at = 0;
    let mut buffer = vec![0; 256 * 1024];
    while at < count {
        let room = buffer.len().min(usize::try_from(count - at).unwrap_or(usize::MAX));
        let got = stream.read(&mut buffer[..room]).map_err(|error| format!("{error} at {at}"))?;
        if got == 0 {
            return Err(format!("ended at {at} of {count}"));
        }
        for (offset, byte) in buffer[..got].iter().enumerate() {
            let at = at + offset as u64;
            if *byte != pattern(at) {
                return Err(format!("differs at {at}"));
            }
        }
        at += got as u64;
    }
    Ok(())
}

/// Reads up to and with a line feed.
pub fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && matches!(stream.read(&mut byte), Ok(1)) {
        line.push(byte[0]);
    }
    String::from_utf8_lossy(&line).into_owned()
}
