//! Attributes of the keys that are made in a token.
//!
//! Every template says of every usage whether it is allowed: SoftHSM allows what is not mentioned.

use cardwright_keys::vault::{KeySpec, KeyType, Purpose};
use cryptoki::object::{Attribute, AttributeType, KeyType as CkKeyType, ObjectClass};
use cryptoki::types::Ulong;
use std::ops::Deref;
use zeroize::Zeroize;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) encrypt: bool,
    pub(super) decrypt: bool,
    pub(super) sign: bool,
    pub(super) verify: bool,
    pub(super) wrap: bool,
    pub(super) unwrap: bool,
    pub(super) derive: bool,
}

impl Usage {
    pub(super) const NONE: Self =
        Self { encrypt: false, decrypt: false, sign: false, verify: false, wrap: false, unwrap: false, derive: false };
    /// Key-ENC and Key-MAC of a card, and masters.
    pub(super) const DERIVE: Self = Self { derive: true, ..Self::NONE };
    /// Key-DEK of a card: its check value needs DERIVE.
    pub(super) const CARD_DEK: Self = Self { wrap: true, derive: true, ..Self::NONE };
    /// S-ENC
    pub(super) const CIPHER: Self = Self { encrypt: true, decrypt: true, ..Self::NONE };
    /// S-MAC, S-RMAC
    pub(super) const SIGN: Self = Self { sign: true, ..Self::NONE };
    /// A master for 3DES: the binding has no name for CKM_DES3_ECB_ENCRYPT_DATA, so card keys are encrypted blocks.
    pub(super) const ENCRYPT: Self = Self { encrypt: true, ..Self::NONE };
    const MAC: Self = Self { sign: true, verify: true, ..Self::NONE };
    const WRAP: Self = Self { wrap: true, unwrap: true, ..Self::NONE };

    /// What a single key is let do. A card's keys are three: [`Self::DERIVE`] twice, and [`Self::CARD_DEK`].
    pub(super) const fn of(spec: KeySpec) -> Self {
        match (spec.purpose, spec.key_type) {
            (Purpose::Master, KeyType::TripleDes2 | KeyType::TripleDes3) => Self::ENCRYPT,
            (Purpose::Master | Purpose::Card, _) => Self::DERIVE,
            (Purpose::Enc, _) => Self::CIPHER,
            (Purpose::Mac, _) => Self::MAC,
            (Purpose::Dek, _) => Self::WRAP,
        }
    }

    /// The purpose that these and no other usages stand for, in a key by itself.
    pub(super) fn purpose(self, key_type: KeyType) -> Option<Purpose> {
        let purposes = [Purpose::Master, Purpose::Enc, Purpose::Mac, Purpose::Dek];
        purposes.into_iter().find(|&purpose| Self::of(KeySpec { purpose, key_type, portable: false }) == self)
    }

    /// The attributes, and what they let a key do in words.
    fn attributes(self) -> [(Attribute, bool, &'static str); 7] {
        [
            (Attribute::Encrypt(self.encrypt), self.encrypt, "encrypt"),
            (Attribute::Decrypt(self.decrypt), self.decrypt, "decrypt"),
            (Attribute::Sign(self.sign), self.sign, "sign"),
            (Attribute::Verify(self.verify), self.verify, "verify"),
            (Attribute::Wrap(self.wrap), self.wrap, "wrap"),
            (Attribute::Unwrap(self.unwrap), self.unwrap, "unwrap"),
            (Attribute::Derive(self.derive), self.derive, "derive"),
        ]
    }

    /// As in "lets it ...".
    pub(super) fn words(self) -> String {
        let may: Vec<_> = self.attributes().into_iter().filter(|(_, may, _)| *may).map(|(.., word)| word).collect();
        if may.is_empty() { "do nothing".to_owned() } else { may.join(", ") }
    }
}

/// Whether a key can be seen outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Read like any attribute.
    Readable,
    /// Not read; wrapped under any key that wraps.
    Extractable,
    /// Not read; wrapped under a key that the security officer trusts.
    Portable,
    /// Neither read nor wrapped.
    Inside,
}

impl Guard {
    /// Whether a key with these attributes is kept so.
    pub(super) const fn is_kept(self, sensitive: bool, extractable: bool, with_trusted: bool) -> bool {
        let trusted = with_trusted || !matches!(self, Self::Portable);
        sensitive != matches!(self, Self::Readable) && extractable != matches!(self, Self::Inside) && trusted
    }

