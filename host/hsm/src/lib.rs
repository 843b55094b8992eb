//! Whatever holds keys.
//!
//! - [`soft`]: keys in this process's memory.
//! - [`key_file`]: how they get there: files, descriptors, the terminal; and how new ones become durable.
//! - [`keyring`]: all the keys that a command works with.
//! - [`random`]: where new ones come from.
//! - [`vault_file`]: keys in one encrypted file.
//! - [`operator_key`]: the keys that people sign with.
//! - [`pkcs11`]: keys in a token, and the derivation chain inside it.
//! - [`sealed_field`]: personalisation data that only a job's key opens.
//! - [`protect`]: what keeps that memory out of core files and swap.

pub mod key_file;
pub mod keyring;
pub mod operator_key;
pub mod pkcs11;
pub mod protect;
pub mod random;
pub mod sealed_field;
pub mod soft;
pub mod vault_file;

pub use key_file::{
    KeyLoadError, NewSecretFile, Prompt, SecretSource, ensure_durable, load_key, load_secret_fd, load_secret_file,
    write_key_file,
};
pub use keyring::{Keyring, OpenVault};
pub use operator_key::{
    FileError, FileSigner, Locked, NoOperatorKeyRef, OperatorKey, OperatorKeyError, OperatorKeyRef,
};
pub use protect::{Unprotected, protect_process, scrub_stack};
pub use random::{NoRandomness, random_material};
pub use soft::SoftVault;
pub use vault_file::{FileKey, Kdf, Passphrase, VaultFile, VaultFileError};
