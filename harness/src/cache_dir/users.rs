// SPDX-License-Identifier: GPL-2.0-or-later
//! Who uses which entries, and keeping the cache under a bound without taking anything away from them.
//!
//! A process that uses entries has a file `users/<random>`, locked for as long as the process lives, with a line for each
//! entry. A file that nobody locks is that of a process which was killed, and says nothing. Cleaning holds the lock
//! `clean` alone; noting an entry down shares it, so that no entry goes between the note and its use.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use super::{COMPLETE, Cache, children, remove};
use crate::error::{Error, Result};
use crate::process::check_interrupted;

/// Held while entries are removed.
const LOCK: &str = "clean";

const USERS: &str = "users";

/// The entries that this process uses.
#[derive(Debug)]
pub(super) struct User {
    path: PathBuf,
    file: File,
    noted: BTreeSet<String>,
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What cleaning did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Removed entries as `kind/key`, and their bytes; the one that was unused for longest comes first.
    pub removed: Vec<(String, u64)>,
    /// Bytes of the entries that are left.
    pub left: u64,
    /// How many of those are in use.
    pub in_use: usize,
}

/// An entry and what is known of it.
struct CacheEntry {
    name: String,
    dir: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Cache {
    /// Notes down that this process uses an entry from now on; its time of use is now.
    pub(super) fn note(&self, kind: &str, key: &str) -> Result<()> {
        let name = format!("{kind}/{key}");
        let mut user = self.user.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if user.as_ref().is_some_and(|user| user.noted.contains(&name)) {
            return Ok(());
        }
        let _lock = self.lock_shared(LOCK)?;
        if user.is_none() {
            *user = Some(self.register()?);
        }
        if let Some(user) = user.as_mut() {
            writeln!(user.file, "{name}").map_err(|error| Error::io("write", &user.path, error))?;
            user.noted.insert(name);
        }
        if let Ok(complete) = File::options().append(true).open(self.path(kind, key).join(COMPLETE)) {
            // A cache that cannot be written to is not cleaned either.
            let _ = complete.set_modified(SystemTime::now());
        }
        Ok(())
    }

    fn register(&self) -> Result<User> {
        let dir = self.root.join(USERS);
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        let made = tempfile::Builder::new().prefix("u").tempfile_in(&dir);
        let made = made.map_err(|error| Error::io("create a file in", &dir, error))?;
        let (file, path) = made.keep().map_err(|error| Error::io("keep a file in", &dir, error.error))?;
        file.try_lock()
            .map_err(|error| Error::infrastructure(format!("cannot lock {}: {error}", path.display())))?;
        Ok(User { path, file, noted: BTreeSet::new() })
    }

    /// Returns the bytes that all entries of some kinds take.
    ///
    /// # Errors
    ///
    /// Interrupted.
    pub fn bytes(&self, kinds: &[&str]) -> Result<u64> {
        Ok(self.entries(kinds)?.iter().map(|entry| entry.bytes).sum())
    }

    /// Removes entries until those that are left take at most `bound` bytes, the one that was unused for longest first, and
    /// never one that a living process uses.
    ///
    /// # Errors
    ///
    /// Infrastructure, if something cannot be removed; interrupted.
    pub fn clean(&self, kinds: &[&str], bound: u64) -> Result<Cleaned> {
        let _lock = self.lock(LOCK)?;
        let in_use = self.in_use()?;
        let mut entries = self.entries(kinds)?;
        entries.sort_by(|a, b| a.used.cmp(&b.used).then_with(|| a.name.cmp(&b.name)));
        let mut cleaned =
            Cleaned { left: entries.iter().map(|entry| entry.bytes).sum(), ..Cleaned::default() };
        for entry in entries {
            check_interrupted()?;
            if in_use.contains(&entry.name) {
                cleaned.in_use += 1;
            } else if cleaned.left > bound {
                // The mark first: what is half removed must not pass for an entry.
                let mark = entry.dir.join(COMPLETE);
                std::fs::remove_file(&mark).map_err(|error| Error::io("remove", &mark, error))?;
                remove(&entry.dir)?;
                cleaned.left -= entry.bytes;
                cleaned.removed.push((entry.name, entry.bytes));
            }
        }
        Ok(cleaned)
    }

    /// The entries that living processes use. The files of dead ones are removed.
    fn in_use(&self) -> Result<BTreeSet<String>> {
        let mut used = BTreeSet::new();
        let own = self.user.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        used.extend(own.iter().flat_map(|user| user.noted.clone()));
        let own = own.as_ref().map(|user| user.path.clone());
        for entry in
            WalkDir::new(self.root.join(USERS)).min_depth(1).sort_by_file_name().into_iter().flatten()
        {
            let path = entry.path();
            if own.as_deref() == Some(path) {
                continue;
            }
            let file = super::open_lock(path)?;
            match file.try_lock() {
                Ok(()) => std::fs::remove_file(path).map_err(|error| Error::io("remove", path, error))?,
                Err(_) => {
                    let text =
                        std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
                    used.extend(text.lines().map(str::to_owned));
                }
            }
        }
        Ok(used)
    }

    /// The complete entries of some kinds.
    fn entries(&self, kinds: &[&str]) -> Result<Vec<CacheEntry>> {
        let mut entries = Vec::new();
        for kind in kinds {
            for (key, dir) in children(&self.root.join(kind)) {
                let Some(used) = dir.join(COMPLETE).metadata().and_then(|meta| meta.modified()).ok() else {
                    continue;
                };
                check_interrupted()?;
                entries.push(CacheEntry { name: format!("{kind}/{key}"), bytes: bytes(&dir), used, dir });
            }
        }
        Ok(entries)
    }
}

/// The space that a directory takes on its disk; what vanishes meanwhile counts for nothing.
fn bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    /// The unit of `st_blocks` (stat(3type)).
    const BLOCK: u64 = 512;
    let metadata = WalkDir::new(dir).into_iter().flatten().filter_map(|entry| entry.metadata().ok());
    metadata.map(|meta| meta.blocks() * BLOCK).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("c")).unwrap();
        (dir, cache)
    }

    /// Makes an entry as another process would have done, which used it that many seconds ago and is gone.
    fn old(cache: &Cache, key: &str, ago: u64) {
        let other = Cache::at(cache.root()).unwrap();
        let make = |dir: &Path| {
            std::fs::write(dir.join("f"), vec![7; 100_000]).map_err(|e| Error::io("write", dir, e))
        };
        let dir = other.entry("k", key, make).unwrap();
        let mark = File::options().append(true).open(dir.join(COMPLETE)).unwrap();
        mark.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    }

    #[test]
    fn what_was_unused_for_longest_goes_first_and_no_more_than_must() {
        let (_dir, cache) = cache();
        for (key, ago) in [("1", 50), ("2", 90), ("3", 70)] {
            old(&cache, key, ago);
        }
        let all = cache.bytes(&["k"]).unwrap();
        assert!(all >= 300_000);
        assert_eq!(cache.clean(&["k"], all).unwrap(), Cleaned { left: all, ..Cleaned::default() });
        let cleaned = cache.clean(&["k"], all / 2).unwrap();
        let names: Vec<&str> = cleaned.removed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["k/2", "k/3"]);
        assert!(cache.peek("k", "1").is_some() && !cache.path("k", "2").exists());
        assert_eq!(cleaned.left, cache.bytes(&["k"]).unwrap());
    }

    #[test]
    fn what_somebody_uses_stays_until_they_are_gone() {
        let (_dir, cache) = cache();
        for (key, ago) in [("1", 50), ("2", 90)] {
            old(&cache, key, ago);
        }
        let other = Cache::at(cache.root()).unwrap();
        assert!(other.peek("k", "2").is_some());
        let cleaned = cache.clean(&["k"], 0).unwrap();
        assert_eq!((cleaned.removed.len(), cleaned.in_use), (1, 1));
        assert!(cache.path("k", "2").exists() && !cache.path("k", "1").exists());
        drop(other);
        assert_eq!(cache.clean(&["k"], 0).unwrap().removed.len(), 1);
        assert_eq!(std::fs::read_dir(cache.root().join(USERS)).unwrap().count(), 0, "nobody is left");
    }

    #[test]
    fn use_makes_an_entry_young_again() {
        let (_dir, cache) = cache();
        for (key, ago) in [("1", 50), ("2", 90)] {
            old(&cache, key, ago);
        }
        drop(
            Cache::at(cache.root()).unwrap().entry("k", "2", |_| Err(Error::internal("made twice"))).unwrap(),
        );
        let all = cache.bytes(&["k"]).unwrap();
        assert_eq!(cache.clean(&["k"], all - 1).unwrap().removed[0].0, "k/1");
    }
}
