// SPDX-License-Identifier: GPL-2.0-or-later
//! The reference of the YAML files, made from the types that read them: schemas for editors, and pages for people.

mod example;
mod keys;
mod page;
mod schema;

use std::collections::BTreeMap;

use schemars::Schema;
use schemars::schema_for;

use crate::known::Known;
use crate::plan::hardware::MachineFile;
use crate::plan::model::{CaseFile, StudyFile, VariantFile};
use crate::plan::parts::{ArchitectureFile, FeatureFile, KernelFile, SourceFile};
use crate::sanitize::Suppression;

use schema::tidy;

/// A kind of YAML file.
#[derive(Debug)]
pub struct FileKind {
    /// What it is called, also in the names of schema and page.
    pub name: &'static str,
    /// Where such files lie in the repository: `*` stands for one name.
    pub pattern: &'static str,
    /// Files from which examples are taken before others of the kind.
    preferred: &'static [&'static str],
    /// What is to be known of such files beside their keys.
    note: &'static str,
    schema: fn() -> Schema,
}

/// The repository's own kernels are all composed: this one is the example of one that is not.
const OWN_KERNEL: &str = "harness/doc/kernel.yaml";

/// All kinds of YAML files, in the order of their pages.
pub const KINDS: [FileKind; 10] = [
    FileKind {
        name: "study",
        pattern: "ci/studies/*.yaml",
        preferred: &["ci/studies/quick.yaml", "ci/studies/founding.yaml", "ci/studies/selftests.yaml"],
        note: "`patcheval list` checks all studies; `patcheval run STUDY` runs one, by its name or by the path of its file.",
        schema: || schema_for!(StudyFile),
    },
    FileKind {
        name: "architecture",
        pattern: "kernels/arch/*.yaml",
        preferred: &["kernels/arch/arm.yaml"],
        note: "A kernel is called ARCH-SOURCE, or ARCH-SOURCE-FEATURE with one or more features, one of which may be a board; \
               its parts are in these files, in `kernels/common/sources.yaml` and in `kernels/common/features.yaml`. Each \
               symbol in the configuration fragments must be granted by kbuild.",
        schema: || schema_for!(ArchitectureFile),
    },
    FileKind {
        name: "sources",
        pattern: "kernels/common/sources.yaml",
        preferred: &[],
        note: "The names are the second words of the names of kernels, in quotes, as YAML would read `6.10` as a number. Exactly \
               one of `debian`, `tarball`, `directory` and `git` is given.",
        schema: || schema_for!(BTreeMap<String, SourceFile>),
    },
    FileKind {
        name: "features",
        pattern: "kernels/common/features.yaml",
        preferred: &[],
        note: "The names are further words of the names of kernels. An architecture may have a feature of its own by the same \
               name, which counts in place of this one.",
        schema: || schema_for!(BTreeMap<String, FeatureFile>),
    },
    FileKind {
        name: "kernel",
        pattern: "kernels/*.yaml",
        preferred: &[OWN_KERNEL],
        note: "Only a kernel that cannot be composed by its name needs such a file. Its configuration fragments lie beside it; each \
               symbol in them must be granted by kbuild. Of `source`, exactly one of `debian`, `tarball`, `directory` and `git` \
               is given.",
        schema: || schema_for!(KernelFile),
    },
    FileKind {
        name: "machine",
        pattern: "kernels/machines/*.yaml",
        preferred: &["kernels/machines/malta-24kf-16k.yaml"],
        note: "Sets, ways and lines are powers of two: at most 65,536 sets and 16 ways, lines of 8 to 128 bytes.",
        schema: || schema_for!(MachineFile),
    },
    FileKind {
        name: "variant",
        pattern: "patches/*/*/variant.yaml",
        preferred: &[
            "patches/uprobes-xol/special-mapping-flush/variant.yaml",
            "patches/uprobes-xol/ixol-flush/variant.yaml",
        ],
        note: "A patch set is the directory above: it has no file of its own, and a study names it in `patches`.",
        schema: || schema_for!(VariantFile),
    },
    FileKind {
        name: "case",
        pattern: "testcases/*/case.yaml",
        preferred: &["testcases/t1-first-return/case.yaml", "testcases/k1-kprobes-sanity/case.yaml"],
        note: "With `boot` there are no C sources: the test is the kernel's own. Of its forms exactly one is given: `kunit`, \
               `initcall`, or `begins` with `passes` and `fails`.",
        schema: || schema_for!(CaseFile),
    },
    FileKind {
        name: "suppressions",
        pattern: "harness/doc/suppressions.yaml",
        preferred: &[],
        note: "Such a file lies anywhere: `patcheval sanitize --suppressions FILE` names it. An entry that has expired \
               suppresses nothing, and is reported.",
        schema: || schema_for!(Vec<Suppression>),
    },
    FileKind {
        name: "known-failures",
        pattern: "harness/doc/known-failures.yaml",
        preferred: &[],
        note: "Such a file lies anywhere: `patcheval history check --known FILE` names it. An entry that has expired is \
               reported, and its cells are no longer known.",
        schema: || schema_for!(Vec<Known>),
    },
];

