//! P-256: points, key pairs, ECDSA with SHA-256.

use cardwright_proto::custody::Point;
use cardwright_proto::custody::certificate::Certificate;
use cardwright_proto::custody::signature::Signature;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::elliptic_curve::sec1::ToSec1Point;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that are no point of P-256 in the form 04, X, Y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no point of P-256")]
pub struct NotAPoint;

/// A signature that is not good, whatever is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not good")]
pub struct BadSignature;

/// Bytes that are no private key: 0, or the order and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no private key of P-256")]
pub struct NotAPrivateKey;

/// A point that is known to be on the curve, and not at infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(p256::PublicKey);

impl PublicKey {
    /// Checks a point.
    ///
    /// # Errors
    /// [`NotAPoint`] for another form than 04, X, Y, a coordinate of the field's prime or above, and a point that is not
    /// on the curve.
    pub fn new(point: &Point) -> Result<Self, NotAPoint> {
        p256::PublicKey::from_sec1_bytes(point).map(Self).map_err(|_| NotAPoint)
    }

    /// 04, X, Y.
    #[must_use]
    pub fn point(&self) -> Point {
        let mut point = [0; 65];
        point.copy_from_slice(self.0.to_sec1_point(false).as_bytes());
        point
    }

    /// Whether a signature over a message is good: its form, the numbers' range, and that it verifies. s may be above half
    /// the order.
    ///
    /// # Errors
    /// [`BadSignature`]
    pub fn verify(&self, message: &[u8], der: &[u8]) -> Result<(), BadSignature> {
        let signature = Signature::parse(der).map_err(|_| BadSignature)?;
        let signature =
            p256::ecdsa::Signature::from_scalars(*signature.r(), *signature.s()).map_err(|_| BadSignature)?;
        p256::ecdsa::VerifyingKey::from(&self.0).verify(message, &signature).map_err(|_| BadSignature)
    }
}

/// The same under 65 bytes that nobody has checked: under a key that is no point, no signature is good.
///
/// # Errors
/// [`BadSignature`]
pub fn verify(key: &Point, message: &[u8], der: &[u8]) -> Result<(), BadSignature> {
    PublicKey::new(key).map_err(|_| BadSignature)?.verify(message, der)
}

/// Whether a certificate is signed by the CA with this point.
///
/// # Errors
/// [`BadSignature`]
pub fn verify_certificate(ca: &Point, certificate: &Certificate) -> Result<(), BadSignature> {
    verify(ca, &certificate.body.encode(), &certificate.signature.to_der())
}

/// A key pair: an identity's, a CA's, or one that serves once. The private key is wiped when dropped, and never shown.
pub struct KeyPair {
    /// At one place on the heap, so that moving the value leaves no copy behind.
    private: Box<p256::SecretKey>,
    public: PublicKey,
}

impl KeyPair {
    /// Makes one by trying: the first 32 bytes from `fill` that are a private key are it, which the first ones are but once
    /// in 2^32 times (FIPS 186-5, A.2.2).
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn generate<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut candidate = Zeroizing::new([0; 32]);
        loop {
            fill(&mut *candidate)?;
            if let Ok(pair) = Self::new(&candidate) {
                return Ok(pair);
            }
        }
    }

    /// From the private key, big-endian.
    ///
    /// # Errors
    /// [`NotAPrivateKey`]
    pub fn new(private: &[u8; 32]) -> Result<Self, NotAPrivateKey> {
        let private = Box::new(p256::SecretKey::from_slice(private).map_err(|_| NotAPrivateKey)?);
        let public = PublicKey(private.public_key());
        Ok(Self { private, public })
    }

    /// The private key, big-endian. Every use of this is a place where it can leak.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.private.to_bytes().into())
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its point.
    #[must_use]
    pub fn point(&self) -> Point {
        self.public.point()
    }

    /// Signs a message, with the nonce that RFC 6979 makes of it.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let signed: p256::ecdsa::Signature = SigningKey::from(&*self.private).sign(message);
        let (r, s) = signed.split_bytes();
        Signature::new(r.into(), s.into())
    }

    /// ECDH: Z, the X coordinate of the common point.
    #[must_use]
    pub fn agree(&self, with: &PublicKey) -> Zeroizing<[u8; 32]> {
        let common = self.private.diffie_hellman(&with.0);
        Zeroizing::new((*common.raw_secret_bytes()).into())
    }
}

impl PartialEq for KeyPair {
    fn eq(&self, other: &Self) -> bool {
        self.private.ct_eq(&other.private).into()
    }
}

impl Eq for KeyPair {}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(..)")
    }
}

#[cfg(test)]
mod tests;
