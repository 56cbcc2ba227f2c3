//! The `Authorization` header that four schemes share in shape:
//! `ALGORITHM Credential=…, SignedHeaders=a;b, Signature=…`.

use super::SignatureFault;
use super::canonical::bounded;

/// Longest `Authorization` header, in bytes.
const AUTHORIZATION_BYTES_MAX: usize = 8_192;
/// Most headers in one `SignedHeaders` list.
pub const SIGNED_HEADERS_MAX: usize = 64;

/// The parts of the header, none of them believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The first word.
    pub algorithm: &'a str,
    /// The credential: access key id and scope.
    pub credential: &'a str,
    /// Names of signed headers, in lower case.
    pub signed_headers: Vec<String>,
    /// The signature as it was sent.
    pub signature: &'a str,
}

const fn malformed(reason: &'static str) -> SignatureFault {
    SignatureFault::Malformed {
        part: "Authorization",
        reason,
    }
}

/// The first word of the header.
pub fn algorithm(header: &str) -> &str {
    header.split(' ').next().unwrap_or_default()
}

impl<'a> Authorization<'a> {
    /// Reads the header. The three fields may stand in any order, each exactly once, with or without
    /// a space behind the comma.
    ///
    /// # Errors
    /// [`SignatureFault`] where it can be read in two ways, or in none.
    pub fn parse(header: &'a str) -> Result<Self, SignatureFault> {
        if header.len() > AUTHORIZATION_BYTES_MAX {
            return Err(SignatureFault::TooLong {
                name: "Authorization",
                bytes_max: AUTHORIZATION_BYTES_MAX,
            });
        }
        let (algorithm, fields) = header
            .split_once(' ')
            .ok_or(malformed("no field behind the signature method"))?;
        let [mut credential, mut signed_headers, mut signature] = [None; 3];
        for field in fields.split(',') {
            let (name, value) = field
                .trim_matches(' ')
                .split_once('=')
                .ok_or(malformed("a field without '='"))?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(malformed("an unknown field")),
            };
            if slot.replace(value).is_some() {
                return Err(malformed("a field given twice"));
            }
        }
        Ok(Self {
            algorithm,
            credential: credential.ok_or(malformed("no Credential"))?,
            signed_headers: parse_signed_headers(
                signed_headers.ok_or(malformed("no SignedHeaders"))?,
            )?,
            signature: signature.ok_or(malformed("no Signature"))?,
        })
    }

    /// Refuses unless the list names the header.
    ///
    /// # Errors
    /// [`SignatureFault::HeaderNotSigned`].
    pub fn require_signed(&self, name: &'static str) -> Result<(), SignatureFault> {
        if self.signed_headers.iter().any(|signed| signed == name) {
            Ok(())
        } else {
            Err(SignatureFault::HeaderNotSigned { name })
        }
    }

    /// The credential's parts between slashes, split from the right, since access key ids are free
    /// text: `[access key id, part, …]`.
    ///
    /// # Errors
    /// [`SignatureFault::Malformed`] where there are fewer.
    pub fn credential_parts<const N: usize>(&self) -> Result<[&'a str; N], SignatureFault> {
        let mut parts = [""; N];
        let mut split = self.credential.rsplitn(N, '/');
        for slot in parts.iter_mut().rev() {
            *slot = split
                .next()
                .filter(|part| !part.is_empty())
                .ok_or(malformed("a credential without its scope"))?;
        }
        Ok(parts)
    }
}

fn parse_signed_headers(list: &str) -> Result<Vec<String>, SignatureFault> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(';') {
        if names.len() == SIGNED_HEADERS_MAX {
            return Err(SignatureFault::TooMany {
                name: "signed headers",
                count_max: SIGNED_HEADERS_MAX,
            });
        }
        let is_lower_case = !name.is_empty()
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
            });
        if !is_lower_case {
            return Err(malformed("a signed header that is no lower-case name"));
        }
        if names.iter().any(|known| known == name) {
            return Err(malformed("a signed header listed twice"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The fault for a signature method that is not served.
pub fn unsupported(algorithm: &str) -> SignatureFault {
    SignatureFault::UnsupportedAlgorithm {
        algorithm: bounded(algorithm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_fields_are_read_in_any_order() {
        for header in [
            "X Credential=a/b, SignedHeaders=h;i-j, Signature=00",
            "X Signature=00,SignedHeaders=h;i-j,Credential=a/b",
        ] {
            let parsed = Authorization::parse(header).unwrap();
            assert_eq!(parsed.algorithm, "X");
            assert_eq!(parsed.signed_headers, ["h", "i-j"]);
            assert_eq!(parsed.signature, "00");
            assert_eq!(parsed.credential_parts::<2>().unwrap(), ["a", "b"]);
        }
    }

    #[test]
    fn a_header_that_could_be_read_in_two_ways_is_refused() {
        for header in [
            "X",
            "X Credential=a",
            "X Credential=a,Credential=b,SignedHeaders=h,Signature=0",
            "X Credential=a,SignedHeaders=h;h,Signature=0",
            "X Credential=a,SignedHeaders=H,Signature=0",
            "X Credential=a,SignedHeaders=,Signature=0",
            "X Credential=a,SignedHeaders=h,Signature=0,Extra=1",
        ] {
            assert!(Authorization::parse(header).is_err(), "{header}");
        }
    }

    #[test]
    fn an_access_key_id_may_contain_slashes_and_dashes() {
        let parsed =
            Authorization::parse("X Credential=a/-b/d/s/t,SignedHeaders=h,Signature=0").unwrap();
        assert_eq!(
            parsed.credential_parts::<4>().unwrap(),
            ["a/-b", "d", "s", "t"]
        );
        assert!(parsed.credential_parts::<6>().is_err());
    }
}
