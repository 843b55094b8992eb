//! Whatever holds keys.
//!
//! - [`soft`]: keys in this process's memory.
//! - [`key_file`]: how they get there: files, descriptors, the terminal; and how new ones become durable.
//! - [`protect`]: what keeps that memory out of core files and swap.

pub mod key_file;
pub mod protect;
pub mod soft;

pub use key_file::{
    KeyLoadError, NewSecretFile, Prompt, ensure_durable, load_key, load_secret_fd, load_secret_file, write_key_file,
};
pub use protect::{Unprotected, protect_process, scrub_stack};
pub use soft::SoftVault;
