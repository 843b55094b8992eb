//! An operator's Ed25519 key in a token (PKCS #11 3.1, 6.3: CKK_EC_EDWARDS, CKM_EDDSA without parameters).

use super::bench::Bench;
use super::connection::Connection;
use super::error::TokenError;
use super::module::TokenName;
use super::uri::{Class, Uri};
use crate::key_file::Prompt;
use crate::random::NoRandomness;
use cardwright_keys::approval::PublicKey;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use std::sync::Arc;

/// id-Ed25519 as CKA_EC_PARAMS (RFC 8410, 3).
const ED25519: [u8; 5] = [0x06, 0x03, 0x2B, 0x65, 0x70];

/// Why a key in a token does not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The token failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There are no random numbers.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The URI narrows to objects that are no private keys.
    #[error("an operator signs with a private key, and the URI asks for type={}", .0.name())]
    NotPrivate(Class),
    /// No Ed25519 key of that label or id.
    #[error("{token} has no Ed25519 key as `{uri}` names it")]
    NoKey {
        /// The token.
        token: Arc<TokenName>,
        /// As asked for.
        uri: Box<Uri>,
    },
    /// Several.
    #[error("{token} has {count} Ed25519 keys as `{uri}` names them: add id=")]
    Ambiguous {
        /// The token.
        token: Arc<TokenName>,
        /// As asked for.
        uri: Box<Uri>,
        /// How many.
        count: usize,
    },
    /// The private key is there, and no public one with its CKA_ID.
    #[error("{token} does not show the public half of the key: no public key has its CKA_ID")]
    NoPublic {
        /// The token.
        token: Arc<TokenName>,
    },
    /// The public half is no point, or a weak one.
    #[error("{token} shows a public key that is none")]
    BadPublic {
        /// The token.
        token: Arc<TokenName>,
    },
    /// The signature is not by the key whose public half the token shows.
    #[error("{token} signed with another key than the one it shows")]
    BadSignature {
        /// The token.
        token: Arc<TokenName>,
    },
    /// Something has the label already.
    #[error("{token} has a key as `{uri}` names it already")]
    Exists {
        /// The token.
        token: Arc<TokenName>,
        /// As asked for.
        uri: Box<Uri>,
    },
}

/// A key in a token that is logged in to.
pub struct TokenSigner {
    connection: Arc<Connection>,
    private: ObjectHandle,
    public: PublicKey,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("token", &self.connection.name).field("public", &self.public).finish()
    }
}

impl TokenSigner {
    /// Logs in, as [`super::Token::open`] does, and finds the one key that the URI names by `object` or `id`.
    ///
    /// # Errors
    /// [`SignerError`]
    pub fn open(uri: &Uri, prompt: &mut dyn Prompt) -> Result<Self, SignerError> {
        let connection = connected(uri, prompt)?;
        let bench = Bench::new(&connection)?;
        let token = || Arc::clone(&connection.name);
        let found = find(&bench, uri, ObjectClass::PRIVATE_KEY, None)?;
        let private = match found[..] {
            [private] => private,
            [] => return Err(SignerError::NoKey { token: token(), uri: Box::new(uri.clone()) }),
            _ => {
                return Err(SignerError::Ambiguous { token: token(), uri: Box::new(uri.clone()), count: found.len() });
            }
        };
        let id = attribute(&bench, private, AttributeType::Id)?;
        let halves = find(&bench, uri, ObjectClass::PUBLIC_KEY, id.as_deref())?;
        let [half] = halves[..] else { return Err(SignerError::NoPublic { token: token() }) };
        let point = attribute(&bench, half, AttributeType::EcPoint)?.unwrap_or_default();
        let public = point_of(&point).ok_or_else(|| SignerError::BadPublic { token: token() })?;
        drop(bench);
        Ok(Self { connection, private, public })
    }

