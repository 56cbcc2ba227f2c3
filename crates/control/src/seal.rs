//! Sealing: access-key secrets are encrypted with a master key, because signatures need the plain secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use brokerage_domain::id::Chance;
use brokerage_store::digest::{DIGEST_KEY_BYTES, DigestKey};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize;

/// Bytes of a master key.
pub const MASTER_KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// Keeps the key that follows from the master key apart from anything else that might.
const DIGEST_KEY_DOMAIN: &[u8] = b"brokerage digest key 1";

/// The key that seals secrets. Kept outside the store, so that a stolen database opens nothing.
pub struct MasterKey(SecretBox<[u8; MASTER_KEY_BYTES]>);

/// A sealed text that does not open: another master key, another row, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open with this master key")]
pub struct SealBroken;

impl MasterKey {
    /// A new key drawn from `chance`.
    pub fn draw(chance: &Chance) -> Self {
        let mut bytes = [0; MASTER_KEY_BYTES];
        chance.fill(&mut bytes);
        let key = Self(SecretBox::new(Box::new(bytes)));
        bytes.zeroize();
        key
    }

    /// The key of the text that [`MasterKey::to_text`] gave.
    ///
    /// # Errors
    /// [`SealBroken`] when the text is no key.
    pub fn from_text(text: &str) -> Result<Self, SealBroken> {
        let mut bytes = hex::decode(text.trim()).map_err(|_| SealBroken)?;
        let array: Result<[u8; MASTER_KEY_BYTES], _> = bytes.as_slice().try_into();
        bytes.zeroize();
        array
            .map(|array| Self(SecretBox::new(Box::new(array))))
            .map_err(|_| SealBroken)
    }

    /// The key as text, for the file that only its owner may read.
    pub fn to_text(&self) -> SecretString {
        SecretString::from(hex::encode(self.0.expose_secret()))
    }

    /// The key of the digests of the database's rows, which follows from this one.
    pub(crate) fn digest_key(&self) -> DigestKey {
        let hasher = Sha256::new_with_prefix(DIGEST_KEY_DOMAIN);
        let mut bytes: [u8; DIGEST_KEY_BYTES] = hasher
            .chain_update(self.0.expose_secret())
            .finalize()
            .into();
        let key = DigestKey::new(&bytes);
        bytes.zeroize();
        key
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }

    /// Seals `secret` for the row `row_id`: it opens for no other.
    ///
    /// # Errors
    /// [`SealBroken`] only for secrets beyond the cipher's bound of 256 GiB.
    pub fn seal(
        &self,
        row_id: &str,
        secret: &SecretString,
        chance: &Chance,
    ) -> Result<String, SealBroken> {
        let mut nonce = [0; NONCE_BYTES];
        chance.fill(&mut nonce);
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: row_id.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| SealBroken)?;
        Ok(STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what [`MasterKey::seal`] sealed for the same row.
    ///
    /// # Errors
    /// [`SealBroken`].
    pub fn open(&self, row_id: &str, sealed: &str) -> Result<SecretString, SealBroken> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| SealBroken)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(SealBroken)?;
        let payload = Payload {
            msg: sealed,
            aad: row_id.as_bytes(),
        };
        let plain = self
            .cipher()
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealBroken)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| SealBroken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_row_and_key_only() {
        let chance = Chance::seeded(1);
        let (key, other) = (MasterKey::draw(&chance), MasterKey::draw(&chance));
        let sealed = key
            .seal("row", &SecretString::from("secret"), &chance)
            .unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(key.open("row", &sealed).unwrap().expose_secret(), "secret");
        assert!(key.open("another", &sealed).is_err());
        assert!(other.open("row", &sealed).is_err());
        let copy = MasterKey::from_text(key.to_text().expose_secret()).unwrap();
        assert_eq!(copy.open("row", &sealed).unwrap().expose_secret(), "secret");
    }
}