impl FileKind {
    /// Returns whether the file at `path`, relative to the repository, is of this kind.
    pub fn is(&self, path: &str) -> bool {
        let (wanted, parts) = (self.pattern.split('/'), path.split('/'));
        let fits = |(wanted, part): (&str, &str)| match wanted.split_once('*') {
            Some((before, after)) => part.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
            None => wanted == part,
        };
        let there = wanted.clone().count() == parts.clone().count() && wanted.zip(parts).all(fits);
        there || (self.name == "kernel" && path == OWN_KERNEL)
    }

    /// Returns the JSON Schema of such files.
    pub fn schema(&self) -> serde_json::Value {
        tidy(self.name, (self.schema)())
    }
}

/// Returns all files of the reference, by paths below its directory; examples are taken from `texts`, the repository's YAML
/// files by path.
pub fn files(texts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for kind in &KINDS {
        let schema = kind.schema();
        files.insert(format!("schema/{}.json", kind.name), format!("{schema:#}\n"));
        files
            .insert(format!("reference/{}.md", kind.name), page::page(kind, &schema, &examples(kind, texts)));
    }
    files.insert("reference/README.md".to_owned(), page::index());
    files
}

/// Returns the texts of a kind's files, those that are preferred first.
fn examples<'a>(kind: &FileKind, texts: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let first = kind.preferred.iter().filter_map(|path| texts.get(*path));
    let rest = texts.iter().filter(|(path, _)| kind.is(path) && !kind.preferred.contains(&path.as_str()));
    first.chain(rest.map(|(_, text)| text)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_knows_its_files() {
        let kind = |path: &str| KINDS.iter().find(|kind| kind.is(path)).map(|kind| kind.name);
        assert_eq!(kind("kernels/mine.yaml"), Some("kernel"));
        assert_eq!(kind("kernels/arch/arm.yaml"), Some("architecture"));
        assert_eq!(kind("kernels/common/sources.yaml"), Some("sources"));
        assert_eq!(kind("kernels/machines/virt-a15.yaml"), Some("machine"));
        assert_eq!(kind("patches/set/fix/variant.yaml"), Some("variant"));
        assert_eq!(kind("patches/set/variant.yaml"), None);
        assert_eq!(kind("kernels/mips-malta.config"), None);
    }

    #[test]
    fn words_that_stand_for_those_of_another_crate_are_those() {
        let words = |schema: &serde_json::Value, name: &str| -> Vec<String> {
            let words = schema["$defs"][name]["oneOf"].as_array().unwrap();
            words.iter().map(|word| word["const"].as_str().unwrap().to_owned()).collect()
        };
        let schema_of = |name: &str| KINDS.iter().find(|kind| kind.name == name).unwrap().schema();
        let study = words(&schema_of("study"), "StudyMode");
        assert_eq!(study, ["observe", "enforce"]);
        for word in study {
            serde_json::from_value::<instrument::Mode>(word.into()).unwrap();
        }
    }
}
