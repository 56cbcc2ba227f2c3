//! Requests and answers as bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};

use crate::AdminError;

/// Bytes of a frame's length, before the frame.
const LENGTH_BYTES: usize = 4;

fn malformed<R: Request>(reason: impl std::fmt::Display) -> AdminError {
    AdminError::Malformed {
        key: R::KEY,
        reason: reason.to_string(),
    }
}

/// A request as it is sent, with its length.
///
/// # Errors
/// [`AdminError::Malformed`] if this version cannot say it.
pub fn request_frame<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Bytes, AdminError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header
        .encode(&mut frame, R::header_version(version))
        .map_err(malformed::<R>)?;
    request
        .encode(&mut frame, version)
        .map_err(malformed::<R>)?;
    let length = i32::try_from(frame.len() - LENGTH_BYTES).map_err(malformed::<R>)?;
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// Reads what answers a request, without its length.
///
/// # Errors
/// [`AdminError::Malformed`] if it is no such answer, answers another request, or goes on behind its end.
pub fn read_answer<R: Request>(
    mut answer: Bytes,
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, AdminError> {
    let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
        .map_err(malformed::<R>)?;
    if header.correlation_id != correlation_id {
        return Err(malformed::<R>("it answers another request"));
    }
    let decoded = R::Response::decode(&mut answer, version).map_err(malformed::<R>)?;
    match answer.remaining() {
        0 => Ok(decoded),
        bytes => Err(malformed::<R>(format!("{bytes} bytes follow the answer"))),
    }
}
