//! Encodings and digests that the schemes share.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::SignatureFault;
use crate::message::{WireRequest, text};

/// Most parameters of one request, in query and form body together.
pub const PARAMETERS_MAX: usize = 2_048;

/// A decoded parameter: name and value.
pub type Pair = (String, String);

/// RFC 3986, section 2.3: what stays plain in every vendor's canonical form.
const COMPONENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: AsciiSet = COMPONENT.remove(b'/');

/// What a scheme signs: its canonical request, and the text that enters the HMAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The request in canonical form.
    pub canonical_request: String,
    /// What enters the HMAC.
    pub string_to_sign: String,
}

/// Percent-encodes the UTF-8 bytes of a text, leaving `A-Z a-z 0-9 - _ . ~` plain.
#[must_use]
pub fn encode_component(text: &str) -> String {
    utf8_percent_encode(text, &COMPONENT).to_string()
}

/// Encodes pairs as a query or a form body that every vendor's scheme signs alike.
#[must_use]
pub fn encode_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut encoded = String::new();
    for (name, value) in pairs {
        push_pair(&mut encoded, &encode_component(name), value);
    }
    encoded
}

/// Appends `name=enc(value)`, the name taken as it is.
pub fn push_pair(encoded: &mut String, name: &str, value: &str) {
    if !encoded.is_empty() {
        encoded.push('&');
    }
    encoded.push_str(name);
    encoded.push('=');
    encoded.extend(utf8_percent_encode(value, &COMPONENT));
}

/// Decodes a query or a form body. `+` and `%20` are both a space, as the vendors' clients differ;
/// a piece without `=` is a name with an empty value; an incomplete escape stays as it is.
///
/// # Errors
/// [`SignatureFault::TooMany`] beyond [`PARAMETERS_MAX`], [`SignatureFault::Malformed`] where the
/// decoded bytes are not UTF-8.
pub fn decode_pairs(raw: &str) -> Result<Vec<Pair>, SignatureFault> {
    pieces(raw)?.map(decode_pair).collect()
}

/// As [`decode_pairs`], but leaves out every piece without `=`.
///
/// A client that does not escape `&` inside values may leave the piece behind it out of the text that it signs. Such
/// pieces are then not covered by a signature, and a server must not act on them: where a vendor's clients do so, a
/// query is read with this function only.
///
/// # Errors
/// As [`decode_pairs`].
pub fn decode_pairs_with_equals(raw: &str) -> Result<Vec<Pair>, SignatureFault> {
    pieces(raw)?
        .filter(|piece| piece.contains('='))
        .map(decode_pair)
        .collect()
}

fn pieces(raw: &str) -> Result<impl Iterator<Item = &str>, SignatureFault> {
    let pieces = raw.split('&').filter(|piece| !piece.is_empty());
    if pieces.clone().count() > PARAMETERS_MAX {
        return Err(SignatureFault::TooMany {
            name: "parameters",
            count_max: PARAMETERS_MAX,
        });
    }
    Ok(pieces)
}

fn decode_pair(piece: &str) -> Result<Pair, SignatureFault> {
    let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
    Ok((decode_component(name)?, decode_component(value)?))
}

fn decode_component(raw: &str) -> Result<String, SignatureFault> {
    // Nearly everything that is sent stands for itself.
    if !raw.contains(['+', '%']) {
        return Ok(raw.to_owned());
    }
    let spaced = raw.replace('+', " ");
    decode_utf8(&spaced, "query")
}

fn decode_utf8(raw: &str, part: &'static str) -> Result<String, SignatureFault> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| SignatureFault::Malformed {
            part,
            reason: "not UTF-8 after decoding",
        })
}

/// Decodes a path and joins repeated slashes: the form to route on, and to encode again for a canonical request.
///
/// # Errors
/// [`SignatureFault::Malformed`] where the decoded bytes are not UTF-8.
pub fn decode_path(raw: &str) -> Result<String, SignatureFault> {
    let decoded = decode_utf8(raw, "path")?;
    let mut joined = String::with_capacity(decoded.len());
    for character in decoded.chars() {
        if character != '/' || !joined.ends_with('/') {
            joined.push(character);
        }
    }
    Ok(joined)
}

/// A decoded path, encoded again with `/` left plain.
pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, &PATH).to_string()
}

/// The parameters of query and form body together, sorted by name. A name that came twice with one
/// value counts once, as some clients send it; with two values it is refused.
///
/// # Errors
/// [`SignatureFault`] where they cannot be read, are too many, or contradict each other.
pub fn signed_parameters(
    request: &WireRequest,
) -> Result<BTreeMap<String, String>, SignatureFault> {
    let mut parameters = distinct(decode_pairs(request.raw_query().unwrap_or_default())?)?;
    if request.has_form_body() {
        let body = std::str::from_utf8(request.body()).map_err(|_| SignatureFault::Malformed {
            part: "body",
            reason: "not UTF-8",
        })?;
        for pair in decode_pairs(body)? {
            insert_distinct(&mut parameters, pair)?;
        }
    }
    if parameters.len() > PARAMETERS_MAX {
        return Err(SignatureFault::TooMany {
            name: "parameters",
            count_max: PARAMETERS_MAX,
        });
    }
    Ok(parameters)
}

