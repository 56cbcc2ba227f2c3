//! Why a request is not authenticated.

/// Why a request is not authenticated, precise enough for each dialect to choose its vendor's code.
///
/// No variant carries a secret. Texts taken from the request are bounded by the parser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// Nothing in the request looks like a signature of any scheme.
    #[error("the request carries no signature")]
    Unsigned,
    /// A parameter or header that the scheme needs is absent or empty.
    #[error("{name} is missing")]
    Missing {
        /// The vendor's name of it.
        name: &'static str,
    },
    /// A header listed as signed is absent from the request.
    #[error("signed header {name} is missing")]
    SignedHeaderMissing {
        /// The header, in lower case.
        name: String,
    },
    /// One name came with several values, so that it is open which one was signed.
    #[error("{name} was given more than once with different values")]
    Ambiguous {
        /// The parameter or header.
        name: String,
    },
    /// Something does not follow the scheme's syntax.
    #[error("{part} is malformed: {reason}")]
    Malformed {
        /// The vendor's name of it.
        part: &'static str,
        /// What is wrong, in our words.
        reason: &'static str,
    },
    /// A signature method that the vendor has and we do not serve, or nobody has.
    #[error("signature method {algorithm} is not supported")]
    UnsupportedAlgorithm {
        /// As the caller named it, cut to a bounded length.
        algorithm: String,
    },
    /// A header that decides what the request does was left out of the signed headers.
    #[error("header {name} has to be signed")]
    HeaderNotSigned {
        /// The header, in lower case.
        name: &'static str,
    },
    /// The time of signing is not in the scheme's format.
    #[error("the time of signing is not in the scheme's format")]
    TimestampFormat,
    /// The time of signing is outside the scheme's window.
    #[error("signed at {signed_at_s}, outside the window around {now_s}")]
    Expired {
        /// Claimed time of signing, seconds since 1970 UTC.
        signed_at_s: i64,
        /// The server's time, seconds since 1970 UTC.
        now_s: i64,
    },
    /// The date in the credential scope is not the date of signing.
    #[error("the credential's date is not the date of signing")]
    ScopeDate,
    /// A text of the claim is longer than its bound.
    #[error("{name} is longer than {bytes_max} bytes")]
    TooLong {
        /// The vendor's name of it.
        name: &'static str,
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// A list of the claim is longer than its bound.
    #[error("more than {count_max} {name}")]
    TooMany {
        /// What is counted.
        name: &'static str,
        /// The bound.
        count_max: usize,
    },
    /// The body is not the one whose hash was signed.
    #[error("the body does not have the hash that was signed")]
    PayloadHash,
    /// The scheme would leave this body out of the signature.
    #[error("this kind of body would not be covered by the signature")]
    UnsignedBody,
    /// An absolute target names another host than the `Host` header.
    #[error("the request target and the Host header name different hosts")]
    HostConflict,
    /// The signature is another one than ours.
    #[error("the signature does not match")]
    Mismatch {
        /// What the server signed; shown to the caller, so that he can compare.
        string_to_sign: String,
    },
}

impl SignatureFault {
    /// A short name of the kind of fault, for counters and reports. Not a vendor's code.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Missing { .. } => "missing",
            Self::SignedHeaderMissing { .. } => "signed_header_missing",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Malformed { .. } => "malformed",
            Self::UnsupportedAlgorithm { .. } => "unsupported_algorithm",
            Self::HeaderNotSigned { .. } => "header_not_signed",
            Self::TimestampFormat => "timestamp_format",
            Self::Expired { .. } => "expired",
            Self::ScopeDate => "scope_date",
            Self::TooLong { .. } => "too_long",
            Self::TooMany { .. } => "too_many",
            Self::PayloadHash => "payload_hash",
            Self::UnsignedBody => "unsigned_body",
            Self::HostConflict => "host_conflict",
            Self::Mismatch { .. } => "mismatch",
        }
    }
}
