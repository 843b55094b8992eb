//! The list of cards that have to get other keys: a file that a batch run takes.

use cardwright_keys::keyref::VaultKey;
use cardwright_registry::lines::{ExportError, write_jobs};
use cardwright_registry::{Registry, RegistryError};
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why there is no job file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// It could not be made or written.
    #[error("job file {}: {error}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// A version that cards have keys from, and the one that they are to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What they have.
    pub from: VaultKey,
    /// What they are to get; `None` where nobody has made it yet.
    pub to: Option<VaultKey>,
}

/// A job file under way: made before what cannot be undone, filled afterwards. Until it is whole it has another name.
#[derive(Debug)]
pub struct JobFile {
    path: PathBuf,
    under_way: NamedTempFile,
}

impl JobFile {
    /// Makes sure that there can be such a file, and is none yet.
    ///
    /// # Errors
    /// [`JobError::File`]
    pub fn begin(path: &Path) -> Result<Self, JobError> {
        let at = |error| JobError::File { path: path.to_owned(), error };
        if path.symlink_metadata().is_ok() {
            return Err(at(ErrorKind::AlreadyExists.into()));
        }
        let under_way = NamedTempFile::with_prefix_in(".cardwright-job-", directory(path)).map_err(at)?;
        Ok(Self { path: path.to_owned(), under_way })
    }

    /// Lists all key sets of cards that come from these versions, and returns how many there are. On return the file is
    /// durable.
    ///
    /// # Errors
    /// [`JobError`]: then there is no file.
    pub fn fill(self, registry: &dyn Registry, exchanges: &[Exchange]) -> Result<u64, JobError> {
        let Self { path, under_way } = self;
        let at = |error| JobError::File { path: path.clone(), error };
        let mut out = BufWriter::new(under_way);
        let mut listed = 0;
        for Exchange { from, to } in exchanges {
            listed += write_jobs(registry, from, to.as_ref(), &mut out).map_err(|error| match error {
                ExportError::Io(error) => at(error),
                ExportError::Registry(error) => error.into(),
            })?;
        }
        let whole = out.into_inner().map_err(|error| at(error.into_error()))?;
        whole.as_file().sync_all().map_err(at)?;
        whole.persist_noclobber(&path).map_err(|error| at(error.error))?;
        File::open(directory(&path)).and_then(|directory| directory.sync_all()).map_err(at)?;
        Ok(listed)
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