    /// Makes a key in the token under the label that the URI names. It signs and does nothing else, and does not come out.
    ///
    /// # Errors
    /// [`SignerError`]; nothing is written over.
    pub fn generate(uri: &Uri, prompt: &mut dyn Prompt) -> Result<Self, SignerError> {
        let connection = connected(uri, prompt)?;
        let bench = Bench::new(&connection)?;
        if !find(&bench, uri, ObjectClass::PRIVATE_KEY, None)?.is_empty() {
            return Err(SignerError::Exists { token: Arc::clone(&connection.name), uri: Box::new(uri.clone()) });
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(NoRandomness::from)?;
        let id = uri.id.clone().unwrap_or_else(|| random.to_vec());
        let named = || {
            let label = uri.object.clone().map(|label| Attribute::Label(label.into_bytes()));
            [Attribute::Token(true), Attribute::Id(id.clone())].into_iter().chain(label)
        };
        let public = named().chain([Attribute::Verify(true), Attribute::EcParams(ED25519.to_vec())]);
        let private = named().chain([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
        ]);
        let (public, private): (Vec<_>, Vec<_>) = (public.collect(), private.collect());
        bench.call(|session| session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private))?;
        drop(bench);
        Self::open(&Uri { id: Some(id), ..uri.clone() }, prompt)
    }

    /// What its signatures are checked with.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Signs (RFC 8032, 5.1.6). What the token gave is checked with the public half that it shows.
    ///
    /// # Errors
    /// [`SignerError::Token`], [`SignerError::BadSignature`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        let bench = Bench::new(&self.connection)?;
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = bench.call(|session| session.sign(&mechanism, self.private, message))?;
        let signature = <[u8; 64]>::try_from(signature).ok().filter(|bytes| self.public.signed(message, bytes));
        signature.ok_or_else(|| SignerError::BadSignature { token: Arc::clone(&self.connection.name) })
    }
}

fn connected(uri: &Uri, prompt: &mut dyn Prompt) -> Result<Arc<Connection>, SignerError> {
    if let Some(other) = uri.class.filter(|class| *class != Class::Private) {
        return Err(SignerError::NotPrivate(other));
    }
    Ok(super::connect(uri, false, prompt)?)
}

/// Edwards keys of that class, by the URI's label and id; a public one by the id of its private half, where that has one.
fn find(bench: &Bench, uri: &Uri, class: ObjectClass, id: Option<&[u8]>) -> Result<Vec<ObjectHandle>, TokenError> {
    let mut template = vec![Attribute::Token(true), Attribute::Class(class), Attribute::KeyType(KeyType::EC_EDWARDS)];
    match id.filter(|id| !id.is_empty()) {
        Some(id) => template.push(Attribute::Id(id.to_vec())),
        None => {
            template.extend(uri.object.clone().map(|label| Attribute::Label(label.into_bytes())));
            template.extend(uri.id.clone().map(Attribute::Id));
        }
    }
    bench.still_logged_in()?;
    bench.call(|session| session.find_objects(&template))
}

fn attribute(bench: &Bench, object: ObjectHandle, which: AttributeType) -> Result<Option<Vec<u8>>, TokenError> {
    let attributes = bench.call(|session| session.get_attributes(object, &[which]))?;
    Ok(attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Id(bytes) | Attribute::EcPoint(bytes) => Some(bytes),
        _ => None,
    }))
}

/// CKA_EC_POINT: 32 bytes, as PKCS #11 3.0 has it, or these in an octet string, as 2.40 and most tokens.
fn point_of(bytes: &[u8]) -> Option<PublicKey> {
    let point = bytes.strip_prefix(&[0x04, 0x20]).filter(|rest| rest.len() == 32).unwrap_or(bytes);
    PublicKey::new(point.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::point_of;

    #[test]
    fn a_point_stands_in_an_octet_string_or_not() {
        let mut point = [0; 32];
        point[0] = 3;
        let wrapped = [[0x04, 0x20].as_slice(), &point].concat();
        assert_eq!(point_of(&point).map(|key| key.to_string()), point_of(&wrapped).map(|key| key.to_string()));
        assert!(point_of(&point).is_some());
        for bad in [&wrapped[..33], &wrapped[1..], &point[1..], &[], &[0; 32]] {
            assert!(point_of(bad).is_none(), "{bad:?}");
        }
        // 04 20 may begin a point itself.
        let mut odd = [0; 32];
        (odd[0], odd[1]) = (0x04, 0x20);
        let whole = (0..=255).find_map(|last| {
            odd[31] = last & 0x7F;
            odd[2] = last;
            point_of(&odd)
        });
        assert!(whole.is_some());
    }
}
