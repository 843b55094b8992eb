//! Secret keys that stay in a token: found by class, label and, where the URI says one, CKA_ID; their purpose is what
//! their attributes let them do.

use super::bench::Bench;
use super::error::TokenError;
use super::template::Usage;
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose};
use cardwright_proto::gp::key::KeySet;
use cryptoki::object::{Attribute, AttributeType, KeyType as CkKeyType, ObjectClass, ObjectHandle};
use std::sync::Arc;

/// Labels of a card's three keys: the set's name and one of these.
pub(super) const PARTS: KeySet<&str> = KeySet { enc: ".enc", mac: ".mac", dek: ".dek" };

/// What the URI says of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    pub(super) label: Option<String>,
    pub(super) id: Option<Vec<u8>>,
}

/// A secret key in a token, as its attributes describe it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) handle: ObjectHandle,
    pub(super) label: String,
    /// `None` where it is no AES and no 3DES key, or of a length that none has.
    pub(super) key_type: Option<KeyType>,
    pub(super) usage: Usage,
    pub(super) sensitive: bool,
    pub(super) extractable: bool,
    pub(super) with_trusted: bool,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// One key.
    One(Object),
    /// A card's.
    Set(KeySet<Object>),
}

impl Found {
    pub(super) fn objects(&self) -> Vec<&Object> {
        match self {
            Self::One(object) => vec![object],
            Self::Set(set) => set.iter().collect(),
        }
    }

    /// What the key is: `None` where its attributes bind it to no purpose.
    pub(super) fn spec(&self) -> Option<KeySpec> {
        let (purpose, object) = match self {
            Self::One(object) if object.is_part() => return None,
            Self::One(object) => (object.usage.purpose(object.key_type?)?, object),
            Self::Set(set) => (Purpose::Card, &set.enc),
        };
        let portable = self.objects().iter().all(|object| object.extractable && object.with_trusted);
        Some(KeySpec { purpose, key_type: object.key_type?, portable })
    }

    /// Whether anybody who is logged in can read it, or have it wrapped under a key of his own. A card's set has to be
    /// extractable, for PUT KEY.
    pub(super) fn is_exposed(&self) -> bool {
        match self {
            Self::One(object) => !object.sensitive || (object.extractable && !object.with_trusted),
            Self::Set(set) => set.iter().any(|object| !object.sensitive),
        }
    }

    /// The three of a card, where they are what they are called.
    fn set(parts: KeySet<Object>) -> Option<Self> {
        let KeySet { enc, mac, dek } = &parts;
        let derive = |object: &Object| object.usage == Usage::DERIVE;
        let fit = derive(enc) && derive(mac) && dek.usage == Usage::CARD_DEK;
        let alike = enc.key_type.is_some() && enc.key_type == mac.key_type && enc.key_type == dek.key_type;
        (fit && alike).then_some(Self::Set(parts))
    }
}

impl Filter {
    fn shows(&self, label: &str) -> bool {
        let part = |part: &&str| label.strip_suffix(*part);
        self.label.as_deref().is_none_or(|only| only == label || PARTS.iter().filter_map(part).any(|name| name == only))
    }

    /// Secret keys of the token, all or those with one label.
    fn search(&self, bench: &Bench, label: Option<&str>) -> Result<Vec<Object>, TokenError> {
        let mut template = vec![Attribute::Token(true), Attribute::Class(ObjectClass::SECRET_KEY)];
        template.extend(label.map(|label| Attribute::Label(label.as_bytes().to_vec())));
        template.extend(self.id.clone().map(Attribute::Id));
        bench.still_logged_in()?;
        let handles = bench.call(|session| session.find_objects(&template))?;
        let objects = handles.into_iter().map(|handle| Object::read(bench, handle));
        // A token may compare labels loosely: what it found is looked at again.
        let fits = |object: &Object| label.is_none_or(|label| label == object.label) && self.shows(&object.label);
        objects.filter(|object| object.as_ref().map_or(true, fits)).collect()
    }

    /// The one key with a label.
    fn one(&self, bench: &Bench, label: &str) -> Result<Option<Object>, TokenError> {
        let mut objects = self.search(bench, Some(label))?;
        match objects.len() {
            0 | 1 => Ok(objects.pop()),
            count => {
                let token = Arc::clone(&bench.connection.name);
                Err(TokenError::Ambiguous { token, label: label.to_owned(), count })
            }
        }
    }

