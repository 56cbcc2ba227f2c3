//! A lean load generator: requests prepared beforehand, sent over so many kept connections from a thread of
//! its own, each connection sending its next request when it has the answer to the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::http::head;
use crate::stats::percentile;

/// How long one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What a load came to.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Answers with status 200 a second.
    pub(crate) per_second: f64,
    /// The 99th percentile of the time from sending to answer.
    pub(crate) p99: Duration,
    /// Answers.
    pub(crate) answers: usize,
}

/// Sends the requests until they are used up or the time is; every answer has to have status 200.
pub(crate) fn load(
    address: &str,
    requests: &[Bytes],
    connections: usize,
    limit: Duration,
) -> Result<Measured> {
    load_answered(200, address, requests, connections, limit)
}

/// As [`load`], where every answer has to have this status.
pub(crate) fn load_answered(
    status: u16,
    address: &str,
    requests: &[Bytes],
    connections: usize,
    limit: Duration,
) -> Result<Measured> {
    let (address, requests): (Arc<str>, Arc<[Bytes]>) = (address.into(), requests.into());
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(run(status, address, requests, connections, limit))
    })
    .join()
    .map_err(|_| anyhow!("the load generator panicked"))?
}

async fn run(
    status: u16,
    address: Arc<str>,
    requests: Arc<[Bytes]>,
    connections: usize,
    limit: Duration,
) -> Result<Measured> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(connect(&address).await?);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for stream in streams {
        tasks.spawn(send(
            status,
            stream,
            address.clone(),
            requests.clone(),
            next.clone(),
            started + limit,
        ));
    }
    let mut times = Vec::with_capacity(requests.len());
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let seconds = started.elapsed().as_secs_f64();
    ensure!(!times.is_empty(), "no answer in {seconds:.1} s");
    let answers = times.len();
    Ok(Measured {
        per_second: answers as f64 / seconds,
        p99: percentile(&mut times, 99),
        answers,
    })
}

async fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn send(
    status: u16,
    mut stream: TcpStream,
    address: Arc<str>,
    requests: Arc<[Bytes]>,
    next: Arc<AtomicUsize>,
    deadline: Instant,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut answer = Vec::with_capacity(64 << 10);
    let mut keeps = true;
    while Instant::now() < deadline {
        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) else {
            break;
        };
        let sent = Instant::now();
        if !keeps {
            stream = connect(&address).await?;
        }
        stream.write_all(request).await?;
        let exchange = read_answer(status, &mut stream, &mut answer);
        keeps = tokio::time::timeout(ANSWER_LIMIT, exchange)
            .await
            .context("no answer in time")??;
        times.push(sent.elapsed());
    }
    Ok(times)
}

/// Reads one answer; true if the server keeps the connection.
async fn read_answer(status: u16, stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<bool> {
    answer.clear();
    loop {
        let read = stream.read_buf(answer).await?;
        ensure!(
            read > 0,
            "the server closed the connection in the middle of an answer"
        );
        if let Some(head) = head(answer)?
            && answer.len() >= head.length
        {
            let body = &answer[head.head_length..head.length];
            ensure!(
                head.status == status,
                "status {}: {}",
                head.status,
                String::from_utf8_lossy(body)
            );
            return Ok(head.keeps);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use bytes::Bytes;

    use super::load;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    /// Sends twenty requests over three connections to a server that answers each with `answer`, and closes the
    /// connection after so many of them. Returns the answers counted, or why not, and the connections made.
    fn check(answer: &'static str, answers_each: usize) -> (Result<usize, String>, usize) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let mut request = [0; REQUEST.len()];
                    for _ in 0..answers_each {
                        if stream
                            .read_exact(&mut request)
                            .and_then(|()| stream.write_all(answer.as_bytes()))
                            .is_err()
                        {
                            break;
                        }
                    }
                });
            }
        });
        let requests = vec![Bytes::from_static(REQUEST); 20];
        let measured = load(&address, &requests, 3, Duration::from_secs(10));
        let answers = measured
            .map(|measured| measured.answers)
            .map_err(|error| format!("{error:#}"));
        (answers, connections.load(Ordering::SeqCst))
    }

    #[test]
    fn every_request_is_answered_once_over_the_kept_connections() {
        let (answers, connections) =
            check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", usize::MAX);
        assert_eq!((answers, connections), (Ok(20), 3));
    }

    #[test]
    fn a_server_that_closes_is_connected_to_again() {
        let (answers, connections) = check(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            1,
        );
        assert_eq!((answers, connections), (Ok(20), 20));
    }

    #[test]
    fn a_refusal_ends_the_load() {
        let (answers, _) = check(
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno",
            usize::MAX,
        );
        assert!(answers.is_err_and(|reason| reason.contains("status 400: no")));
    }
}
