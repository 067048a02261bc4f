// SPDX-License-Identifier: GPL-2.0-or-later
//! Testcases know no architecture: what depends on one is in its directory of the guest library, and all have the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Of the guest library, relative to the repository.
const ARCHITECTURES: &str = "testcases/guest/arch";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the names in a directory, without an extension if there is one to remove.
fn names(dir: &str, remove: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(dir)).unwrap_or_else(|e| panic!("{dir}: {e}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.trim_end_matches(remove).to_owned()).collect()
}

/// Returns the macros by which these lines ask for an architecture, as compilers define them: `__arm__`.
fn asked<'a>(text: &'a str, architectures: &BTreeSet<String>) -> Vec<&'a str> {
    let known = |word: &str| architectures.contains(word.trim_matches('_')) && word.starts_with("__");
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| known(word)).collect()
}

#[test]
fn what_depends_on_an_architecture_is_in_its_directory_and_all_have_the_same_files() {
    let architectures = names(ARCHITECTURES, "");
    assert_eq!(architectures, names("kernels/arch", ".yaml"));
    let mut files = architectures.iter().map(|arch| (arch, names(&format!("{ARCHITECTURES}/{arch}"), "")));
    let (first, wanted) = files.next().unwrap();
    for (arch, found) in files {
        assert_eq!(found, wanted, "{arch} has other files than {first}");
    }
    let mut read = 0;
    for entry in WalkDir::new(root().join("testcases")) {
        let path = entry.unwrap().into_path();
        let is_c = path.extension().is_some_and(|kind| kind == "c" || kind == "h");
        if is_c && !path.starts_with(root().join(ARCHITECTURES)) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(asked(&text, &architectures), [""; 0], "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 30, "{read} files");
}

#[test]
fn a_question_for_an_architecture_is_found() {
    let architectures = BTreeSet::from(["arm".to_owned(), "mips".to_owned()]);
    assert_eq!(asked("#elif defined(__arm__) && x", &architectures), ["__arm__"]);
    assert_eq!(asked("__asm__(\"\") /* arm mips __arms__ */", &architectures), [""; 0]);
}
