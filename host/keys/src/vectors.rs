//! tests/vectors/diversification.json, for the unit tests.

use crate::key::SecretKey;
use serde_json::Value;

/// A section.
pub(crate) fn section(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../tests/vectors/diversification.json")).unwrap();
    all[name].clone()
}

/// A section's cases.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    section(name)["cases"].as_array().unwrap().clone()
}

/// The bytes of a value in hex.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// The key of a value in hex.
pub(crate) fn key(value: &Value) -> SecretKey {
    SecretKey::new(&bytes(value)).unwrap()
}
