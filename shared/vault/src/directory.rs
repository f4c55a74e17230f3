//! A vault in a directory: what a mirror made with any S3 tool is, on any file system.
//!
//! An object is a file, and its key is the file's path below the root. Nothing can be removed, copied or locked here: that is
//! for whoever keeps the directory.

mod listing;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;

use crate::PortError;
use crate::port::{Created, ListObjects, ObjectInfo, ReadObjects, WriteObjects};

/// Names of files that are still being written begin with this. They are no objects.
const PENDING: &str = ".holdfast-pending-";

/// Tells the pending files of one process from each other.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// A directory as a vault's object store.
///
/// Keys differ by case, so the file system must tell names apart by it; creating needs hard links. Symbolic links are followed:
/// they are the owner's own arrangement. Calls are made where the caller stands, one after the other.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

/// What becomes of a file that has that name already.
#[derive(Clone, Copy)]
enum Placing {
    Create,
    Overwrite,
}

impl Directory {
    /// The directory at a path.
    ///
    /// # Errors
    /// `NotFound` when there is no directory.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, PortError> {
        let directory = Directory { root: root.into() };
        directory.check_root()?;
        Ok(directory)
    }

    /// What is not there must not look like what is empty.
    fn check_root(&self) -> Result<(), PortError> {
        if self.root.is_dir() {
            return Ok(());
        }
        let root = self.root.display();
        Err(PortError::NotFound(format!("{root} is no directory: is it mounted?")))
    }

    /// Where an object's file is.
    ///
    /// # Errors
    /// `Invalid` for a key that is no path below the root.
    fn path(&self, key: &str) -> Result<PathBuf, PortError> {
        let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.starts_with(PENDING);
        // A backslash parts folders on some systems; no key of a vault has one.
        if key.split('/').all(is_name) && !key.contains(['\0', '\\']) {
            return Ok(self.root.join(key));
        }
        Err(PortError::Invalid(format!("{key:?} cannot be a file's path")))
    }

    fn uri(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }

    fn open_file(&self, key: &str) -> Result<(File, u64), PortError> {
        let path = self.path(key)?;
        let opened = File::open(&path).and_then(|file| {
            let metadata = file.metadata()?;
            Ok((file, metadata))
        });
        match opened {
            Ok((file, metadata)) if metadata.is_file() => Ok((file, metadata.len())),
            Ok(_) => Err(PortError::NotFound(self.uri(key))),
            Err(error) => Err(self.failed("reading", key, &error)),
        }
    }

    fn read(&self, key: &str, from: u64, bytes: u64) -> Result<Bytes, PortError> {
        let (mut file, length) = self.open_file(key)?;
        let bytes = bytes.min(length.saturating_sub(from));
        if bytes == 0 {
            return Ok(Bytes::new());
        }
        let mut body = Vec::new();
        let read = file
            .seek(SeekFrom::Start(from))
            .and_then(|_| file.take(bytes).read_to_end(&mut body));
        match read {
            Ok(_) => Ok(body.into()),
            Err(error) => Err(self.failed("reading", key, &error)),
        }
    }

    /// Writes a file aside, whole and down to the disk, and only then gives it its name: readers see all of it or nothing, also
    /// after a crash.
    fn place(&self, key: &str, body: &[u8], placing: Placing) -> Result<Created, PortError> {
        let path = self.path(key)?;
        let folder = path.parent().unwrap_or(&self.root);
        self.make_folder(key, folder)?;
        let failed = |error: &io::Error| self.failed("writing", key, error);
        let pending = write_aside(folder, body).map_err(|error| failed(&error))?;
        let placed = match placing {
            Placing::Create => fs::hard_link(&pending, &path),
            Placing::Overwrite => fs::rename(&pending, &path),
        };
        // After a rename it is gone already; what cannot be removed is no object.
        let removed = fs::remove_file(&pending);
        match (placed, placing) {
            (Ok(()), _) => {}
            (Err(error), Placing::Create) if error.kind() == ErrorKind::AlreadyExists && path.is_file() => {
                return Ok(Created::Existed);
            }
            (Err(error), _) => return Err(failed(&error)),
        }
        if matches!(placing, Placing::Create) {
            removed.map_err(|error| failed(&error))?;
        }
        sync_folder(folder).map_err(|error| failed(&error))?;
        Ok(Created::New)
    }

    fn make_folder(&self, key: &str, folder: &Path) -> Result<(), PortError> {
        if folder.is_dir() {
            return Ok(());
        }
        self.check_root()?;
        let made = fs::create_dir_all(folder).and_then(|()| {
            let ours = folder
                .ancestors()
                .skip(1)
                .take_while(|above| above.starts_with(&self.root));
            ours.into_iter().try_for_each(sync_folder)
        });
        match made {
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => Err(
                PortError::Invalid(format!("{}: what should be a folder is a file", self.uri(key))),
            ),
            made => made.map_err(|error| self.failed("making the folder of", key, &error)),
        }
    }

    fn failed(&self, doing: &str, key: &str, error: &io::Error) -> PortError {
        let message = format!("{doing} {}: {error}", self.uri(key));
        match error.kind() {
            // What lies below a file is as little there as what lies nowhere.
            ErrorKind::NotFound | ErrorKind::NotADirectory => match self.check_root() {
                Ok(()) => PortError::NotFound(self.uri(key)),
                Err(gone) => gone,
            },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => PortError::Denied(message),
            ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::IsADirectory
            | ErrorKind::AlreadyExists => PortError::Invalid(message),
            ErrorKind::Unsupported => PortError::Invalid(format!("{message}; use a file system that has hard links")),
            _ => PortError::Unavailable(message),
        }
    }
}

/// A new file with these bytes in a folder.
fn write_aside(folder: &Path, body: &[u8]) -> io::Result<PathBuf> {
    loop {
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{PENDING}{}-{number}", process::id()));
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            // Left by a process that was killed, or of another machine that writes here too.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let written = file.write_all(body).and_then(|()| file.sync_all());
        return match written {
            Ok(()) => Ok(path),
            Err(error) => fs::remove_file(&path).and(Err(error)),
        };
    }
}

/// Has a folder's names on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn info(key: String, metadata: &fs::Metadata) -> io::Result<ObjectInfo> {
    let modified_at = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
    Ok(ObjectInfo {
        key,
        bytes: metadata.len(),
        modified_at,
        locked_until: None,
    })
}

impl ReadObjects for Directory {
    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        self.read(key, 0, u64::MAX)
    }

    async fn get_range(&self, key: &str, from: u64, bytes: u64) -> Result<Bytes, PortError> {
        self.read(key, from, bytes)
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo, PortError> {
        let (file, _) = self.open_file(key)?;
        let found = file.metadata().and_then(|metadata| info(key.to_owned(), &metadata));
        found.map_err(|error| self.failed("looking at", key, &error))
    }
}

impl ListObjects for Directory {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<ObjectInfo>, PortError> {
        let page = listing::page(&self.root, prefix, after);
        let page = page.map_err(|error| self.failed("listing", prefix, &error))?;
        if page.is_empty() {
            self.check_root()?;
        }
        Ok(page)
    }
}

impl WriteObjects for Directory {
    async fn create(&self, key: &str, body: Bytes) -> Result<Created, PortError> {
        // Most of what is created twice is known by its name: no need to write it first.
        match self.open_file(key) {
            Ok(_) => Ok(Created::Existed),
            Err(PortError::NotFound(_)) => self.place(key, &body, Placing::Create),
            Err(error) => Err(error),
        }
    }

    async fn overwrite(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        self.place(key, &body, Placing::Overwrite).map(|_| ())
    }
}
