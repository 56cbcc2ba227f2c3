//! Answers as they are sent: encoded bytes, and slices of files that the kernel sends.

use bytes::Bytes;

use crate::log::file_records::FileRecords;
use crate::memory::Held;

/// One part of an answer.
#[derive(Debug)]
pub(crate) enum Part {
    Bytes(Bytes),
    /// Records, sent from the file if nothing has to be done to them on the way.
    Records(FileRecords),
}

/// A whole answer with its length.
#[derive(Debug)]
pub(crate) struct Answer {
    parts: Vec<Part>,
    /// What its bytes hold of the cluster's share.
    _held: Option<Held>,
}

impl From<Bytes> for Answer {
    fn from(bytes: Bytes) -> Self {
        Self::from(vec![Part::Bytes(bytes)])
    }
}

impl From<Vec<Part>> for Answer {
    fn from(parts: Vec<Part>) -> Self {
        Self { parts, _held: None }
    }
}

impl Answer {
    /// The same, counted as so much until it is sent.
    pub(crate) fn holding(self, held: Option<Held>) -> Self {
        Self {
            _held: held,
            ..self
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Everything in one piece.
    #[cfg(any(test, feature = "trace"))]
    pub(crate) fn joined(&self) -> std::io::Result<Bytes> {
        let mut out = bytes::BytesMut::new();
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => out.extend_from_slice(bytes),
                Part::Records(records) => records.read_into(&mut out)?,
            }
        }
        Ok(out.freeze())
    }
}
