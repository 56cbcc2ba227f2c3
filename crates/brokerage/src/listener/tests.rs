use std::time::Instant;

use brokerage_domain::id::AccountId;
use brokerage_wire::gateway::Entrance;
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::{BODY_BYTES_MAX, TC3_BODY_BYTES_MAX};
use super::bytes::Holder;
use super::standing::{Patience, UNCOUNTED_BYTES};
use super::*;

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "content-type: application/json\r\n";
const TC3: &str = "authorization: TC3-HMAC-SHA256 Credential=a\r\n";
/// Tells a head of somebody who is known.
const KNOWN: &str = "known: yes\r\n";

fn is_known(headers: &HeaderMap) -> bool {
    headers.contains_key("known")
}

/// Answers with the length of the body; for `/N` with as many bytes.
async fn echo(request: Request<Incoming>, standing: Arc<Standing>) -> Response<Full<Bytes>> {
    if is_known(request.headers()) {
        standing.admit(&AccountId::new("known"));
    }
    let path = request.uri().path().to_owned();
    let check_head = async |head: WireRequest| match is_known(head.headers()) {
        true => {
            standing.claim();
            Ok(())
        }
        false => Err(plain(StatusCode::FORBIDDEN)),
    };
    let read = with_body(request, check_head).await;
    standing.begin_answer();
    full(match read {
        Ok(request) => Response::new(match path[1..].parse() {
            Ok(bytes) => vec![b'x'; bytes].into(),
            Err(_) => request.body().len().to_string().into(),
        }),
        Err(refusal) => refusal.into_response(),
    })
}

/// A door, open until this is dropped.
struct Open {
    address: SocketAddr,
    room: Room,
    stop: CancellationToken,
}

