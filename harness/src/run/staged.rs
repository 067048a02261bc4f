// SPDX-License-Identifier: GPL-2.0-or-later
//! What a variant changes in a kernel's tree: the tree of another commit, and patches to it.

use std::path::Path;

use super::bisect::laid_over;
use crate::error::{Error, Result};
use crate::patch::{self, Patch, Staged};
use crate::plan::{Kernel, Patches, Source};
use crate::source::Tree;
use crate::source::repository::Repository;

/// Returns the changes of a variant, whose patches come from `series`; paths start at `root`.
///
/// # Errors
///
/// Study, for a commit that is none of the kernel's repository, and as [`patch::stage`]; infrastructure.
pub(super) fn stage_variant(
    root: &Path,
    tree: &Tree,
    kernel: &Kernel,
    series: &[Patches],
    patches: &[Patch],
) -> Result<Staged> {
    let mut under = Staged::default();
    for (n, one) in series.iter().enumerate() {
        let Patches::Tree { tree: repository, commit } = one else { continue };
        if n > 0 {
            return Err(Error::study(format!("{one} would undo the patches below it"))
                .hint("a variant that is a commit is `on` no other"));
        }
        let Source::Git { reference, .. } = &kernel.source else {
            return Err(Error::study(format!(
                "{one} cannot be tried on {}, whose source is no git tree",
                kernel.name
            ))
            .hint(
                "give the kernel `source: {git: ..., ref: ...}`, or take the commits as patches by `range`",
            ));
        };
        let repository = Repository::open(&root.join(repository))?;
        let (base, commit) = (repository.commit(reference)?, repository.commit(commit)?);
        under = laid_over(&tree.path, repository.changes(&base.hash, &commit.hash)?)?;
    }
    patch::stage_over(&tree.path, &under, patches)
}
