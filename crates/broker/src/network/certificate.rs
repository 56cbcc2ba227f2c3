//! The host's own certificate authority, and the certificates that it makes for listeners.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::error::HostError;
use crate::log::disk::Disk;

/// The authority's certificate, for clients to trust.
pub(crate) const CA_FILE: &str = "ca.pem";
/// The authority's key. As all files of the broker it is for its owner's eyes only.
const CA_KEY_FILE: &str = "ca.key";
/// The certificate is for everybody.
const CA_MODE: u32 = 0o644;
const DAY_MS: i64 = 86_400_000;
/// Clients have to install it anew when it changes, so it is valid for long.
const CA_LIFETIME_MS: i64 = 3_650 * DAY_MS;
/// Of a listener's certificate.
pub(crate) const LIFETIME_MS: i64 = 90 * DAY_MS;
/// What is left of the lifetime when a new certificate is made.
pub(crate) const RENEWAL_MS: i64 = 30 * DAY_MS;
/// Certificates are valid from before they were made, for clients whose clocks are behind.
pub(crate) const CLOCK_SKEW_MS: i64 = DAY_MS;

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate chain and its key.
pub(crate) struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate could not be made")]
pub(crate) struct CertificateError(#[from] rcgen::Error);

fn date(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn named(name: String) -> DistinguishedName {
    let mut out = DistinguishedName::new();
    out.push(DnType::CommonName, name);
    out
}

/// What the authority's own certificate says. All but its dates follows from the key.
fn ca_params(key: &KeyPair, now_ms: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let id: String = params
        .key_identifier(key)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    params.distinguished_name = named(format!("Kafka brokers {id}"));
    params.not_before = date(now_ms - CLOCK_SKEW_MS);
    params.not_after = date(now_ms + CA_LIFETIME_MS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Makes a file that survives a loss of power.
fn write(disk: &Disk, path: &Path, text: &str) -> io::Result<()> {
    disk.replace_file(path, text.as_bytes())?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

fn read(path: &Path) -> Result<Option<String>, HostError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HostError::Storage {
            path: path.to_owned(),
            source,
        }),
    }
}

impl Authority {
    /// Reads the authority's files, or makes them when the host starts for the first time.
    pub(crate) fn open(disk: &Disk, dir: &Path, now_ms: i64) -> Result<Self, HostError> {
        let (path, key_path) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
        let invalid = |path: &PathBuf, reason: String| HostError::Certificate {
            path: path.clone(),
            reason,
        };
        let storage = |path: &PathBuf, source| HostError::Storage {
            path: path.clone(),
            source,
        };
        let certificate = read(&path)?;
        let key = match read(&key_path)? {
            Some(text) => {
                KeyPair::from_pem(&text).map_err(|error| invalid(&key_path, error.to_string()))?
            }
            None if certificate.is_some() => {
                let reason = format!("missing, but {CA_FILE} is there and clients may trust it");
                return Err(invalid(&key_path, reason));
            }
            None => {
                let key =
                    KeyPair::generate().map_err(|error| invalid(&key_path, error.to_string()))?;
                write(disk, &key_path, &key.serialize_pem())
                    .map_err(|source| storage(&key_path, source))?;
                key
            }
        };
        let params = ca_params(&key, now_ms);
        match certificate {
            Some(text) => {
                let der = CertificateDer::from_pem_slice(text.as_bytes())
                    .map_err(|error| invalid(&path, error.to_string()))?;
                check_pair(der, &key).map_err(|error| invalid(&path, error.to_string()))?;
            }
            // A key without a certificate: the host ended between the two, or never had one.
            None => {
                let made = params
                    .self_signed(&key)
                    .map_err(|error| invalid(&path, error.to_string()))?;
                let permissions = Permissions::from_mode(CA_MODE);
                write(disk, &path, &made.pem())
                    .and_then(|()| std::fs::set_permissions(&path, permissions))
                    .map_err(|source| storage(&path, source))?;
            }
        }
        Ok(Self {
            issuer: Issuer::new(params, key),
        })
    }

    /// A certificate for these host names and addresses, from now on.
    pub(crate) fn issue(
        &self,
        names: &[String],
        now_ms: i64,
    ) -> Result<Identity, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named("Kafka broker".to_owned());
        params.not_before = date(now_ms - CLOCK_SKEW_MS);
        params.not_after = date(now_ms + LIFETIME_MS);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }
}

/// Whether the key belongs to the certificate.
fn check_pair(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<(), rustls::Error> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(vec![certificate], key, &provider).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    #[test]
    fn an_authority_is_made_once_and_its_key_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let (path, key_path) = (dir.path().join(CA_FILE), dir.path().join(CA_KEY_FILE));
        Authority::open(&Disk::default(), dir.path(), NOW_MS).unwrap();
        let made = std::fs::read(&path).unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&key_path)), (0o644, 0o600));
        Authority::open(&Disk::default(), dir.path(), NOW_MS + DAY_MS).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), made);
        // What a crash after the key leaves behind is completed.
        std::fs::remove_file(&path).unwrap();
        Authority::open(&Disk::default(), dir.path(), NOW_MS).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn an_authority_without_its_key_or_with_another_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let key_path = dir.path().join(CA_KEY_FILE);
        Authority::open(&Disk::default(), dir.path(), NOW_MS).unwrap();
        Authority::open(&Disk::default(), other.path(), NOW_MS).unwrap();
        let refused = |what: &str| {
            let opened = Authority::open(&Disk::default(), dir.path(), NOW_MS);
            assert!(
                matches!(opened, Err(HostError::Certificate { .. })),
                "{what}"
            );
        };
        std::fs::copy(other.path().join(CA_KEY_FILE), &key_path).unwrap();
        refused("another key");
        std::fs::write(&key_path, "nonsense").unwrap();
        refused("no key");
        std::fs::remove_file(&key_path).unwrap();
        refused("missing key");
    }
}
