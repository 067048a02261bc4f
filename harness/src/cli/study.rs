// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval study new`: a study of the patches in a thread.

use super::args::{Args, NewStudy};
use super::commands::{print, root};
use crate::cache_dir::Cache;
use crate::error::{Result, exit};
use crate::run::{self, ProposeOptions};
use crate::study;

/// Writes a study and says what it has and what is to be done next.
pub(super) fn new(args: &Args, asked: &NewStudy) -> Result<u8> {
    let root = root(args)?;
    let mut testcases = asked.testcases.clone();
    let paired = study::pairing(&root, &asked.kernel);
    if let Some((_, usual)) = paired.filter(|_| testcases.is_empty()) {
        testcases = usual;
    }
    let plan = study::single(&root, &asked.kernel, asked.machine.as_deref(), &testcases, None, 1)?;
    let output = asked.output.as_deref().unwrap_or(&root);
    let options = ProposeOptions { mbox: &asked.mbox, name: asked.name.as_deref(), output };
    let made = run::propose(&Cache::locate()?, &root, &plan, &options)?;
    print(&format!(
        "{}: {} variants: {}\n",
        made.file.display(),
        made.variants.len(),
        made.variants.join(", ")
    ))?;
    for note in &made.notes {
        print(&format!("{note}\n"))?;
    }
    let name = &made.name;
    if asked.output.is_none() {
        // Nobody is to find out only when running it that it cannot be read.
        let trials = study::load(&root, name)?.trials().len();
        print(&format!(
            "next: say in patches/{name}/*/variant.yaml what you expect, then run its {trials} trials: patcheval run {name}\n"
        ))?;
    } else {
        print(&format!(
            "next: put patches/{name} and ci/studies/{name}.yaml into a repository: patcheval run {name}\n"
        ))?;
    }
    Ok(exit::MET)
}
