// SPDX-License-Identifier: GPL-2.0-or-later
//! From where patches are kept to the patches: files, directories, mailboxes, git repositories. All are only read.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::mail::{Mail, mails};
use super::thread::{Thread, has_diff};
use super::{Patch, range};
use crate::error::{Error, Result};
use crate::plan::{One, Patches};

/// The largest file that is read, in MiB: a thread of hundreds of mails has a few, and whatever is larger is an archive.
const LIMIT_MIB: u64 = 32;

/// The list of its patches that quilt keeps beside them.
const SERIES: &str = "series";

/// Returns the patches of a variant in the order in which they apply; paths start at `root`.
///
/// # Errors
///
/// Study, for what cannot be read, is too large or is no patch; infrastructure if git is missing.
pub fn gather(root: &Path, series: &[Patches]) -> Result<Vec<Patch>> {
    let mut all = Vec::new();
    for patches in series {
        match patches {
            Patches::File(path) => all.extend(file(&root.join(path))?),
            Patches::Mbox { mbox, message_id, one } => {
                let mbox = root.join(mbox);
                let name = mbox.display().to_string();
                let thread = thread(&mbox)?;
                let id = one.as_ref().and_then(One::message_id).or(message_id.as_deref());
                let series = thread.choose(&name, id)?;
                all.extend(match one {
                    Some(one) => series.one(&name, one)?,
                    None => series.patches(&name)?,
                });
            }
            Patches::Directory { series } => all.extend(directory(&root.join(series))?),
            // No patch, but another tree, which whoever has the kernel's own one lays over it.
            Patches::Tree { .. } => {}
            Patches::Git { git, range } => all.extend(range::patches(&root.join(git), range)?),
        }
    }
    Ok(all)
}

/// Reads a mailbox.
///
/// # Errors
///
/// Study, when it cannot be read, is too large, or is compressed.
pub fn thread(mbox: &Path) -> Result<Thread> {
    let bytes = read(mbox)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(Error::study(format!("{}: is compressed", mbox.display()))
            .hint("lists' archives give mailboxes so: unpack it by gunzip"));
    }
    Ok(Thread::new(mails(&bytes)))
}

/// Reads a patch file; one that is a mail in transit is decoded, and a cover letter is none.
fn file(path: &Path) -> Result<Option<Patch>> {
    let mut patch = Patch { name: path.display().to_string(), is_file: true, text: read(path)? };
    let head = patch.text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let head: Vec<String> = head
        .take_while(|line| !line.is_empty())
        .map(|line| String::from_utf8_lossy(line).to_lowercase())
        .collect();
    let encoded = |line: &String| {
        [
            "content-transfer-encoding: base64",
            "content-transfer-encoding: quoted-printable",
            "content-type: multipart/",
        ]
        .iter()
        .any(|start| line.starts_with(start))
            || line.contains("format=flowed")
    };
    let subject = head.iter().any(|line| line.starts_with("subject: "));
    if subject && head.iter().any(encoded) {
        let name = patch.name.clone();
        let thread = Thread::new(mails(&patch.text));
        if thread.series.is_empty() && is_cover(&patch.text) {
            return Ok(None);
        }
        let series = thread.choose(&name, None)?;
        patch.text = series.only(&name)?.concat();
    } else if subject && is_cover(&patch.text) {
        return Ok(None);
    }
    // What was converted as a whole on its way; kernel sources do not end their lines so.
    let lines = || patch.text.split_inclusive(|byte| *byte == b'\n');
    if lines().next().is_some() && lines().all(|line| line.ends_with(b"\r\n") || !line.ends_with(b"\n")) {
        patch.text = lines()
            .flat_map(|line| line.strip_suffix(b"\r\n").map_or(line.to_vec(), |l| [l, b"\n"].concat()))
            .collect();
    }
    Ok(Some(patch))
}

/// Returns whether a mail is the letter that comes before the patches of a series.
fn is_cover(bytes: &[u8]) -> bool {
    let zeroth = |mail: &Mail| mail.subject.number.is_some_and(|(n, total)| n == 0 && total > 0);
    mails(bytes).iter().all(|mail| zeroth(mail) && !has_diff(&mail.text.text))
}

/// Reads the patch files of a directory: those that its file `series` lists, as quilt keeps them, or else all of them, in the
/// order of their names.
fn directory(path: &Path) -> Result<Vec<Patch>> {
    let list = path.join(SERIES);
    let (files, hint) = if list.is_file() {
        (listed(&list)?, "quilt's `series` lists files, one in a line, in the order in which they apply")
    } else {
        (
            all_of(path)?,
            "patches are files that end in .patch, .diff or .eml, as `git format-patch -o` writes them",
        )
    };
    let mut all = Vec::new();
    for path in &files {
        all.extend(file(path)?);
    }
    if all.is_empty() {
        return Err(Error::study(format!("{}: the series has no patch", path.display())).hint(hint));
    }
    Ok(all)
}

fn all_of(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = path
        .read_dir()
        .map_err(|e| Error::study(format!("cannot read the series {}: {e}", path.display())))?;
    let is_patch = |path: &PathBuf| {
        path.extension().is_some_and(|ext| ["patch", "diff", "eml"].iter().any(|known| ext == *known))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_patch).collect();
    files.sort();
    Ok(files)
}

/// Returns the files that a `series` of quilt lists: in each line a path, options, and a remark behind `#`.
fn listed(list: &Path) -> Result<Vec<PathBuf>> {
    let text = read(list)?;
    let (mut files, beside) = (Vec::new(), list.parent().unwrap_or(list));
    for (n, line) in String::from_utf8_lossy(&text).lines().enumerate() {
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(name) = words.next() else { continue };
        let fault = |why: String, mend: &str| {
            Err(Error::study(format!("{}:{}: {name}: {why}", list.display(), n + 1)).hint(mend))
        };
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return fault("leads out of the series".into(), "quilt's patches lie below the file `series`");
        }
        if let Some(option) = words.find(|option| !["-p1", "-pab"].contains(option)) {
            return fault(
                format!("the option {option} is not known here"),
                "only -p1 and -pab are: `quilt refresh -p1` writes such a patch; one under -R is turned round by \
                 `git apply -R` and `git diff`",
            );
        }
        let file = beside.join(name);
        if !file.is_file() {
            return fault("does not exist".into(), "take the line out of `series`, or get the file");
        }
        files.push(file);
    }
    Ok(files)
}

/// Reads a file of a limited size.
fn read(path: &Path) -> Result<Vec<u8>> {
    let cannot = |e: std::io::Error| Error::study(format!("cannot read {}: {e}", path.display()));
    let meta = path.metadata().map_err(cannot)?;
    if !meta.is_file() {
        return Err(Error::study(format!("{} is not a plain file", path.display())));
    }
    let limit = LIMIT_MIB << 20;
    let mut bytes = Vec::new();
    if meta.len() <= limit {
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    }
    if meta.len().max(bytes.len() as u64) > limit {
        return Err(Error::study(format!(
            "{}: has {} MiB, and at most {LIMIT_MIB} MiB are read",
            path.display(),
            meta.len() >> 20
        ))
        .hint("take the mails of one thread out of it, as `b4 mbox` does with a message id"));
    }
    Ok(bytes)
}