impl Open {
    async fn with(connections_max: usize, patience: Patience) -> Self {
        let mut listeners = bind(&[([127, 0, 0, 1], 0).into()]).await.expect("a port");
        let listener = listeners.pop().expect("it is bound");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let watch = Watch::new(stop.clone());
        let mut room = Room::new(connections_max);
        room.patience = patience;
        serve_with(
            vec![listener.into()],
            room.clone(),
            echo,
            stop.clone(),
            &watch,
        );
        Self {
            address,
            room,
            stop,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("a connection")
    }

    /// Waits until so many bytes are held.
    async fn holds(&self, bytes: usize) {
        while self.room.budget.held() != bytes {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What comes back until the server closes, or has answered.
async fn read(stream: &mut TcpStream) -> String {
    let mut text = vec![0; 4096];
    let length = stream.read(&mut text).await.unwrap_or_default();
    String::from_utf8_lossy(&text[..length]).into_owned()
}

async fn ask(stream: &mut TcpStream, head: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\n{head}\r\n");
    // It may have been closed.
    drop(stream.write_all(request.as_bytes()).await);
    read(stream).await
}

/// What a peer hears who sends this head and so many bytes, as one chunk when the head does not announce them.
async fn heard(head: &str, announced: Option<usize>, sent: usize) -> String {
    let open = Open::with(1, Patience::default()).await;
    let (mut reading, mut writing) = open.connect().await.into_split();
    let (framing, begin, end) = match announced {
        Some(length) => (format!("content-length: {length}"), String::new(), ""),
        None => (
            "transfer-encoding: chunked".to_owned(),
            format!("{sent:x}\r\n"),
            "\r\n0\r\n\r\n",
        ),
    };
    let send = async move {
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{head}{framing}\r\n\r\n{begin}");
        let body = [head.as_bytes(), &vec![b'x'; sent], end.as_bytes()].concat();
        // The server may have answered and gone before it has everything.
        drop(writing.write_all(&body).await);
        writing
    };
    let hear = async {
        let mut text = vec![0; 4096];
        let length = reading.read(&mut text).await.expect("an answer");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let (_writing, text) = tokio::join!(send, hear);
    let status = text.split(' ').nth(1).expect("a status").to_owned();
    match text.rsplit_once("\r\n\r\n") {
        Some((_, body)) if status == "200" => body.to_owned(),
        _ => status,
    }
}

#[tokio::test]
async fn a_body_is_as_large_as_its_head_permits() {
    let (stranger, small) = (STRANGER_BODY_BYTES_MAX, BODY_BYTES_MAX);
    let large = TC3_BODY_BYTES_MAX;
    let known = format!("{KNOWN}{FORM}");
    let tc3 = format!("{KNOWN}{TC3}{JSON}");
    let tc3_stranger = format!("{TC3}{JSON}");
    let tc3_form = format!("{KNOWN}{TC3}{FORM}");
    for (head, announced, sent, expected) in [
        (FORM, Some(stranger), stranger, stranger.to_string()),
        (FORM, None, stranger, stranger.to_string()),
        (FORM, Some(stranger + 1), 0, "403".to_owned()),
        (FORM, None, stranger + 1, "403".to_owned()),
        (FORM, Some(small + 1), 0, "413".to_owned()),
        (JSON, Some(small + 1), 0, "413".to_owned()),
        ("", Some(usize::MAX >> 1), 0, "413".to_owned()),
        (&known, Some(small), small, small.to_string()),
        (&known, None, small, small.to_string()),
        (&known, None, small + 1, "413".to_owned()),
        (&tc3, Some(small + 1), small + 1, (small + 1).to_string()),
        (&tc3, None, small + 1, (small + 1).to_string()),
        (&tc3, Some(large), large, large.to_string()),
        (&tc3, Some(large + 1), 0, "413".to_owned()),
        (&tc3_stranger, Some(large), 0, "403".to_owned()),
        (&tc3_form, Some(small + 1), 0, "413".to_owned()),
    ] {
        let heard = heard(head, announced, sent).await;
        assert_eq!(heard, expected, "{head:?} {announced:?} {sent}");
    }
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let open = Open::with(4, Patience::default()).await;
    let mut known = open.connect().await;
    assert!(ask(&mut known, KNOWN).await.starts_with("HTTP/1.1 200"));
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(open.connect().await);
        let mut next = open.connect().await;
        assert!(ask(&mut next, "").await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(read(&mut silent[0]).await, "", "the first had to go");
    assert!(ask(&mut known, "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_says_nothing_or_stops_in_between_is_not_waited_for() {
    let patience = Patience {
        stranger_rest_max: Duration::from_millis(200),
        peer_rest_max: Duration::from_millis(200),
    };
    let open = Open::with(8, patience).await;
    let mut known = open.connect().await;
    ask(&mut known, KNOWN).await;
    let stop_at = [
        ("", ""),
        ("GET / HT", ""),
        (
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx",
            "408",
        ),
    ];
    let began = Instant::now();
    for (sent, heard) in stop_at {
        let mut stream = open.connect().await;
        stream.write_all(sent.as_bytes()).await.expect("it is sent");
        let answer = read(&mut stream).await;
        assert_eq!(
            answer.split(' ').nth(1).unwrap_or_default(),
            heard,
            "{sent:?}"
        );
    }
    // Far from what a request that comes may take.
    assert!(began.elapsed() < Duration::from_secs(5));
    // Byte by byte is no pace either: one in 10 ms is a fortieth of the slowest.
    let mut slow = open.connect().await;
    let dripping = async {
        while slow.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), dripping)
        .await
        .expect("it is closed");
    assert!(
        ask(&mut known, "").await.starts_with("HTTP/1.1 200"),
        "a known caller may rest"
    );
}

#[tokio::test]
async fn answers_that_nobody_reads_are_counted_and_given_up() {
    let patience = Patience {
        peer_rest_max: Duration::from_millis(300),
        ..Patience::default()
    };
    let open = Open::with(8, patience).await;
    let mut deaf = open.connect().await;
    // More than sockets take.
    let bytes = 2 * super::bytes::SHARE_BYTES_MAX;
    let request = format!("GET /{bytes} HTTP/1.1\r\nhost: x\r\n{KNOWN}\r\n");
    deaf.write_all(request.as_bytes())
        .await
        .expect("it is sent");
    open.holds(bytes).await;
    let account = Holder::Account(AccountId::new("known"));
    assert!(!open.room.budget.has_room(&account));
    open.holds(0).await;
    assert!(open.room.budget.has_room(&account));
}

#[tokio::test]
async fn what_comes_is_counted_until_it_is_answered() {
    let open = Open::with(8, Patience::default()).await;
    let mut stream = open.connect().await;
    let sent = 40_000;
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {sent}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream
        .write_all(&vec![b'x'; sent - 1])
        .await
        .expect("it is sent");
    open.holds(head.len() + sent - 1 - UNCOUNTED_BYTES).await;
    stream.write_all(b"x").await.expect("it is sent");
    assert!(read(&mut stream).await.ends_with("40000"));
    open.holds(0).await;
}
