//! Replacing a file as a whole: whoever reads finds the old bytes or the new ones, whatever happened in between.

use super::VaultFileError;
use super::format::MOST;
use crate::key_file::{KeyLoadError, file_error, open_checked};
use crate::random::NoRandomness;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// All that changes the disk, as a port, so that tests can let each of it fail.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// A new file of mode 0600; an error where the name is taken.
    fn create_new(&self, path: &Path) -> io::Result<File>;
    /// Writes some of the bytes, and says how many.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize>;
    /// Makes a file's bytes durable.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Gives a file another name, in the place of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes a directory's names durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Debug)]
pub(super) struct Os;

impl Disk for Os {
    fn create_new(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The whole file, once it is known to be no longer than a vault can be.
pub(super) fn read(path: &Path, file: &File) -> Result<Vec<u8>, VaultFileError> {
    let failed = |error| file_error(path, "read", error);
    let len = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(len.min(MOST)).unwrap_or(0) + 1);
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Whether a new vault can have this name. An empty file, which holds nothing, is what a killed process left of a vault
/// that it was about to make.
pub(super) fn check_free(path: &Path) -> Result<(), KeyLoadError> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() == 0 => Ok(()),
        Ok(_) => Err(KeyLoadError::Exists(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file_error(path, "created", error)),
    }
}

/// A vault's file, locked against other writers until it is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    pub(super) file: File,
    /// Where it is, symbolic links resolved: what is replaced is the file, not a link to it.
    real: PathBuf,
}

impl Locked {
    /// Waits until no other writer has the file. Writers have it for as long as it takes to write it.
    ///
    /// The lock is the file's, and the file is replaced under it: a lock on one that was replaced meanwhile is worth
    /// nothing, and the new one is tried.
    pub(super) fn wait(path: &Path) -> Result<Self, KeyLoadError> {
        let failed = |error| file_error(path, "locked", error);
        loop {
            // For writing too: some network file systems want that of a lock.
            let file = open_checked(path, OpenOptions::new().read(true).write(true))?;
            file.lock().map_err(failed)?;
            let ours = file.metadata().map_err(failed)?;
            let there = path.canonicalize().and_then(|real| Ok((fs::metadata(&real)?, real)));
            match there {
                Ok((meta, real)) if (meta.dev(), meta.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Self { file, real });
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Takes a name for a new vault, with an empty file.
    pub(super) fn reserve(disk: &dyn Disk, path: &Path) -> Result<Self, KeyLoadError> {
        match disk.create_new(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => check_free(path)?,
            made => drop(made.map_err(|error| file_error(path, "created", error))?),
        }
        let locked = Self::wait(path)?;
        // Another one may have been quicker.
        check_free(path).map(|()| locked)
    }

    /// Gives a reserved name back, where nothing was written under it. The error that led here is the one to report.
    pub(super) fn give_back(&self, disk: &dyn Disk) {
        if fs::metadata(&self.real).is_ok_and(|meta| meta.len() == 0) {
            drop(disk.remove(&self.real));
        }
    }

    fn directory(&self) -> &Path {
        self.real.parent().unwrap_or(Path::new("/"))
    }

    /// What names of new files begin and end with. A leading dot, for they are nobody's business.
    fn temporary(&self) -> (String, &'static str) {
        let name = self.real.file_name().unwrap_or_default().to_string_lossy();
        (format!(".{name}."), ".new")
    }

    /// Removes what killed writers left. Under the lock there is no living one.
    fn remove_leftovers(&self, disk: &dyn Disk) -> io::Result<()> {
        let (begin, end) = self.temporary();
        for entry in fs::read_dir(self.directory())? {
            let entry = entry?;
            let name = entry.file_name();
            let random = name.to_str().and_then(|name| name.strip_prefix(&begin)?.strip_suffix(end));
            if random.is_some_and(|random| random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit())) {
                disk.remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Puts new bytes in the place of the file. They are durable when this returns; on an error the file is as it was,
    /// or, where only the last step failed, has the new bytes without a promise that a power cut leaves them.
    pub(super) fn replace(&self, disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), VaultFileError> {
        let failed = |attempt| move |error| file_error(path, attempt, error);
        self.remove_leftovers(disk).map_err(failed("cleared of what a killed writer left"))?;
        let (begin, end) = self.temporary();
        let random = getrandom::u64().map_err(NoRandomness::from)?;
        let new = self.directory().join(format!("{begin}{random:016x}{end}"));
        let mut file = disk.create_new(&new).map_err(failed("written"))?;
        let written = write_all(disk, &mut file, bytes).and_then(|()| disk.sync(&file));
        let written = written.and_then(|()| disk.rename(&new, &self.real));
        if let Err(error) = written {
            drop(disk.remove(&new));
            return Err(failed("written")(error).into());
        }
        Ok(disk.sync_directory(self.directory()).map_err(failed("made durable"))?)
    }
}

fn write_all(disk: &dyn Disk, file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write(file, bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
