// SPDX-License-Identifier: GPL-2.0-or-later
//! What a build's log says is wrong.

use std::path::Path;

/// How lines of compiler, assembler, linker and modpost say that something is wrong.
const WRONG: [&str; 6] = [
    " error: ",
    " Error: ",
    "undefined reference to",
    "multiple definition of",
    "ERROR: modpost:",
    " error, ",
];

/// Returns the first line of a log that says what is wrong, with paths as they are in `tree`; make's, if nobody else says
/// anything, and at last whatever line is the last.
pub fn complaint(log: &str, tree: &Path) -> String {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
    let wrong = |line: &&str| WRONG.iter().any(|sign| line.contains(sign));
    let make = |line: &&str| line.starts_with("make") && line.contains("***");
    let found = lines().find(wrong).or_else(|| lines().find(make)).or_else(|| lines().next_back());
    let found = found.unwrap_or_default();
    let tree = format!("{}/", tree.display());
    let plain = if tree == "/" { found.to_owned() } else { found.replace(&tree, "") };
    plain.trim_start_matches("../").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_complaint_is_found_before_what_follows_from_it() {
        let log = "  CC a.o\n/cache/tree/a.c:3:1: error: unknown type\n/cache/tree/a.c:9:2: error: more\n\
                   make: *** [a.o] Error 1";
        assert_eq!(complaint(log, Path::new("/cache/tree")), "a.c:3:1: error: unknown type");
        let fatal = "../b.c:1:10: fatal error: x.h: No such file\nmake[1]: *** [b.o] Error 1";
        assert_eq!(complaint(fatal, Path::new("/t")), "b.c:1:10: fatal error: x.h: No such file");
        let linker =
            "ld: vmlinux.o: in function `f':\na.c:(.text+0x8): undefined reference to `g'\nmake: *** x";
        assert_eq!(complaint(linker, Path::new("/t")), "a.c:(.text+0x8): undefined reference to `g'");
        let make = "  CC a.o\nmake[2]: *** No rule to make target 'x.o'\nmake: *** [all] Error 2";
        assert_eq!(complaint(make, Path::new("/t")), "make[2]: *** No rule to make target 'x.o'");
        assert_eq!(complaint("just this\n\n", Path::new("/")), "just this");
    }
}
