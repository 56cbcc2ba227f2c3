//! A request and an answer as they are on the wire.
//!
//! Signatures are computed over what the client really sent, so a [`WireRequest`] keeps the request
//! target as text and never normalises it. Both forms of target that a vendor's client sends are
//! understood: `/path?query`, and the absolute form `http://host/path?query` of a client that was
//! set to use a proxy (RFC 9112, section 3.2).
//!
//! ```
//! use brokerage_wire::WireRequest;
//!
//! let request = http::Request::get("http://kafka.example.test/?Limit=1").body(bytes::Bytes::new())?;
//! let request = WireRequest::from_http(request)?;
//! assert_eq!(request.path(), "/");
//! assert_eq!(request.raw_query(), Some("Limit=1"));
//! assert_eq!(request.authority(), Some("kafka.example.test"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// Longest request target, in bytes. It is the limit of the `http` crate's own URI type.
pub const TARGET_BYTES_MAX: usize = 65_534;

/// An answer, ready for the listener.
pub type WireResponse = http::Response<Bytes>;

/// Why a request target cannot be served at all. No dialect is known at this point, so the listener
/// answers 400 by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// Neither `/path` nor `http://host/path`.
    #[error("the request target is neither a path nor an absolute http address")]
    TargetForm,
    /// A fragment never belongs on the wire; what follows it would escape the signature.
    #[error("the request target has a fragment")]
    TargetFragment,
    /// More than [`TARGET_BYTES_MAX`] bytes.
    #[error("the request target is longer than {TARGET_BYTES_MAX} bytes")]
    TargetTooLong,
}

/// One request, its target kept as it stood on the request line.
///
/// `Debug` shows neither header values nor the query: both may carry session tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct WireRequest {
    method: Method,
    target: String,
    parts: TargetParts,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TargetParts {
    authority: Option<Range<usize>>,
    path: Range<usize>,
    query: Option<Range<usize>>,
}

impl WireRequest {
    /// Takes a request apart.
    ///
    /// # Errors
    /// [`WireFault`] if the target is not one that a server of APIs answers.
    pub fn new(
        method: Method,
        target: impl Into<String>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, WireFault> {
        let target = target.into();
        let parts = split_target(&target)?;
        Ok(Self {
            method,
            target,
            parts,
            headers,
            body,
        })
    }

    /// Takes a request as a listener has read it.
    ///
    /// # Errors
    /// [`WireFault`] if the target is not one that a server of APIs answers.
    pub fn from_http(request: http::Request<Bytes>) -> Result<Self, WireFault> {
        let (head, body) = request.into_parts();
        Self::new(head.method, head.uri.to_string(), head.headers, body)
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The target as on the request line.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path as sent, still percent-encoded; `/` for an absolute target without one.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.target[self.parts.path.clone()] {
            "" => "/",
            path => path,
        }
    }

    /// The text after the first `?`, as sent; `None` without a `?`.
    #[must_use]
    pub fn raw_query(&self) -> Option<&str> {
        self.parts
            .query
            .as_ref()
            .map(|range| &self.target[range.clone()])
    }

    /// Host and port of an absolute target.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.parts
            .authority
            .as_ref()
            .map(|range| &self.target[range.clone()])
    }

    /// The host as the client named it: the `Host` header's text, kept even where it is no valid
    /// host (one vendor's tool sends a scheme there), else the authority of an absolute target.
    #[must_use]
    pub fn host_raw(&self) -> Option<&str> {
        self.header("host").or_else(|| self.authority())
    }

    /// The first value of a header, trimmed; `None` if it is absent or not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(text)
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as sent.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether the body is declared as `application/x-www-form-urlencoded`, with or without
    /// parameters such as a charset.
    #[must_use]
    pub fn has_form_body(&self) -> bool {
        self.media_type_is("application/x-www-form-urlencoded")
    }

    /// Whether the body is declared as `application/json`, with or without parameters.
    #[must_use]
    pub fn has_json_body(&self) -> bool {
        self.media_type_is("application/json")
    }

