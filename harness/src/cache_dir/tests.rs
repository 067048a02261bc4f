// SPDX-License-Identifier: GPL-2.0-or-later
//! Entries are made once, kept whole, and used by several.

use super::*;

fn cache() -> (tempfile::TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(&dir.path().join("c")).unwrap();
    (dir, cache)
}

#[test]
fn an_entry_is_made_once() {
    let (_dir, cache) = cache();
    let make = |dir: &Path| std::fs::write(dir.join("f"), "x").map_err(|e| Error::io("write", dir, e));
    let made = cache.entry("k", "1", make).unwrap();
    let again = cache.entry("k", "1", |_| Err(Error::internal("made twice"))).unwrap();
    assert_eq!(made, again);
    assert_eq!(std::fs::read_to_string(again.join("f")).unwrap(), "x");
}

#[test]
fn a_failed_entry_is_not_used_and_starts_afresh() {
    let (_dir, cache) = cache();
    let fail = |dir: &Path| {
        std::fs::write(dir.join("half"), "x").unwrap();
        Err(Error::infrastructure("no"))
    };
    cache.entry("k", "1", fail).unwrap_err();
    assert_eq!(cache.peek("k", "1"), None);
    let made = cache.entry("k", "1", |_| Ok(())).unwrap();
    assert!(!made.join("half").exists());
}

#[test]
fn a_sweep_removes_the_rest_of_interrupted_builds_only() {
    let (_dir, cache) = cache();
    let kept = cache.entry("k", "1", |_| Ok(())).unwrap();
    let half = cache.path("k", "2");
    let (orphan, busy) = (cache.root().join("tmp/sold"), cache.scratch().unwrap());
    std::fs::create_dir_all(&half).unwrap();
    std::fs::create_dir_all(&orphan).unwrap();
    cache.sweep(&["k"]).unwrap();
    assert!(kept.exists() && busy.path().exists());
    assert!(!half.exists() && !orphan.exists());
}

#[test]
fn keys_tell_parts_apart_and_match_sha256sum() {
    assert_ne!(
        key([("a", b"1".as_slice()), ("b", b"".as_slice())]),
        key([("a", b"".as_slice()), ("b", b"1")])
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sha256_file(file.path()).unwrap(), empty);
}

#[test]
fn a_path_that_make_would_split_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Cache::at(&dir.path().join("a b")).unwrap_err().to_string().contains("make cannot take"));
}

#[test]
fn an_altered_entry_is_made_again_and_reported_once() {
    let (_dir, cache) = cache();
    let make = |dir: &Path| {
        std::fs::create_dir(dir.join("sub")).unwrap();
        std::fs::write(dir.join("sub/f"), "content").map_err(|e| Error::io("write", dir, e))
    };
    let file = cache.entry("k", "1", make).unwrap().join("sub/f");
    // Other lengths, the same length, and nothing at all.
    for broken in [Some("cont"), Some("c0ntent"), None] {
        match broken {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let other = Cache::at(cache.root()).unwrap();
        assert_eq!(other.peek("k", "1"), None, "{broken:?}");
        other.entry("k", "1", make).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "content");
        assert_eq!((other.altered(), other.altered()), (vec!["k/1".to_owned()], Vec::new()));
        assert!(other.peek("k", "1").is_some());
    }
}

#[test]
fn a_tree_is_believed_by_its_mark() {
    let (_dir, cache) = cache();
    let make = |dir: &Path| {
        (0..100)
            .try_for_each(|n| std::fs::write(dir.join(n.to_string()), "x"))
            .map_err(|e| Error::io("write", dir, e))
    };
    let dir = cache.entry("k", "1", make).unwrap();
    std::fs::write(dir.join("7"), "y").unwrap();
    assert!(Cache::at(cache.root()).unwrap().peek("k", "1").is_some());
}