    fn attributes(self) -> Vec<Attribute> {
        let mut attributes = vec![
            Attribute::Sensitive(!matches!(self, Self::Readable)),
            Attribute::Extractable(!matches!(self, Self::Inside)),
        ];
        if matches!(self, Self::Portable) {
            attributes.push(Attribute::WrapWithTrusted(true));
        }
        attributes
    }
}

/// Attributes for a call. A value among them is wiped on drop.
#[derive(Clone)]
pub(super) struct Template(Vec<Attribute>);

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let types = self.0.iter().map(Attribute::attribute_type);
        f.debug_list().entries(types).finish()
    }
}

impl Template {
    fn key(key_type: CkKeyType, usage: Usage, guard: Guard) -> Self {
        let mut template = vec![Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(key_type)];
        template.extend(guard.attributes());
        template.extend(usage.attributes().map(|(attribute, ..)| attribute));
        Self(template)
    }

    pub(super) fn with(mut self, more: impl IntoIterator<Item = Attribute>) -> Self {
        self.0.extend(more);
        self
    }
}

impl Deref for Template {
    type Target = [Attribute];

    fn deref(&self) -> &[Attribute] {
        &self.0
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        for attribute in &mut self.0 {
            if let Attribute::Value(value) = attribute {
                value.zeroize();
            }
        }
    }
}

fn length(bytes: usize) -> Attribute {
    Attribute::ValueLen(Ulong::new(bytes.try_into().unwrap_or_default()))
}

/// An AES key of this session, `len` bytes long.
pub(super) fn session_key(len: usize, usage: Usage, guard: Guard) -> Template {
    Template::key(CkKeyType::AES, usage, guard).with([Attribute::Token(false), length(len)])
}

/// Derived bytes that are to be read.
pub(super) fn readable(key_type: CkKeyType, len: usize) -> Template {
    let template = Template::key(key_type, Usage::NONE, Guard::Readable);
    template.with([Attribute::Token(false), length(len)])
}

/// A key of this session whose bytes are known.
pub(super) fn known(key_type: CkKeyType, value: &[u8], usage: Usage, guard: Guard) -> Template {
    Template::key(key_type, usage, guard).with([Attribute::Token(false), Attribute::Value(value.to_vec())])
}

/// The token's name for a key type.
pub(super) const fn ck_key_type(key_type: KeyType) -> CkKeyType {
    match key_type {
        KeyType::Aes128 | KeyType::Aes192 | KeyType::Aes256 => CkKeyType::AES,
        KeyType::TripleDes2 => CkKeyType::DES2,
        KeyType::TripleDes3 => CkKeyType::DES3,
    }
}

/// A key that stays in the token. `value` is that of a key from outside; without one the token makes it.
pub(super) fn token_key(
    label: &str,
    id: &[u8],
    key_type: KeyType,
    usage: Usage,
    guard: Guard,
    value: Option<&[u8]>,
) -> Template {
    let size = match (value, key_type) {
        (Some(value), _) => Some(Attribute::Value(value.to_vec())),
        (None, KeyType::Aes128 | KeyType::Aes192 | KeyType::Aes256) => Some(length(key_type.key_len())),
        // A DES key's type says how long it is.
        (None, KeyType::TripleDes2 | KeyType::TripleDes3) => None,
    };
    let template = Template::key(ck_key_type(key_type), usage, guard).with([
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
    ]);
    template.with(size)
}

/// CKA_DERIVE_TEMPLATE {CKA_SENSITIVE}: what is derived from the key can never be read.
///
/// CKA_EXTRACTABLE is left to whoever derives: PUT KEY wraps a card's new keys, so these have to be extractable, while
/// keys that only open sessions are not.
pub(super) fn derive_sensitive() -> Attribute {
    template_attribute(0x4000_0213, &[(AttributeType::Sensitive, true)])
}

static TRUE: u8 = 1;
static FALSE: u8 = 0;

/// One of CKA_WRAP_TEMPLATE (40000211), CKA_UNWRAP_TEMPLATE (40000212), CKA_DERIVE_TEMPLATE (40000213), which the
/// binding has no names for: an array of CK_ATTRIBUTE as it lies in memory, each pointing to a byte that lives as long
/// as the process.
pub(super) fn template_attribute(which: u64, flags: &[(AttributeType, bool)]) -> Attribute {
    let mut bytes = Vec::new();
    for (attribute, flag) in flags {
        let value: &'static u8 = if *flag { &TRUE } else { &FALSE };
        bytes.extend(Ulong::from(u64::from(*attribute)).to_ne_bytes());
        bytes.extend(std::ptr::from_ref(value).expose_provenance().to_ne_bytes());
        bytes.extend(Ulong::new(1).to_ne_bytes());
    }
    Attribute::VendorDefined((AttributeType::VendorDefined(which), bytes))
}
