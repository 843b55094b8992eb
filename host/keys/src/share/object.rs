//! Share objects joined: what they say of themselves is checked first, the secret's check value last.

use super::{Binding, JoinError, Quorum, Share, join};
use crate::key::{Algorithm, SecretKey};
use cardwright_proto::custody::share::{Commitments, KeyType, ShareObject};
use subtle::ConstantTimeEq;

impl From<KeyType> for Algorithm {
    fn from(key_type: KeyType) -> Self {
        match key_type {
            KeyType::TripleDes => Self::TripleDes,
            KeyType::Aes => Self::Aes,
        }
    }
}

/// Joins the shares of one set and generation to the secret whose check value they carry.
///
/// In this order: all are of one deal, each fits its commitment where there are some, [`join`], the check value.
///
/// # Errors
/// [`JoinError`]
pub fn join_objects(objects: &[ShareObject]) -> Result<SecretKey, JoinError> {
    let Some((first, others)) = objects.split_first() else {
        return Err(JoinError::TooFew { given: 0, m: 2 });
    };
    others.iter().try_for_each(|other| same_deal(first, other))?;
    let shares = objects.iter().map(committed).collect::<Result<Vec<_>, _>>()?;
    let info = first.info();
    let secret = join(Quorum { scheme: info.scheme, m: info.m, n: info.n }, &shares)?;
    let kcv = secret.kcv(info.key_type.into())?;
    let same = bool::from(kcv.0.ct_eq(&info.kcv.0));
    if same { Ok(secret) } else { Err(JoinError::Kcv { joined: kcv, expected: info.kcv }) }
}

/// Whether all is the same that the shares of one deal have in common. Each may have a salt of its own.
fn same_deal(first: &ShareObject, other: &ShareObject) -> Result<(), JoinError> {
    let [mine, others] = [first, other].map(|share| share.commitments().map(|commitments| &commitments.hashes));
    let committed = mine == others;
    let (a, b) = (first.info(), other.info());
    let parts = [
        (a.set == b.set, "set"),
        (a.generation == b.generation, "generation"),
        (a.ceremony == b.ceremony, "ceremony"),
        (a.scheme == b.scheme, "scheme"),
        (a.m == b.m, "m"),
        (a.n == b.n, "n"),
        (a.key_type == b.key_type, "key type"),
        (a.key_length == b.key_length, "key length"),
        (a.usage == b.usage, "key usage"),
        (a.kcv == b.kcv, "check value"),
        (a.statement == b.statement, "deal statement"),
        (committed, "list of commitments"),
    ];
    let differing = parts.into_iter().find(|(same, _)| !same);
    differing.map_or(Ok(()), |(_, what)| Err(JoinError::Mixed { x: b.x, first: a.x, what }))
}

/// The share, once it fits its commitment.
fn committed(object: &ShareObject) -> Result<Share, JoinError> {
    let info = object.info();
    let share = Share::new(info.x, object.value());
    if let Some(Commitments { salt, hashes }) = object.commitments() {
        let own = hashes.get(usize::from(info.x) - 1).ok_or(JoinError::Commitment { x: info.x })?;
        Binding { set: info.set, generation: info.generation }.check(&share, salt, own)?;
    }
    Ok(share)
}
