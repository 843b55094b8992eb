//! Who may ask and approve. This file is what everything else is checked against, so it is not kept where requests are.

use crate::keyref::Name;
use crate::lifecycle::Role;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// An Ed25519 public key (RFC 8032), as text: `ed25519:` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Text or bytes that are no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key is `ed25519:` and 64 hex digits, of a point that no weak key has")]
pub struct PublicKeyError;

impl PublicKey {
    /// From the 32 bytes of RFC 8032, 5.1.2.
    ///
    /// # Errors
    /// [`PublicKeyError`] where they are no point, one of small order, or not the one encoding of it (5.1.3).
    pub fn new(bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError)?;
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        if key.is_weak() || !canonical { Err(PublicKeyError) } else { Ok(Self(*bytes)) }
    }

    /// Whether it signed this, in the one form that is accepted everywhere.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let mut bytes = [0; 32];
        let digits = text.strip_prefix("ed25519:").ok_or(PublicKeyError)?;
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| PublicKeyError)?;
        Self::new(&bytes)
    }
}

/// One who may ask and approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The person: whoever has two names counts once.
    pub person: Name,
    /// What this person is trusted with.
    pub roles: Vec<Role>,
    /// The key that signatures are checked with.
    pub key: PublicKey,
    /// From then on nothing that it signs counts. Seconds since 1970-01-01 UTC.
    pub retired: Option<u64>,
}

/// All operators, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Operators(BTreeMap<Name, Operator>);

/// An operator that cannot be added, found or retired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The name stands for somebody else already, or did.
    #[error("there is an operator {0} already; a name is never given twice")]
    Exists(String),
    /// Two names would sign with one key.
    #[error("operators {0} and {1} have the same key")]
    SameKey(String, String),
    /// Nobody has that name.
    #[error("there is no operator {0}")]
    Unknown(String),
    /// The operator is retired already.
    #[error("operator {0} is retired already")]
    Retired(String),
    /// A name, a role or a key is not written as it has to be.
    #[error("operator {name}: {reason}")]
    Field {
        /// As it stands in the file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Operators {
    /// The operator of that name.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Operator> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Operator)> {
        self.0.iter()
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`OperatorError::Exists`], [`OperatorError::SameKey`].
    pub fn add(&mut self, name: Name, operator: Operator) -> Result<(), OperatorError> {
        if self.0.contains_key(&name) {
            return Err(OperatorError::Exists(name.to_string()));
        }
        if let Some((other, _)) = self.0.iter().find(|(_, other)| other.key == operator.key) {
            return Err(OperatorError::SameKey(other.to_string(), name.to_string()));
        }
        self.0.insert(name, operator);
        Ok(())
    }

    /// Retires one: it stays in the list, because what it signed before stays signed.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`], [`OperatorError::Retired`].
    pub fn retire(&mut self, name: &Name, at: u64) -> Result<(), OperatorError> {
        let operator = self.0.get_mut(name).ok_or_else(|| OperatorError::Unknown(name.to_string()))?;
        if operator.retired.is_some() {
            return Err(OperatorError::Retired(name.to_string()));
        }
        operator.retired = Some(at);
        Ok(())
    }

    /// The persons who are not retired and have one of the roles.
    #[must_use]
    pub fn persons(&self, roles: &[Role]) -> BTreeSet<&Name> {
        let has = |operator: &&Operator| operator.retired.is_none() && operator.roles.iter().any(|r| roles.contains(r));
        self.0.values().filter(has).map(|one| &one.person).collect()
    }
}

/// The file: `[NAME]` with `person`, `roles`, `key`, `retired`.
#[derive(Serialize, Deserialize)]
struct Written(BTreeMap<String, Entry>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    person: String,
    roles: Vec<String>,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<u64>,
}

impl TryFrom<Written> for Operators {
    type Error = OperatorError;

    fn try_from(written: Written) -> Result<Self, OperatorError> {
        let mut operators = Self::default();
        for (name, entry) in written.0 {
            let field =
                |reason: &dyn fmt::Display| OperatorError::Field { name: name.clone(), reason: reason.to_string() };
            if entry.roles.is_empty() {
                return Err(field(&"no role"));
            }
            let roles =
                entry.roles.iter().map(|role| role.parse().map_err(|error| field(&error))).collect::<Result<_, _>>()?;
            let person = entry.person.parse().map_err(|error| field(&error))?;
            let key = entry.key.parse().map_err(|error| field(&error))?;
            let known = name.parse().map_err(|error| field(&error))?;
            operators.add(known, Operator { person, roles, key, retired: entry.retired })?;
        }
        Ok(operators)
    }
}

impl From<Operators> for Written {
    fn from(operators: Operators) -> Self {
        let entry = |operator: Operator| Entry {
            person: operator.person.to_string(),
            roles: operator.roles.iter().map(ToString::to_string).collect(),
            key: operator.key.to_string(),
            retired: operator.retired,
        };
        Self(operators.0.into_iter().map(|(name, operator)| (name.to_string(), entry(operator))).collect())
    }
}
