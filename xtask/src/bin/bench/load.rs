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
    let (address, requests): (Arc<str>, Arc<[Bytes]>) = (address.into(), requests.into());
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(run(address, requests, connections, limit))
    })
    .join()
    .map_err(|_| anyhow!("the load generator panicked"))?
}

async fn run(
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
        let exchange = read_answer(&mut stream, &mut answer);
        keeps = tokio::time::timeout(ANSWER_LIMIT, exchange)
            .await
            .context("no answer in time")??;
        times.push(sent.elapsed());
    }
    Ok(times)
}

/// Reads one answer; true if the server keeps the connection.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<bool> {
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
                head.status == 200,
                "status {}: {}",
                head.status,
                String::from_utf8_lossy(body)
            );
            return Ok(head.keeps);
        }
    }
}
