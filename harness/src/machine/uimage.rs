// SPDX-License-Identifier: GPL-2.0-or-later
//! The legacy U-Boot header, by which QEMU learns where an image belongs.
//!
//! An ARM `Image` has no header of its own, and QEMU loads such a file to another address than the one for which it is
//! linked (`load_aarch64_image` and `arm_load_kernel` in its hw/arm/boot.c). A `zImage` finds its own way, but nearly
//! half of a boot's instructions are then the decompressor's.

use std::path::{Path, PathBuf};

use crate::cache_dir::{Cache, key, write_atomically};
use crate::error::{Error, Result};

/// Kind of the cache entries: an image behind its header.
pub const KIND: &str = "uimage";

/// Length of the header.
const HEADER: usize = 64;

/// `IH_MAGIC`, and four bytes that say: Linux, ARM, a kernel, not compressed (`IH_OS_LINUX`, `IH_ARCH_ARM`,
/// `IH_TYPE_KERNEL`, `IH_COMP_NONE`), all from U-Boot's include/image.h.
const MAGIC: u32 = 0x2705_1956;
const KIND_OF_IMAGE: [u8; 4] = [5, 2, 2, 0];

/// At most 32 bytes, the rest zero.
const NAME: &[u8] = b"patcheval";

/// Returns the header of an uncompressed ARM kernel that is loaded to `address` and entered there. No time is in it.
pub fn header(image: &[u8], address: u32) -> [u8; HEADER] {
    let size = u32::try_from(image.len()).unwrap_or(u32::MAX);
    // Magic, checksum of the header, time, size, load address, entry, checksum of the image.
    let words = [MAGIC, 0, 0, size, address, address, crc32fast::hash(image)];
    let mut header = [0; HEADER];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    header[28..32].copy_from_slice(&KIND_OF_IMAGE);
    header[32..32 + NAME.len()].copy_from_slice(NAME);
    // Of the header with zero in its own place.
    let checksum = crc32fast::hash(&header);
    header[4..8].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// Returns the file, made if the cache does not have it, with the image at `image` behind its header; `sha256` is the
/// image's.
///
/// # Errors
///
/// Infrastructure, when a file cannot be read or written.
pub fn provide(cache: &Cache, image: &Path, sha256: &str, address: u32) -> Result<PathBuf> {
    const FILE: &str = "uImage";
    let key = key([("image", sha256.as_bytes()), ("address", &address.to_be_bytes()), ("name", NAME)]);
    let dir = cache.entry(KIND, &key, |dir| {
        let bytes = std::fs::read(image).map_err(|error| Error::io("read", image, error))?;
        write_atomically(&dir.join(FILE), &[&header(&bytes, address), bytes.as_slice()].concat())
    })?;
    Ok(dir.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offsets are those of `struct legacy_img_hdr` in U-Boot's include/image.h; 0xcbf43926 is the check value of
    /// CRC-32.
    #[test]
    fn the_header_is_laid_out_as_u_boot_defines_it() {
        let header = header(b"123456789", 0x4000_8000);
        let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
        assert_eq!(word(0), 0x2705_1956, "ih_magic");
        assert_eq!(word(8), 0, "ih_time");
        assert_eq!(word(12), 9, "ih_size");
        assert_eq!((word(16), word(20)), (0x4000_8000, 0x4000_8000), "ih_load, ih_ep");
        assert_eq!(word(24), 0xcbf4_3926, "ih_dcrc");
        assert_eq!(header[28..32], [5, 2, 2, 0], "ih_os, ih_arch, ih_type, ih_comp");
        assert_eq!(header[32..42], *b"patcheval\0", "ih_name");
        let mut without = header;
        without[4..8].fill(0);
        assert_eq!(word(4), crc32fast::hash(&without), "ih_hcrc");
    }

    #[test]
    fn an_image_has_one_file_for_each_address() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        let image = dir.path().join("Image");
        std::fs::write(&image, "kernel").unwrap();
        let low = provide(&cache, &image, "12", 0x8000).unwrap();
        let high = provide(&cache, &image, "12", 0x6000_8000).unwrap();
        assert_ne!(low, high);
        let bytes = std::fs::read(&high).unwrap();
        assert_eq!((&bytes[16..20], &bytes[HEADER..]), (&[0x60, 0, 0x80, 0][..], b"kernel".as_slice()));
        // The second time it is there, and the image is not read any more.
        std::fs::remove_file(&image).unwrap();
        assert_eq!(provide(&cache, &image, "12", 0x8000).unwrap(), low);
    }
}
