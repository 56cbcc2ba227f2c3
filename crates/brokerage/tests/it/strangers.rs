//! Strangers without a key, at the server as a process: what they make it hold, and that others are answered beside them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_brokerage");
/// What strangers may make the server hold beside what it held before.
const STRANGERS_KIB_MAX: u64 = 64 * 1024;
/// Connections of one attack.
const CONNECTIONS: usize = 300;
/// How long an answer may take beside an attack, on a busy machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// A server; killed when the test gives it up.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    fn start(data: &std::path::Path) -> Self {
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = ready["api"][0].as_str().unwrap().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// The largest resident set so far, in KiB (Linux).
    fn peak_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Asks something without a signature, which is refused at once.
    fn answers(&self) {
        let began = Instant::now();
        let mut stream = self.connect();
        let request = "GET /?Action=DescribeVpcs&Version=2016-04-28 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(began.elapsed() < ANSWER_TIME_MAX, "{:?}", began.elapsed());
    }
}

/// What a stranger sends and then stops: heads and bodies without their end, and bodies that nobody has asked for.
fn attacks() -> [Vec<u8>; 5] {
    let body = |head: &str, announced: usize, sent: usize| {
        let head =
            format!("POST / HTTP/1.1\r\nhost: x\r\n{head}content-length: {announced}\r\n\r\n");
        [head.as_bytes(), &vec![b'x'; sent]].concat()
    };
    let tc3 = "authorization: TC3-HMAC-SHA256 Credential=a\r\ncontent-type: application/json\r\n";
    [
        Vec::new(),
        [&b"GET /?"[..], &vec![b'a'; 120_000]].concat(),
        body("", 64 * 1024, 64 * 1024 - 1),
        body(tc3, 10 * 1024 * 1024, 1024 * 1024),
        body("", 1024 * 1024 * 1024, 64 * 1024),
    ]
}

#[test]
fn strangers_cost_little_and_keep_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"));
    server.answers();
    let quiet = server.peak_kib();
    for attack in attacks() {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = server.connect();
            stream.set_nonblocking(true).unwrap();
            // As much as the server takes: it may have refused by now.
            drop(stream.write(&attack));
            held.push(stream);
        }
        server.answers();
        for stream in &mut held {
            drop(stream.write(&attack));
        }
        server.answers();
    }
    if let (Some(quiet), Some(peak)) = (quiet, server.peak_kib()) {
        assert!(
            peak <= quiet + STRANGERS_KIB_MAX,
            "{quiet} KiB, then {peak} KiB"
        );
    }
}
