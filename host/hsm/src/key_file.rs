//! Key material from where a key reference points, and into a file; other small secrets, a PIN or a share, in the same way.
//!
//! A key file is text of [`KeyMaterial::parse`], readable by its owner alone. What is checked is the opened file, by
//! its descriptor, so that nobody can put another one under the name in between. Symbolic links are followed for the
//! same reason: owner, mode and kind are those of the file that is read, and secrets are often mounted as links.

use cardwright_keys::key::{KeyMaterial, KeyTextError};
use cardwright_keys::keyref::{KeyRef, Scheme, Source, VaultKey};
use rustix::fs::OFlags;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use zeroize::Zeroizing;

/// Where a secret that is no key comes from: a PIN, a passphrase. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `file:PATH`, mode 0600.
    File(PathBuf),
    /// `fd:N`, read to its end.
    Fd(u32),
    /// `prompt`: asked for on the terminal, not echoed.
    Prompt,
}

/// Text that names no source. It is not repeated: it may be the secret, typed by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret comes from prompt, fd:N or file:PATH; it is never given itself")]
pub struct NoSecretSource;

impl FromStr for SecretSource {
    type Err = NoSecretSource;

    fn from_str(text: &str) -> Result<Self, NoSecretSource> {
        match text.parse() {
            Ok(KeyRef { scheme: Scheme::Plain, kvn: None, source }) => match source {
                Source::File(path) => Ok(Self::File(path)),
                Source::Fd(fd) => Ok(Self::Fd(fd)),
                Source::Prompt => Ok(Self::Prompt),
                Source::GpTest | Source::Vault(_) => Err(NoSecretSource),
            },
            _ => Err(NoSecretSource),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Fd(fd) => write!(f, "fd:{fd}"),
            Self::Prompt => f.write_str("prompt"),
        }
    }
}

impl SecretSource {
    /// Reads the secret. The line end that files have is no part of it; other white space is.
    ///
    /// # Errors
    /// [`KeyLoadError`], but for [`KeyLoadError::Text`].
    pub fn read(&self, what: &str, prompt: &mut dyn Prompt) -> Result<Zeroizing<Vec<u8>>, KeyLoadError> {
        let mut secret = match self {
            Self::File(path) => load_secret_file(path)?,
            Self::Fd(fd) => load_secret_fd(*fd)?,
            Self::Prompt => {
                let typed = prompt.secret(what).map_err(|error| io_error("prompt", "read", error))?;
                Zeroizing::new(typed.as_bytes().to_vec())
            }
        };
        let line = secret.strip_suffix(b"\n").unwrap_or(&secret);
        let len = line.strip_suffix(b"\r").unwrap_or(line).len();
        secret.truncate(len);
        Ok(secret)
    }
}

/// The most bytes that a file with a secret may have. The longest, a share with ten commitments, has under 1200.
const LIMIT: usize = 4096;

/// Asks a person.
pub trait Prompt {
    /// A line typed without echo. `what` says what is wanted, without a colon at its end.
    ///
    /// # Errors
    /// Where there is no terminal, or it was closed.
    fn secret(&mut self, what: &str) -> io::Result<Zeroizing<String>>;

    /// Tells the person something to do elsewhere, as at an HSM's own keypad. By itself it tells nobody.
    fn notice(&mut self, _what: &str) {}
}

/// Why key material was not read or written. The paths are those of the key reference; no key text is ever repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyLoadError {
    /// The system refused.
    #[error("{source_name} cannot be {attempt}: {error}")]
    Io {
        /// The key reference's source.
        source_name: String,
        /// What was attempted, as in "cannot be ...".
        attempt: &'static str,
        /// The system's answer.
        error: io::Error,
    },
    /// A directory, a device, a pipe.
    #[error("`{}` is no regular file; what comes from a pipe is given as fd:N", .0.display())]
    NotAFile(PathBuf),
    /// Others may read or write it.
    #[error("`{p}` has mode {mode:04o}: others can get at the secret in it; run `chmod 600 {p}`, and replace the secret if they may have read it", p = .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user can change it at any time.
    #[error("`{p}` belongs to user {owner}, and this runs as user {user}: run as its owner, or `chown {user} {p}`", p = .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The file's owner.
        owner: u32,
        /// The effective user.
        user: u32,
    },
    /// More than 4096 bytes.
    #[error("{0} holds more than 4096 bytes: no key, PIN or share is that long")]
    TooLong(String),
    /// The text is no key.
    #[error("{source_name}: {error}")]
    Text {
        /// The key reference's source.
        source_name: String,
        /// What is wrong with it.
        error: KeyTextError,
    },
    /// It is not read, it is used where it is.
    #[error("`vault:{0}` is a key in a vault: it is not read out")]
    InVault(VaultKey),
    /// A secret is never written over a file.
    #[error("`{}` exists already: a file is never overwritten with a secret; name another, or move it away", .0.display())]
    Exists(PathBuf),
}

/// Reads the material that a key reference leads to. Its diversification is not applied.
///
/// `fd:N` is read to its end, by opening `/dev/fd/N`: a pipe is empty afterwards, and a socket cannot be used.
///
/// # Errors
/// [`KeyLoadError`]
pub fn load_key(key: &KeyRef, prompt: &mut dyn Prompt) -> Result<KeyMaterial, KeyLoadError> {
    let name = source_name(&key.source);
    let failed = |error| io_error(&name, "read", error);
    match &key.source {
        Source::GpTest => Ok(KeyMaterial::gp_test()),
        Source::Vault(key) => Err(KeyLoadError::InVault(key.clone())),
        Source::File(path) => parse(&load_secret_file(path)?, &name),
        Source::Fd(fd) => parse(&load_secret_fd(*fd)?, &name),
        Source::Prompt => {
            let what = format!("Key for `{key}` (hex; one key, or ENC,MAC,DEK)");
            parse(prompt.secret(&what).map_err(failed)?.as_bytes(), &name)
        }
    }
}

