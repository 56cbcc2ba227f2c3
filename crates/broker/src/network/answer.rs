//! Answers are written to connections: bytes from memory, records from files.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::log::file_records::FileRecords;
use crate::memory::{Memory, Stage, UNCOUNTED_BYTES};
use crate::network::stream::Stream;
use crate::protocol::answer::{Answer, Part};

/// Bytes of a file that are sent or copied at a time, before other connections get the thread.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes of a file that are read at a time only to have them in the page cache.
const WARM_BYTES: usize = 16 << 10;

/// A client that takes nothing of its answer for this long is disconnected.
const WRITE_TIME_MAX: Duration = Duration::from_secs(120);

/// Writes everything. What has to be copied on the way is counted in `memory`.
///
/// # Errors
/// If the connection or the disk fails: then a part may have been written, and the connection is of no
/// use any more.
pub(super) async fn write(
    answer: &Answer,
    stream: &mut Stream,
    memory: Option<&Memory>,
) -> io::Result<()> {
    for part in answer.parts() {
        match (part, &mut *stream) {
            (Part::Bytes(bytes), stream) => write_bytes(bytes, stream).await?,
            (Part::Records(records), Stream::Plain(socket)) => send(records, socket).await?,
            (Part::Records(records), stream) => copy(records, stream, memory).await?,
        }
    }
    // TLS may keep the end of what was written.
    in_time(stream.flush()).await
}

/// Writes bytes.
///
/// # Errors
/// As [`write`].
pub(super) async fn write_all(bytes: &[u8], stream: &mut Stream) -> io::Result<()> {
    write_bytes(bytes, stream).await?;
    in_time(stream.flush()).await
}

/// Fails if the client takes nothing for too long.
async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(WRITE_TIME_MAX, step)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn write_bytes(bytes: &[u8], stream: &mut Stream) -> io::Result<()> {
    for chunk in bytes.chunks(CHUNK_BYTES) {
        in_time(stream.write_all(chunk)).await?;
    }
    Ok(())
}

/// Lets the kernel send the bytes from its page cache, without a copy in this process.
async fn send(records: &FileRecords, socket: &TcpStream) -> io::Result<()> {
    let (mut at, mut left) = (records.position, records.length);
    while left > 0 {
        let want = left.min(CHUNK_BYTES);
        warm(&records.file, at, want).await?;
        let sending = socket.async_io(Interest::WRITABLE, || {
            let sent = rustix::fs::sendfile(socket, &records.file, Some(&mut at), want);
            Ok(sent?)
        });
        let sent = in_time(sending).await?;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= sent;
    }
    Ok(())
}

/// Copies the bytes through memory, a little at a time, and less where the cluster has no more room.
async fn copy(
    records: &FileRecords,
    stream: &mut Stream,
    memory: Option<&Memory>,
) -> io::Result<()> {
    let (mut at, mut left) = (records.position, records.length);
    let most = left.min(CHUNK_BYTES);
    let held = memory.and_then(|memory| memory.try_take(Stage::Answer, most));
    let chunk_bytes = match held.is_some() || memory.is_none() {
        true => most,
        false => most.min(UNCOUNTED_BYTES),
    };
    let mut chunk = BytesMut::new();
    while left > 0 {
        let want = left.min(chunk_bytes);
        warm(&records.file, at, want).await?;
        chunk.resize(want, 0);
        records.file.read_exact_at(&mut chunk, at)?;
        write_bytes(&chunk, stream).await?;
        at += want as u64;
        left -= want;
    }
    Ok(())
}

/// Reads what is not in the page cache on a blocking thread, so that other connections of this thread do not
/// wait for the disk.
async fn warm(file: &Arc<File>, position: u64, length: usize) -> io::Result<()> {
    if is_cached(file, position)? && is_cached(file, position + length as u64 - 1)? {
        return Ok(());
    }
    let file = file.clone();
    let read = tokio::task::spawn_blocking(move || {
        let (mut bytes, end) = ([0; WARM_BYTES], position + length as u64);
        for at in (position..end).step_by(WARM_BYTES) {
            let left = usize::try_from(end - at).unwrap_or(WARM_BYTES);
            file.read_exact_at(&mut bytes[..left.min(WARM_BYTES)], at)?;
        }
        Ok(())
    });
    read.await
        .unwrap_or_else(|_| Err(io::Error::other("the read was cancelled")))
}

/// Whether a byte can be read without waiting for the disk.
fn is_cached(file: &File, position: u64) -> io::Result<bool> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    let mut byte = [0];
    let buffer = &mut [io::IoSliceMut::new(&mut byte)];
    match preadv2(file, buffer, position, ReadWriteFlags::NOWAIT) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        // On file systems that do not support this, an ordinary read.
        Err(Errno::OPNOTSUPP | Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::fs::{Advice, fadvise};

    use super::*;

    #[tokio::test]
    async fn what_is_not_in_memory_is_read_before_it_is_sent() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 4 * CHUNK_BYTES]).unwrap();
        file.sync_all().unwrap();
        let file = Arc::new(file);
        assert!(is_cached(&file, 0).unwrap());
        let last = 4 * CHUNK_BYTES as u64 - 1;
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        // A file system in memory keeps everything.
        let is_cold = !is_cached(&file, last).unwrap();
        let chunk = last + 1 - CHUNK_BYTES as u64;
        warm(&file, chunk, CHUNK_BYTES).await.unwrap();
        assert!(is_cached(&file, last).unwrap(), "was cold: {is_cold}");
        // The end of a file is not waited for, and shows when it is read.
        assert!(is_cached(&file, last + 1).unwrap());
    }
}
