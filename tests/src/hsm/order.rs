//! What a test asks of the helper: an [`Order`] as JSON on its standard input, answered with JSON on standard output.

use cryptoki::object::{Attribute, AttributeType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Something to do on a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The module.
    pub module: PathBuf,
    /// The token's serial number; empty for the one that is not initialised.
    pub serial: String,
    /// Who logs in.
    pub user: User,
    /// With this PIN.
    pub pin: String,
    /// And does this.
    pub work: Work,
}

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// CKU_USER.
    User,
    /// CKU_SO.
    Officer,
}

/// What to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// C_InitToken with the order's PIN as the security officer's, C_InitPIN. Answered with the serial number.
    Init {
        /// The token's label.
        label: String,
        /// The user's PIN.
        user_pin: String,
    },
    /// C_CreateObject, or C_GenerateKey. Answered with null.
    Make(NewKey),
    /// What is stored on the token, and the session objects. Answered with a list of [`Object`].
    Objects,
    /// Uses session keys in every way that a vault does. Answered with a list of hexadecimal strings: all that went in
    /// and came out.
    Exercise,
}

/// What kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyKind {
    /// CKK_AES.
    Aes,
    /// CKK_DES2.
    Des2,
    /// CKK_DES3.
    Des3,
    /// CKK_GENERIC_SECRET.
    Generic,
}

/// A key to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewKey {
    /// CKA_KEY_TYPE.
    pub kind: KeyKind,
    /// CKA_LABEL; CKA_ID is the same bytes.
    pub label: String,
    /// CKA_VALUE; `None` where the token is to choose it.
    pub value: Option<Vec<u8>>,
    /// Further attributes; what is not named is as the token likes it.
    pub flags: BTreeMap<Flag, bool>,
}

impl NewKey {
    /// An AES key on the token that is sensitive, and good for these uses and no other.
    #[must_use]
    pub fn aes(label: &str, value: &[u8], uses: &[Flag]) -> Self {
        let always = [(Flag::Token, true), (Flag::Private, true), (Flag::Sensitive, true), (Flag::Extractable, false)];
        let flags = Flag::USES.iter().map(|flag| (*flag, uses.contains(flag))).chain(always).collect();
        Self { kind: KeyKind::Aes, label: label.to_owned(), value: Some(value.to_vec()), flags }
    }

    /// The same key so that anybody who logs in can read it.
    #[must_use]
    pub fn readable(mut self) -> Self {
        self.flags.extend([(Flag::Sensitive, false), (Flag::Extractable, true)]);
        self
    }
}

/// What can be read of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// CKA_CLASS.
    pub class: u64,
    /// CKA_KEY_TYPE.
    pub key_type: Option<u64>,
    /// CKA_LABEL.
    pub label: String,
    /// CKA_ID, in hexadecimal.
    pub id: String,
    /// CKA_VALUE, in hexadecimal; `None` where the token keeps it.
    pub value: Option<String>,
    /// All attributes that are true or false.
    pub flags: BTreeMap<Flag, bool>,
}

macro_rules! flags {
    ($($flag:ident)*) => {
        /// An attribute that is true or false.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Flag {
            $(#[doc = concat!("CKA_", stringify!($flag), " in capitals.")] $flag,)*
        }

        impl Flag {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$flag),*];

            /// With a value.
            #[must_use]
            pub fn attribute(self, value: bool) -> Attribute {
                match self { $(Self::$flag => Attribute::$flag(value),)* }
            }

            /// Without.
            #[must_use]
            pub fn attribute_type(self) -> AttributeType {
                match self { $(Self::$flag => AttributeType::$flag,)* }
            }
        }
    };
}

flags! {
    Token Private Modifiable Copyable Destroyable Sensitive AlwaysSensitive Extractable NeverExtractable Local
    Derive Encrypt Decrypt Sign Verify Wrap Unwrap WrapWithTrusted Trusted
}

impl Flag {
    /// Those that allow a key to be used.
    pub const USES: &[Self] =
        &[Self::Derive, Self::Encrypt, Self::Decrypt, Self::Sign, Self::Verify, Self::Wrap, Self::Unwrap];
}
