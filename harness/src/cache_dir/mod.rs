// SPDX-License-Identifier: GPL-2.0-or-later
//! The cache directory: what is dear to make, kept by the content of what it was made from.
//!
//! An entry is a directory `<root>/<kind>/<key>`, built under a lock *at its final path* (kbuild remembers absolute
//! paths, so a build tree must not be moved) and valid once it has the file `.complete`, which is renamed into place
//! last. Whatever has no such file is the rest of an interrupted build: it is removed before the entry is built
//! again, and by [`Cache::sweep`]. So is an entry whose files are no longer those that `.complete` lists.

mod seal;
#[cfg(test)]
mod tests;
mod users;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::process::check_interrupted;
pub use users::Cleaned;

/// Marks a complete entry; holds its kind and key, and the checksums of its files.
const COMPLETE: &str = ".complete";

/// Held while scratch directories come into being or are swept.
const SCRATCH_LOCK: &str = "scratch";

/// How often a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// The cache directory. Cheap to clone; any number of processes may use one directory at the same time.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    user: Arc<Mutex<Option<users::User>>>,
    checked: Arc<Mutex<seal::Checked>>,
}

/// A lock on something in the cache, held until dropped, and let go by the kernel when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Cache {
    /// Returns the user's cache: `$PATCHEVAL_CACHE`, else `$XDG_CACHE_HOME/patcheval`, else `~/.cache/patcheval`.
    ///
    /// # Errors
    ///
    /// As [`Cache::at`]; study error if none of the variables is set.
    pub fn locate() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let root = set("PATCHEVAL_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("patcheval")))
            .or_else(|| set("HOME").map(|dir| dir.join(".cache/patcheval")));
        match root {
            Some(root) => Self::at(&root),
            None => Err(Error::study("no cache directory: HOME is not set")
                .hint("set PATCHEVAL_CACHE to a directory")),
        }
    }

    /// Returns the cache in `root`, which is created if need be.
    ///
    /// # Errors
    ///
    /// Study error if the path has characters that make or a mount option would split; infrastructure if it cannot
    /// be created.
    pub fn at(root: &Path) -> Result<Self> {
        let create = |dir: &Path| std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, e));
        create(root)?;
        let root = root.canonicalize().map_err(|e| Error::io("resolve", root, e))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
        if !root.to_str().is_some_and(|text| text.chars().all(plain)) {
            return Err(Error::study(format!(
                "the cache directory {} has a character in its path that make cannot take",
                root.display()
            ))
            .hint("set PATCHEVAL_CACHE to a path of letters, digits and / . _ - + @"));
        }
        create(&root.join("locks"))?;
        create(&root.join("tmp"))?;
        Ok(Self { root, user: Arc::default(), checked: Arc::default() })
    }

    /// Returns the directory, absolute and without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of an entry, whether it exists or not.
    pub fn path(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join(kind).join(key)
    }

    /// Returns the entry if it is complete, and its files are what they were when it was. It stays as long as this value or a clone of it lives.
    pub fn peek(&self, kind: &str, key: &str) -> Option<PathBuf> {
        self.note(kind, key).ok()?;
        Some(self.path(kind, key)).filter(|dir| self.is_whole(kind, key, dir))
    }

    /// Returns the entry, after `make` has filled its empty directory if there was none. It stays as long as this value or
    /// a clone of it lives.
    ///
    /// When `make` fails, what it left stays for the user to look at, until the next attempt.
    ///
    /// # Errors
    ///
    /// Those of `make`; infrastructure if the directory cannot be created or completed; interrupted.
    pub fn entry(&self, kind: &str, key: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.note(kind, key)?;
        if let Some(dir) = self.peek(kind, key) {
            return Ok(dir);
        }
        let _lock = self.lock(&entry_lock(kind, key))?;
        if let Some(dir) = self.peek(kind, key) {
            return Ok(dir);
        }
        let dir = self.path(kind, key);
        remove(&dir)?;
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        make(&dir)?;
        write_atomically(&dir.join(COMPLETE), format!("{kind} {key}\n{}", seal::of(&dir)?).as_bytes())?;
        Ok(dir)
    }

    /// Removes what interrupted builds left behind: entries that are neither complete nor being built.
    ///
    /// # Errors
    ///
    /// Infrastructure, if something cannot be removed.
    pub fn sweep(&self, kinds: &[&str]) -> Result<()> {
        for kind in kinds {
            for (name, dir) in children(&self.root.join(kind)) {
                if !dir.join(COMPLETE).exists() {
                    self.remove_unlocked(&entry_lock(kind, &name), &dir)?;
                }
            }
        }
        let _lock = self.lock(SCRATCH_LOCK)?;
        for (name, dir) in children(&self.root.join("tmp")) {
            self.remove_unlocked(&scratch_lock(&name), &dir)?;
        }
        Ok(())
    }

    /// Returns an empty directory on the cache's file system, removed when dropped or, after a crash, by a sweep.
    ///
    /// # Errors
    ///
    /// Infrastructure, if it cannot be created.
    pub fn scratch(&self) -> Result<Scratch> {
        let parent = self.root.join("tmp");
        // No sweep may see the directory before it is locked.
        let _lock = self.lock_shared(SCRATCH_LOCK)?;
        let dir = tempfile::Builder::new().prefix("s").tempdir_in(&parent);
        let dir = dir.map_err(|e| Error::io("create a scratch directory in", &parent, e))?;
        let name = dir.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = self.lock(&scratch_lock(&name))?;
        Ok(Scratch { dir, _lock: lock, lock_path: self.root.join("locks").join(scratch_lock(&name)) })
    }

    /// Takes a named lock alone, and waits for whoever holds it.
    ///
    /// # Errors
    ///
    /// Interrupted if the user asked to stop while waiting; infrastructure if the lock file cannot be created.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        self.locked(name, File::try_lock)
    }

    /// Takes a named lock together with others who share it.
    ///
    /// # Errors
    ///
    /// As [`Cache::lock`].
    pub fn lock_shared(&self, name: &str) -> Result<Lock> {
        self.locked(name, File::try_lock_shared)
    }

    fn locked(&self, name: &str, attempt: fn(&File) -> Result<(), std::fs::TryLockError>) -> Result<Lock> {
        let path = self.root.join("locks").join(name);
        let file = open_lock(&path)?;
        loop {
            match attempt(&file) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(std::fs::TryLockError::WouldBlock) => {
                    check_interrupted()?;
                    std::thread::sleep(RETRY);
                }
                Err(std::fs::TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
            }
        }
    }

    fn remove_unlocked(&self, lock: &str, dir: &Path) -> Result<()> {
        let path = self.root.join("locks").join(lock);
        let file = open_lock(&path)?;
        if file.try_lock().is_ok() {
            remove(dir)?;
        }
        Ok(())
    }
}