    /// What a name stands for: the key of that label, or else a card's set.
    pub(super) fn find(&self, bench: &Bench, name: &Name) -> Result<Option<Found>, TokenError> {
        if let Some(object) = self.one(bench, name.as_str())? {
            return Ok(Some(Found::One(object)));
        }
        let parts = PARTS.try_map(|part| self.one(bench, &format!("{name}{part}")))?;
        match parts {
            KeySet { enc: None, mac: None, dek: None } => Ok(None),
            KeySet { enc: Some(enc), mac: Some(mac), dek: Some(dek) } => {
                let not_whole =
                    || TokenError::NotWhole { token: Arc::clone(&bench.connection.name), key: name.clone() };
                Found::set(KeySet { enc, mac, dek }).ok_or_else(not_whole).map(Some)
            }
            _ => Err(TokenError::NotWhole { token: Arc::clone(&bench.connection.name), key: name.clone() }),
        }
    }

    /// Whatever has the name, whole or not, once or more often: to be destroyed, or not to be written over.
    pub(super) fn everything(&self, bench: &Bench, name: &Name) -> Result<Vec<Object>, TokenError> {
        let mut objects = self.search(bench, Some(name.as_str()))?;
        if objects.is_empty() {
            for part in PARTS.iter() {
                objects.extend(self.search(bench, Some(&format!("{name}{part}")))?);
            }
        }
        Ok(objects)
    }

    /// All that have names, by name. Keys that are ambiguous, not whole or of no one purpose are left out.
    pub(super) fn all(&self, bench: &Bench) -> Result<Vec<(Name, Found)>, TokenError> {
        let objects = self.search(bench, None)?;
        let labelled = |label: &str| {
            let mut same = objects.iter().filter(|object| object.label == label);
            same.next().filter(|_| same.next().is_none()).cloned()
        };
        let mut found: Vec<(Name, Found)> = Vec::new();
        for object in &objects {
            let set = object.label.strip_suffix(PARTS.enc).and_then(|name| {
                let parts = PARTS.try_map(|part| labelled(&format!("{name}{part}")).ok_or(())).ok()?;
                Some((name.parse().ok()?, Found::set(parts)?))
            });
            found.extend(set);
        }
        let in_sets: Vec<String> =
            found.iter().flat_map(|(_, found)| found.objects()).map(|object| object.label.clone()).collect();
        for object in objects.iter().filter(|object| !in_sets.contains(&object.label)) {
            let one = labelled(&object.label).map(Found::One).filter(|one| one.spec().is_some());
            found.extend(object.label.parse().ok().zip(one));
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }
}

impl Object {
    /// Whether its label says that it is one of a card's three.
    fn is_part(&self) -> bool {
        PARTS.iter().any(|part| self.label.ends_with(part))
    }

    fn read(bench: &Bench, handle: ObjectHandle) -> Result<Self, TokenError> {
        let wanted = [
            AttributeType::Label,
            AttributeType::KeyType,
            AttributeType::ValueLen,
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::WrapWithTrusted,
            AttributeType::Encrypt,
            AttributeType::Decrypt,
            AttributeType::Sign,
            AttributeType::Verify,
            AttributeType::Wrap,
            AttributeType::Unwrap,
            AttributeType::Derive,
        ];
        let attributes = bench.call(|session| session.get_attributes(handle, &wanted))?;
        // What the token does not say is taken for the worse.
        let mut object = Self {
            handle,
            label: String::new(),
            key_type: None,
            usage: Usage::NONE,
            sensitive: false,
            extractable: true,
            with_trusted: false,
        };
        let (mut ck_type, mut len) = (None, 0);
        for attribute in attributes {
            match attribute {
                Attribute::Label(label) => object.label = String::from_utf8_lossy(&label).into_owned(),
                Attribute::KeyType(key_type) => ck_type = Some(key_type),
                Attribute::ValueLen(bytes) => len = usize::from(bytes),
                Attribute::Sensitive(is) => object.sensitive = is,
                Attribute::Extractable(is) => object.extractable = is,
                Attribute::WrapWithTrusted(is) => object.with_trusted = is,
                Attribute::Encrypt(may) => object.usage.encrypt = may,
                Attribute::Decrypt(may) => object.usage.decrypt = may,
                Attribute::Sign(may) => object.usage.sign = may,
                Attribute::Verify(may) => object.usage.verify = may,
                Attribute::Wrap(may) => object.usage.wrap = may,
                Attribute::Unwrap(may) => object.usage.unwrap = may,
                Attribute::Derive(may) => object.usage.derive = may,
                _ => {}
            }
        }
        object.key_type = ck_type.and_then(|ck_type| key_type(ck_type, len));
        Ok(object)
    }
}

fn key_type(ck_type: CkKeyType, len: usize) -> Option<KeyType> {
    match (ck_type, len) {
        (CkKeyType::AES, 16) => Some(KeyType::Aes128),
        (CkKeyType::AES, 24) => Some(KeyType::Aes192),
        (CkKeyType::AES, 32) => Some(KeyType::Aes256),
        (CkKeyType::DES2, _) => Some(KeyType::TripleDes2),
        (CkKeyType::DES3, _) => Some(KeyType::TripleDes3),
        _ => None,
    }
}