/// Schemes that sign parameters would leave any other body than a form out of the signature.
///
/// # Errors
/// [`SignatureFault::UnsignedBody`].
pub fn check_body_is_signed(request: &WireRequest) -> Result<(), SignatureFault> {
    if request.body().is_empty() || request.has_form_body() {
        return Ok(());
    }
    Err(SignatureFault::UnsignedBody)
}

/// Pairs sorted by name; see [`signed_parameters`] for repeated names.
///
/// # Errors
/// [`SignatureFault::Ambiguous`].
pub fn distinct(pairs: Vec<Pair>) -> Result<BTreeMap<String, String>, SignatureFault> {
    let mut parameters = BTreeMap::new();
    for pair in pairs {
        insert_distinct(&mut parameters, pair)?;
    }
    Ok(parameters)
}

fn insert_distinct(
    parameters: &mut BTreeMap<String, String>,
    (name, value): Pair,
) -> Result<(), SignatureFault> {
    match parameters.get(&name) {
        Some(known) if *known != value => Err(SignatureFault::Ambiguous {
            name: bounded(&name),
        }),
        Some(_) => Ok(()),
        None => {
            parameters.insert(name, value);
            Ok(())
        }
    }
}

/// Longest text of the request that enters a fault, in bytes.
const QUOTED_BYTES_MAX: usize = 64;

/// The beginning of a text, short enough to be shown in an error.
pub fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(QUOTED_BYTES_MAX)].to_owned()
}

/// The one value of a header; two different values are refused, because it is open which one the
/// vendor's scheme would sign and which one we would act on.
///
/// # Errors
/// [`SignatureFault::Ambiguous`], and [`SignatureFault::Malformed`] where it is not UTF-8.
pub fn single_header<'a>(
    request: &'a WireRequest,
    name: &str,
) -> Result<Option<&'a str>, SignatureFault> {
    let mut values = request.headers().get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.any(|value| value != first) {
        return Err(SignatureFault::Ambiguous {
            name: bounded(name),
        });
    }
    text(first).map(Some).ok_or(SignatureFault::Malformed {
        part: "header",
        reason: "not UTF-8",
    })
}

/// Appends one line `name:value` of a canonical request.
pub fn push_header(canonical: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(canonical, "{name}:{value}");
}

/// The text after `:` of a host, if it is a port.
pub fn split_port(host: &str) -> Option<(&str, &str)> {
    let (name, port) = host.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port.then_some((name, port))
}

/// Lower-case hex of SHA-256.
pub fn sha256_hex(data: &[u8]) -> String {
    // At once: `hex::encode` collects digit by digit, and a call is hashed three times.
    let mut digits = vec![0; 64];
    hex::encode_to_slice(Sha256::digest(data), &mut digits).expect("32 bytes are 64 digits");
    String::from_utf8(digits).expect("digits are ASCII")
}

/// HMAC-SHA256.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA1.
pub fn hmac_sha1(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_may_be_written_in_two_ways_and_is_encoded_in_one() {
        for raw in ["a=b+c", "a=b%20c", "%61=b%20c"] {
            let pairs = decode_pairs(raw).unwrap();
            let encoded = encode_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            assert_eq!(encoded, "a=b%20c", "{raw}");
        }
        assert_eq!(encode_component("*~ é/:"), "%2A~%20%C3%A9%2F%3A");
    }

    #[test]
    fn a_name_given_twice_counts_once_if_the_values_agree() {
        let pairs = |raw| distinct(decode_pairs(raw).unwrap());
        assert_eq!(pairs("a=1&a=1").unwrap().len(), 1);
        assert_eq!(
            pairs("a=1&a=2"),
            Err(SignatureFault::Ambiguous { name: "a".into() })
        );
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert!(decode_pairs("a=%FF").is_err());
        assert!(decode_path("/%FF").is_err());
    }

    #[test]
    fn a_path_is_decoded_once_and_its_slashes_are_joined() {
        assert_eq!(decode_path("/v1//a%3Ab%2Fc/").unwrap(), "/v1/a:b/c/");
        assert_eq!(encode_path("/v1/a:b/c/"), "/v1/a%3Ab/c/");
    }

    #[test]
    fn parameters_are_counted() {
        let raw = "a&".repeat(PARAMETERS_MAX + 1);
        assert!(matches!(
            decode_pairs(&raw),
            Err(SignatureFault::TooMany { .. })
        ));
    }
}