/// An empty directory for one piece of work; see [`Cache::scratch`].
#[derive(Debug)]
pub struct Scratch {
    dir: tempfile::TempDir,
    _lock: Lock,
    lock_path: PathBuf,
}

impl Scratch {
    /// Returns the directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is left to the next sweep.
        let _ = remove(self.dir.path());
        // The name is random and never used again, so nobody can be waiting for this lock.
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// Returns a key: the SHA-256 over named parts, in lower-case hexadecimal. Different lists of parts never run together.
pub fn key<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in parts {
        hash.update(format!("{name} {}\n", value.len()));
        hash.update(value);
    }
    hex(&hash.finalize())
}

/// Returns the SHA-256 of a file in lower-case hexadecimal, as sha256sum prints it.
///
/// # Errors
///
/// Infrastructure, if it cannot be read; interrupted.
pub fn sha256_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        check_interrupted()?;
        match file.read(&mut buffer).map_err(|e| Error::io("read", path, e))? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// Writes a file so that a reader, or a crash, sees the old or the new content and never a part. Others may read it as far as
/// the umask lets them, as with any other file.
///
/// # Errors
///
/// Infrastructure, with the path.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    // The parent of a bare name is the empty path.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(|e| Error::io("create a file in", dir, e))?;
    file.write_all(content)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|e| Error::io("write", path, e))?;
    file.persist(path).map_err(|e| Error::io("create", path, e.error))?;
    Ok(())
}

/// Removes a directory tree if it exists.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    let mut removed = std::fs::remove_dir_all(dir);
    if removed.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied) {
        // An overlay leaves an empty directory that not even its owner may read.
        open_up(dir);
        removed = std::fs::remove_dir_all(dir);
    }
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", dir, e)),
        _ => Ok(()),
    }
}

/// Lets the owner into every directory below; what is not ours shows when it cannot be removed.
fn open_up(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Opens a file that is there to be locked: on NFS a shared lock needs it open for reading, an exclusive one for writing
/// (flock(2), "NFS details").
pub(crate) fn open_lock(path: &Path) -> Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(|e| Error::io("create", path, e))
}

/// Returns bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn entry_lock(kind: &str, key: &str) -> String {
    format!("{kind}-{key}")
}

fn scratch_lock(name: &str) -> String {
    format!("tmp-{name}")
}

fn children(dir: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))
        .filter(|(_, p)| p.is_dir())
        .collect()
}
