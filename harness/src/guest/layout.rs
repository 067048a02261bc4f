// SPDX-License-Identifier: GPL-2.0-or-later
//! The same guest with other pages of memory in use.
//!
//! Which pages a testcase gets, and what is in them before, follows from all that was allocated before it, so that two images differ
//! in their maintenance operations by whole pages of them, for reasons that have nothing to do with their patches. A file in the
//! guest that nobody reads changes that, and nothing else.

use super::{ARCHIVE, Initramfs, KIND, Node, archive};
use crate::cache_dir::{Cache, key, sha256_file, write_atomically};
use crate::error::{Error, Result};

/// How many pages of 4 KiB each layout has in use more than the one before: odd, so that layouts differ in the lowest bits of
/// their pages' numbers, which choose colours of caches, and more than the allocator hands out at once (`pcp->batch`, at most 63).
const LAYOUT_PAGES: usize = 67;

/// The file that has them in use.
const LAYOUT: &str = "layout";

/// Returns the same programs beside a file that takes pages of memory, by which every page that is allocated after it is another one;
/// for layout 0 the programs as they are.
///
/// # Errors
///
/// Infrastructure: the archive cannot be read or written.
pub fn in_layout(cache: &Cache, programs: &Initramfs, layout: u32) -> Result<Initramfs> {
    if layout == 0 {
        return Ok(programs.clone());
    }
    let key = key([("programs", programs.sha256.as_bytes()), (LAYOUT, &layout.to_be_bytes())]);
    let dir = cache.entry(KIND, &key, |dir| {
        let mut bytes = std::fs::read(&programs.path).map_err(|e| Error::io("read", &programs.path, e))?;
        // Archives one after the other are one to Linux, each from a multiple of four bytes on
        // (Documentation/driver-api/early-userspace/buffer-format.rst).
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let pages = vec![0; LAYOUT_PAGES * layout as usize * 4096];
        bytes.extend(archive(vec![(LAYOUT.to_owned(), Node::File(pages))])?);
        write_atomically(&dir.join(ARCHIVE), &bytes)
    })?;
    let path = dir.join(ARCHIVE);
    Ok(Initramfs { sha256: sha256_file(&path)?, path })
}
