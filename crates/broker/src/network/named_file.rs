//! Files that whoever runs the host names.

use std::io::{self, Read};
use std::path::Path;

/// Longest file that is read because somebody named it: certificates, keys, settings. A hundred times what they have.
pub const NAMED_FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a regular file. A pipe would be waited for, and a device would have no end; both are easily named by mistake,
/// and what waits for them cannot be stopped.
///
/// # Errors
/// If it cannot be read, is something else than a regular file, or is longer than [`NAMED_FILE_BYTES_MAX`].
pub fn named_file_read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits for who writes into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("this is no regular file"));
    }
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(NAMED_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > NAMED_FILE_BYTES_MAX {
        let reason = format!("this is longer than {NAMED_FILE_BYTES_MAX} bytes");
        return Err(io::Error::other(reason));
    }
    Ok(bytes)
}

/// The same of a text.
///
/// # Errors
/// As [`named_file_read`], and if it is not UTF-8.
pub fn named_file_text(path: &Path) -> io::Result<String> {
    let invalid = |error: std::string::FromUtf8Error| {
        io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())
    };
    String::from_utf8(named_file_read(path)?).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_of_a_bounded_length_are_read_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let check = |length: u64, expected: Result<usize, &str>| {
            std::fs::File::create(&path)
                .unwrap()
                .set_len(length)
                .unwrap();
            let read = named_file_read(&path).map_err(|error| error.to_string());
            let told = read.as_ref().map(Vec::len).map_err(String::as_str);
            assert_eq!(told, expected, "{length}");
        };
        check(3, Ok(3));
        check(NAMED_FILE_BYTES_MAX, Ok(1 << 20));
        let long = Err("this is longer than 1048576 bytes");
        check(NAMED_FILE_BYTES_MAX + 1, long);
        // Sparse: as long as a disk, and nothing on it.
        check(1 << 40, long);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        check(5, Ok(5));
        assert_eq!(named_file_read(&link).unwrap().len(), 5);
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for other in [pipe.as_path(), dir.path(), Path::new("/dev/zero")] {
            let told = named_file_read(other).unwrap_err().to_string();
            assert_eq!(told, "this is no regular file", "{}", other.display());
        }
        std::fs::write(&path, [0xff]).unwrap();
        let told = named_file_text(&path).unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::InvalidData);
    }
}