fn io_error(source_name: &str, attempt: &'static str, error: io::Error) -> KeyLoadError {
    KeyLoadError::Io { source_name: source_name.to_owned(), attempt, error }
}

pub(crate) fn file_error(path: &Path, attempt: &'static str, error: io::Error) -> KeyLoadError {
    io_error(&format!("`{}`", path.display()), attempt, error)
}

fn parse(text: &[u8], name: &str) -> Result<KeyMaterial, KeyLoadError> {
    KeyMaterial::parse(text).map_err(|error| KeyLoadError::Text { source_name: name.to_owned(), error })
}

/// Reads any small secret with the care that keys get: a PIN, a share.
///
/// # Errors
/// [`KeyLoadError`], but for [`KeyLoadError::Text`].
pub fn load_secret_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyLoadError> {
    read(&open_key_file(path)?, &Source::File(path.to_owned()))
}

/// The same from an open descriptor, read to its end.
///
/// # Errors
/// [`KeyLoadError::Io`], [`KeyLoadError::TooLong`].
pub fn load_secret_fd(fd: u32) -> Result<Zeroizing<Vec<u8>>, KeyLoadError> {
    let source = Source::Fd(fd);
    let file = File::open(format!("/dev/fd/{fd}"));
    read(&file.map_err(|error| io_error(&source_name(&source), "read", error))?, &source)
}

fn source_name(source: &Source) -> String {
    KeyRef { scheme: Scheme::Plain, source: source.clone(), kvn: None }.to_string()
}

fn read(mut from: &File, source: &Source) -> Result<Zeroizing<Vec<u8>>, KeyLoadError> {
    // One byte more than allowed, so that it shows; never grown, so that no copy stays behind. On the heap, where
    // moving it leaves none either.
    let mut text = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut len = 0;
    loop {
        match from.read(&mut text[len..]) {
            Ok(0) if len > LIMIT => return Err(KeyLoadError::TooLong(source_name(source))),
            Ok(0) => {
                text.truncate(len);
                return Ok(text);
            }
            Ok(more) => len += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(io_error(&source_name(source), "read", error)),
        }
    }
}

/// Opens a key file, and checks what was opened.
fn open_key_file(path: &Path) -> Result<File, KeyLoadError> {
    open_checked(path, OpenOptions::new().read(true))
}

/// Opens a file with secrets, and checks that it is one of ours alone.
pub(crate) fn open_checked(path: &Path, options: &mut OpenOptions) -> Result<File, KeyLoadError> {
    let failed = |error| file_error(path, "read", error);
    // A named pipe would block the opening until somebody writes.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = options.custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let (owner, user) = (meta.uid(), rustix::process::geteuid().as_raw());
    let mode = meta.mode() & 0o7777;
    if !meta.is_file() {
        return Err(KeyLoadError::NotAFile(path.to_owned()));
    }
    if owner != user {
        return Err(KeyLoadError::Owner { path: path.to_owned(), owner, user });
    }
    if mode & 0o077 != 0 {
        return Err(KeyLoadError::Mode { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// Makes a key file that was found to survive a power cut: its bytes, and its name in the directory.
///
/// # Errors
/// [`KeyLoadError`]: the same checks as for reading, and [`KeyLoadError::Io`] where the system cannot promise it.
pub fn ensure_durable(path: &Path) -> Result<(), KeyLoadError> {
    let file = open_key_file(path)?;
    file.sync_all().map_err(|error| file_error(path, "made durable", error))?;
    sync_directory(path)
}

/// The directory that holds the name, and the one that holds the file where the name is a symbolic link.
pub(crate) fn sync_directory(path: &Path) -> Result<(), KeyLoadError> {
    let failed = |error| file_error(path, "made durable", error);
    let real = path.canonicalize().map_err(failed)?;
    [path, &real].into_iter().try_for_each(|name| sync_parent(name).map_err(failed))
}

/// The directory that holds a name, whether there is such a file or not any more.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// Writes new keys into a new file of mode 0600. They are durable when it returns; on an error there is no file.
///
/// # Errors
/// [`KeyLoadError::Exists`], [`KeyLoadError::Io`].
pub fn write_key_file(path: &Path, material: &KeyMaterial) -> Result<(), KeyLoadError> {
    NewSecretFile::create(path)?.write(material.text().as_bytes())
}

/// A new, empty file of mode 0600, for a secret that is to come. Dropped without it, the file is removed.
#[derive(Debug)]
pub struct NewSecretFile {
    path: PathBuf,
    file: File,
    written: bool,
}

impl NewSecretFile {
    /// Makes the file.
    ///
    /// # Errors
    /// [`KeyLoadError::Exists`], [`KeyLoadError::Io`].
    pub fn create(path: &Path) -> Result<Self, KeyLoadError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => KeyLoadError::Exists(path.to_owned()),
            _ => file_error(path, "created", error),
        })?;
        Ok(Self { path: path.to_owned(), file, written: false })
    }

    /// Writes the secret. It is durable when this returns; on an error there is no file.
    ///
    /// # Errors
    /// [`KeyLoadError::Io`]
    pub fn write(mut self, text: &[u8]) -> Result<(), KeyLoadError> {
        let written = self.file.write_all(text).and_then(|()| self.file.sync_all());
        written.map_err(|error| file_error(&self.path, "written", error))?;
        sync_directory(&self.path)?;
        self.written = true;
        Ok(())
    }
}

impl Drop for NewSecretFile {
    fn drop(&mut self) {
        if !self.written {
            // Half a secret helps nobody. The error that led here is the one to report.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests;
