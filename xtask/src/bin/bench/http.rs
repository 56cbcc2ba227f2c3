//! As much of HTTP/1.1 as a lean client needs: whole answers with a content length, on a kept connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// The longest answer: a listing of 10,000 instances has some 15 MB.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Status code.
    pub(crate) status: u16,
    /// Bytes of head and body together.
    pub(crate) length: usize,
    /// Bytes of the head.
    pub(crate) head_length: usize,
    /// Whether the server keeps the connection.
    pub(crate) keeps: bool,
}

/// Reads a head, if it is there whole.
///
/// # Errors
/// If it is none, too long, or its body's length is not told.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        ensure!(
            bytes.len() < HEAD_BYTES_MAX,
            "the head of an answer has no end"
        );
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("no status line")?
        .parse()?;
    let (mut body, mut keeps) = (None, true);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            body = Some(value.trim().parse::<usize>()?);
        } else if name.eq_ignore_ascii_case("connection") {
            keeps = !value.trim().eq_ignore_ascii_case("close");
        }
    }
    let head_length = end + 4;
    let length = head_length + body.context("an answer without content length")?;
    ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
    Ok(Some(Head {
        status,
        length,
        head_length,
        keeps,
    }))
}

/// A kept connection that waits for each answer.
#[derive(Debug)]
pub(crate) struct Connection {
    address: String,
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream = connect(address)?;
        Ok(Self {
            address: address.to_owned(),
            stream,
            answer: Vec::new(),
        })
    }

    /// Sends a request and returns the answer's body; anything but 200 is an error.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut chunk = [0; 64 << 10];
        let head = loop {
            let read = self.stream.read(&mut chunk)?;
            if read == 0 {
                bail!("the server closed the connection in the middle of an answer");
            }
            self.answer.extend_from_slice(&chunk[..read]);
            match head(&self.answer)? {
                Some(head) if self.answer.len() >= head.length => break head,
                _ => {}
            }
        };
        if !head.keeps {
            self.stream = connect(&self.address)?;
        }
        let body = &self.answer[head.head_length..head.length];
        ensure!(
            head.status == 200,
            "status {}: {}",
            head.status,
            String::from_utf8_lossy(body)
        );
        Ok(body)
    }
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::{Head, head};

    #[test]
    fn heads_are_read_when_they_are_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: Close\r\n\r\n{}";
        assert_eq!(
            head(answer).expect("valid"),
            Some(Head {
                status: 200,
                length: 59,
                head_length: 57,
                keeps: false
            })
        );
        for cut in 0..57 {
            assert_eq!(head(&answer[..cut]).expect("not yet wrong"), None);
        }
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(head(&[b'x'; 20_000]).is_err());
    }
}
