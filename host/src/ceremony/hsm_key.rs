//! An HSM's public key from a file: SubjectPublicKeyInfo (RFC 5280), in PEM or in DER.

use super::HsmKey;
use cardwright_keys::custody::import::{ImportKey, ImportKeyError};
use cardwright_proto::custody::certificate::KeyAlgorithm;
use pkcs8::der::asn1::UintRef;
use pkcs8::der::{Decode, Reader, SliceReader, pem};
use pkcs8::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use std::path::Path;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// 65537, the one exponent that cards use.
const EXPONENT: &[u8] = &[1, 0, 1];

/// The most bytes of such a file.
const MAX_LEN: usize = 8192;

/// Why a file has no key for a release.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HsmKeyError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(std::io::Error),
    /// It is no public key in PEM or DER.
    #[error("it is no public key (SubjectPublicKeyInfo, PEM or DER)")]
    Form,
    /// Neither RSA nor P-256.
    #[error("its key is neither RSA nor P-256")]
    Algorithm,
    /// An RSA key of another length.
    #[error("its RSA key has {0} bits: 2048, 3072 and 4096 there are")]
    Bits(usize),
    /// An RSA key with another exponent.
    #[error("its RSA key has another exponent than 65537")]
    Exponent,
    /// The key is none.
    #[error(transparent)]
    Key(#[from] ImportKeyError),
}

/// Reads a key.
///
/// # Errors
/// [`HsmKeyError`]
pub fn load(path: &Path) -> Result<HsmKey, HsmKeyError> {
    let bytes = std::fs::read(path).map_err(HsmKeyError::Io)?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<HsmKey, HsmKeyError> {
    if bytes.len() > MAX_LEN {
        return Err(HsmKeyError::Form);
    }
    let decoded;
    let der = if bytes.starts_with(b"-----BEGIN") {
        let (label, der) = pem::decode_vec(bytes).map_err(|_| HsmKeyError::Form)?;
        if label != "PUBLIC KEY" {
            return Err(HsmKeyError::Form);
        }
        decoded = der;
        decoded.as_slice()
    } else {
        bytes
    };
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| HsmKeyError::Form)?;
    let key = info.subject_public_key.as_bytes().ok_or(HsmKeyError::Form)?;
    let (algorithm, key) = match info.algorithm.oid {
        RSA => modulus(key)?,
        EC if info.algorithm.parameters_oid() == Ok(P256) => (KeyAlgorithm::P256, key.to_vec()),
        _ => return Err(HsmKeyError::Algorithm),
    };
    Ok(HsmKey::new(&ImportKey::new(algorithm, &key)?, key))
}

/// The modulus of an RSAPublicKey (RFC 8017 A.1.1).
fn modulus(key: &[u8]) -> Result<(KeyAlgorithm, Vec<u8>), HsmKeyError> {
    let mut reader = SliceReader::new(key).map_err(|_| HsmKeyError::Form)?;
    let numbers = reader.sequence(|numbers| {
        let (modulus, exponent) = (UintRef::decode(numbers)?, UintRef::decode(numbers)?);
        Ok::<_, pkcs8::der::Error>((modulus.as_bytes(), exponent.as_bytes()))
    });
    let (modulus, exponent) = numbers.map_err(|_| HsmKeyError::Form)?;
    if exponent != EXPONENT {
        return Err(HsmKeyError::Exponent);
    }
    let algorithm = match modulus.len() {
        256 => KeyAlgorithm::Rsa2048,
        384 => KeyAlgorithm::Rsa3072,
        512 => KeyAlgorithm::Rsa4096,
        len => return Err(HsmKeyError::Bits(len * 8)),
    };
    Ok((algorithm, modulus.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwright_keys::custody::signing::KeyPair;
    use pkcs8::LineEnding;

    /// SubjectPublicKeyInfo of a P-256 key, but for the point.
    const P256_INFO: &str = "3059301306072A8648CE3D020106082A8648CE3D030107034200";

    fn p256() -> (Vec<u8>, [u8; 65]) {
        let point = KeyPair::new(&[7; 32]).unwrap().point();
        ([hex::decode(P256_INFO).unwrap(), point.to_vec()].concat(), point)
    }

    /// SubjectPublicKeyInfo of an RSA key of 2048 bits, with this exponent in three bytes.
    fn rsa(exponent: [u8; 3]) -> Vec<u8> {
        let start = hex::decode("30820122300D06092A864886F70D01010105000382010F003082010A0282010100").unwrap();
        [start, vec![0xC1; 256], vec![2, 3], exponent.to_vec()].concat()
    }

    #[test]
    fn keys_in_both_forms() {
        let (der, point) = p256();
        assert_eq!(parse(&der).unwrap().bytes, point);
        let pem = pem::encode_string("PUBLIC KEY", LineEnding::LF, &der).unwrap();
        assert_eq!(parse(pem.as_bytes()).unwrap(), parse(&der).unwrap());
        let key = parse(&rsa([1, 0, 1])).unwrap();
        assert_eq!(key.bytes, [0xC1; 256]);
        assert_eq!(key.identity, super::super::fingerprint(&key.certified)[..8]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(matches!(parse(&rsa([1, 0, 3])), Err(HsmKeyError::Exponent)));
        let mut even = rsa([1, 0, 1]);
        even[288] = 0xC0;
        assert!(matches!(parse(&even), Err(HsmKeyError::Key(ImportKeyError::Modulus))));
        let (mut off, _) = p256();
        off[90] ^= 1;
        assert!(matches!(parse(&off), Err(HsmKeyError::Key(ImportKeyError::Point))));
        let other = hex::decode("302A300506032B6570032100").unwrap();
        assert!(matches!(parse(&[other, vec![9; 32]].concat()), Err(HsmKeyError::Algorithm)));
        for nothing in [&b""[..], b"-----BEGIN", &rsa([1, 0, 1])[..200], &[0; 9000]] {
            assert!(matches!(parse(nothing), Err(HsmKeyError::Form)));
        }
        let pem = pem::encode_string("PRIVATE KEY", LineEnding::LF, &p256().0).unwrap();
        assert!(matches!(parse(pem.as_bytes()), Err(HsmKeyError::Form)));
    }
}
