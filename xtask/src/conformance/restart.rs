//! How a script has its server restarted: RESTART_CMD runs this program's `restart` with a socket, and the
//! run at the other end, whose child the server is, stops it, starts it, and answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// How long a restart may take, as seen by the script.
const LIMIT: Duration = Duration::from_secs(120);
/// The longest answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// What is asked for.
const WORD: &str = "restart";
/// The answer of a restart that succeeded; any other is the reason of its failure.
const DONE: &str = "done";

/// A path that no other run uses. Sockets have short paths, so it is not below the target folder.
pub(crate) fn restart_socket() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    std::env::temp_dir().join(format!("xtask-restart-{}-{number}", std::process::id()))
}

/// The shell command for RESTART_CMD; `this` is the program whose `restart` it runs.
pub(crate) fn restart_command(this: &Path, socket: &Path) -> String {
    format!("'{}' restart '{}'", this.display(), socket.display())
}

/// Asks the run at the other end of the socket to restart its server; returns when it is ready.
///
/// # Errors
/// If nobody is there, or the restart failed.
pub fn restart_ask(socket: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("nobody restarts at {}", socket.display()))?;
    stream.set_read_timeout(Some(LIMIT))?;
    writeln!(stream, "{WORD}")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    match answer.trim() {
        DONE => Ok(()),
        reason => bail!("{reason}"),
    }
}

/// Answers at `socket` with `restart` until `body` has ended, one request at a time.
///
/// # Errors
/// If the socket cannot be made, and those of `body`.
pub(crate) fn restart_serve<R>(
    socket: &Path,
    restart: impl Fn() -> Result<()> + Sync,
    body: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let _ = std::fs::remove_file(socket);
    let listener =
        UnixListener::bind(socket).with_context(|| format!("binding {}", socket.display()))?;
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                // A script that went away while it waited gets no answer.
                let _ = answer(&stream, &restart);
            }
        });
        let result = body();
        ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that this is the end.
        let _ = UnixStream::connect(socket);
        let _ = server.join();
        let _ = std::fs::remove_file(socket);
        result
    })
}

fn answer(mut stream: &UnixStream, restart: &impl Fn() -> Result<()>) -> Result<()> {
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line)?;
    if line.trim() == WORD {
        match restart() {
            Ok(()) => writeln!(stream, "{DONE}")?,
            Err(error) => writeln!(stream, "{error:#}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::bail;

    use super::{restart_ask, restart_serve, restart_socket};

    #[test]
    fn each_request_restarts_once_and_learns_what_came_of_it() {
        let socket = restart_socket();
        let restarts = AtomicU32::new(0);
        let restart = || match restarts.fetch_add(1, Ordering::SeqCst) {
            1 => bail!("no second time"),
            _ => Ok(()),
        };
        let outcomes = restart_serve(&socket, restart, || {
            Ok([0, 1, 2].map(|_| restart_ask(&socket).map_err(|error| error.to_string())))
        });
        let outcomes = outcomes.expect("the socket can be made");
        assert_eq!(outcomes, [Ok(()), Err("no second time".to_owned()), Ok(())]);
        assert_eq!(restarts.load(Ordering::SeqCst), 3);
        assert!(restart_ask(&socket).is_err(), "nobody is there any more");
    }
}
