//! The data file as a file: who may read it, and whether it is still the one that was opened.
//!
//! A file that is removed or replaced while it is open is written to all the same, and gone with the process: whatever is
//! acknowledged then is lost. So each commit looks, before it writes; that is two calls of the system.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Makes the file if there is none, for its owner alone: it holds requests with their credentials. SQLite gives its log the
/// same rights.
///
/// # Errors
/// It cannot be made.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// The data file and its log, as they were when they were seen first.
#[derive(Debug)]
pub(super) struct Files([(PathBuf, Option<Identity>); 2]);

/// What tells a file from another one of its name.
type Identity = (u64, u64);

impl Files {
    pub(super) fn of(path: &Path) -> Self {
        let mut log = OsString::from(path);
        log.push("-wal");
        Self([(path.to_owned(), None), (log.into(), None)])
    }

    /// The file that was removed or replaced since it was seen first; none, if each is the one that it was.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn replaced(&mut self) -> io::Result<Option<&Path>> {
        for (path, seen) in &mut self.0 {
            let now = identity(path)?;
            if seen.is_some() && now != *seen {
                return Ok(Some(path));
            }
            *seen = now;
        }
        Ok(None)
    }
}

/// None: there is no such file.
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(number_of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn number_of(metadata: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Here an open file can be neither removed nor replaced.
#[cfg(not(unix))]
const fn number_of(_: &fs::Metadata) -> Identity {
    (0, 0)
}