    fn media_type_is(&self, expected: &str) -> bool {
        self.header("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
    }

    /// The same request with another target.
    ///
    /// # Errors
    /// [`WireFault`] as for [`WireRequest::new`].
    pub fn with_target(self, target: impl Into<String>) -> Result<Self, WireFault> {
        Self::new(self.method, target, self.headers, self.body)
    }

    /// The same request with another body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same request with a header set, in place of every earlier value of that name.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Gives the request to an HTTP client.
    ///
    /// # Errors
    /// `http::Error` if the target is no URI.
    pub fn into_http(self) -> Result<http::Request<Bytes>, http::Error> {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(self.target)
            .body(self.body)?;
        *request.headers_mut() = self.headers;
        Ok(request)
    }
}

impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A header value as trimmed text.
#[must_use]
pub fn text(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes())
        .ok()
        .map(|text| text.trim_matches([' ', '\t']))
}

fn split_target(target: &str) -> Result<TargetParts, WireFault> {
    if target.len() > TARGET_BYTES_MAX {
        return Err(WireFault::TargetTooLong);
    }
    if target.contains('#') {
        return Err(WireFault::TargetFragment);
    }
    let (authority, path_start) = if target.starts_with('/') {
        (None, 0)
    } else {
        let start = absolute_prefix(target).ok_or(WireFault::TargetForm)?;
        let end = target[start..]
            .find(['/', '?'])
            .map_or(target.len(), |offset| start + offset);
        if start == end {
            return Err(WireFault::TargetForm);
        }
        (Some(start..end), end)
    };
    let (path, query) = match target[path_start..].find('?') {
        Some(offset) => (
            path_start..path_start + offset,
            Some(path_start + offset + 1..target.len()),
        ),
        None => (path_start..target.len(), None),
    };
    Ok(TargetParts {
        authority,
        path,
        query,
    })
}

/// Where the authority of an absolute target begins.
fn absolute_prefix(target: &str) -> Option<usize> {
    ["http://", "https://"].into_iter().find_map(|prefix| {
        let head = target.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(prefix.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Result<WireRequest, WireFault> {
        WireRequest::new(Method::GET, target, HeaderMap::new(), Bytes::new())
    }

    #[test]
    fn both_forms_of_target_are_split_alike() {
        for (target, path, query, authority) in [
            ("/", "/", None, None),
            ("/?", "/", Some(""), None),
            ("/v1/a%3Ab?x=1?y", "/v1/a%3Ab", Some("x=1?y"), None),
            ("http://h:1/p?q", "/p", Some("q"), Some("h:1")),
            ("HTTPS://h", "/", None, Some("h")),
            ("http://h?q=1", "/", Some("q=1"), Some("h")),
            ("//h/p", "//h/p", None, None),
        ] {
            let request = request(target).unwrap();
            assert_eq!(request.path(), path, "{target}");
            assert_eq!(request.raw_query(), query, "{target}");
            assert_eq!(request.authority(), authority, "{target}");
        }
    }

    #[test]
    fn a_target_that_is_no_address_of_an_api_is_refused() {
        for (target, fault) in [
            ("", WireFault::TargetForm),
            ("*", WireFault::TargetForm),
            ("host:80", WireFault::TargetForm),
            ("httq://h/", WireFault::TargetForm),
            ("http:///p", WireFault::TargetForm),
            ("/p#f", WireFault::TargetFragment),
        ] {
            assert_eq!(request(target), Err(fault), "{target}");
        }
        assert_eq!(
            request(&format!("/{}", "a".repeat(TARGET_BYTES_MAX))),
            Err(WireFault::TargetTooLong)
        );
    }

    #[test]
    fn a_debug_print_shows_no_header_and_no_query() {
        let request = request("/?SecurityToken=hidden").unwrap().with_header(
            http::header::AUTHORIZATION,
            HeaderValue::from_static("hidden"),
        );
        assert!(!format!("{request:?}").contains("hidden"));
    }
}
