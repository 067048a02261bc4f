// SPDX-License-Identifier: GPL-2.0-or-later
//! Checks of single values: names, cache geometry, where a source comes from.

mod kernel;

use std::collections::BTreeSet;

use cache_model::{Geometry, PageSize};

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::class::Class;
use crate::plan::design::Rule;
use crate::plan::hardware::Addressing;
use crate::plan::hardware::Aliases;
use crate::plan::hardware::Caches;
use crate::plan::hardware::Isa;
use crate::plan::hardware::MachineFile;
use crate::plan::hardware::Snoops;
use crate::plan::high::Plan;
use crate::plan::model::CaseFile;
use crate::plan::parts::ArchitectureFile;

pub(super) use kernel::architecture;
pub(super) use kernel::byte_order;
pub(super) use kernel::classes;
pub(super) use kernel::dtbs;
pub(super) use kernel::has_dtb;
pub(super) use kernel::load_address;
pub(super) use kernel::no_load_address;
pub(super) use kernel::provides;
pub(super) use kernel::source;

/// Refuses a name that cannot be a directory, a part of a trial's name and a word in a table.
pub(super) fn name(file: &str, what: &str, name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let first = name.chars().next();
    if name.chars().all(good) && first.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Error::study(format!(
        "{file}: the {what} name `{name}` must consist of a-z, 0-9, `-` and `.`, and begin with a letter or a digit"
    )))
}

/// Refuses a name that no testcase can have.
///
/// # Errors
///
/// Study.
pub fn testcase_name(testcase: &str) -> Result<()> {
    name("testcases", "testcase", testcase)
}

/// Refuses a name that differs from the name of the file or directory by which others refer to it.
pub(super) fn same_name(file: &str, inside: &str, outside: &str) -> Result<()> {
    if inside == outside {
        return Ok(());
    }
    Err(Error::study(format!("{file}: says `name: {inside}`, but is found under the name `{outside}`")))
}

/// Refuses an empty list and a list with the same word twice.
pub(super) fn distinct<'a>(file: &str, what: &str, words: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for word in words {
        if !seen.insert(word) {
            return Err(Error::study(format!("{file}: {what} `{word}` is named twice")));
        }
    }
    if seen.is_empty() {
        return Err(Error::study(format!("{file}: names no {what}")));
    }
    Ok(())
}

/// Refuses a figure that is 0 where at least 1 makes sense.
pub(super) fn positive(file: &str, what: &str, figure: u64) -> Result<()> {
    if figure == 0 {
        return Err(Error::study(format!("{file}: {what} must be at least 1")));
    }
    Ok(())
}

/// Each layout is a boot of each image, and the smallest guest has room for the pages of so many.
const MAX_LAYOUTS: u32 = 16;

/// Refuses a number of layouts that is none.
pub(super) fn layouts(file: &str, layouts: u32) -> Result<()> {
    if !(1..=MAX_LAYOUTS).contains(&layouts) {
        return Err(Error::study(format!("{file}: layouts = {layouts}: it must be 1 to {MAX_LAYOUTS}")));
    }
    Ok(())
}

/// QEMU's boards have fewer CPUs, or more than the guest's testcases can make use of.
const MAX_CPUS: u32 = 16;

/// Refuses a machine whose parts do not fit together.
pub(super) fn machine(file: &str, machine: &MachineFile, architecture: &ArchitectureFile) -> Result<()> {
    let wrong = |what: String| Err(Error::study(format!("{file}: {what}")));
    let smp = machine.smp;
    if !(1..=MAX_CPUS).contains(&smp) {
        return wrong(format!("smp: {smp} CPUs are not between 1 and {MAX_CPUS}"));
    }
    if let Some(isa) = machine.isa.as_ref().filter(|isa| !architecture.isas.contains(isa)) {
        let message = format!("{file}: isa: `{}` is not one of {}'s", isa.name(), machine.arch.name());
        return Err(
            Error::study(message).hint(suggestion(isa.name(), architecture.isas.iter().map(Isa::name)))
        );
    }
    let caches = &machine.caches;
    if caches.shared && smp == 1 {
        return wrong("caches.shared: there is one CPU only".into());
    }
    let pairs = caches.pairs(smp);
    if pairs == 1 && matches!(caches.snoops, Snoops::Others | Snoops::All) {
        return wrong("caches.snoops: there are no other caches to look into".into());
    }
    if caches.aliases == Aliases::Hidden {
        if !caches.advertise {
            return wrong(
                "caches.aliases: needs `advertise: true`, without which the guest reads QEMU's own geometry"
                    .into(),
            );
        }
        if caches.dcache.addressing != Addressing::Pipt {
            return wrong("caches.aliases: the dcache has some unless its addressing is pipt".into());
        }
    }
    self::caches(file, architecture, caches)
}

/// Refuses a cache geometry that the model or the guest's registers cannot have.
fn caches(file: &str, architecture: &ArchitectureFile, caches: &Caches) -> Result<()> {
    if caches.advertise && !architecture.can_advertise {
        let arch = architecture.name.name();
        return Err(Error::study(format!(
            "{file}: caches: {arch} machines cannot advertise a geometry; give that of QEMU's {arch} here"
        )));
    }
    let Caches { icache, dcache, .. } = caches;
    let shapes = [
        ("icache", icache.sets, icache.ways, icache.line),
        ("dcache", dcache.sets, dcache.ways, dcache.line),
    ];
    for (which, sets, ways, line) in shapes {
        // Asks the model itself, so that no machine is refused only when its guest boots.
        if let Err(error) = Geometry::new(sets, ways, line) {
            return Err(Error::study(format!("{file}: caches.{which}: {error}")));
        }
        // MIPS32 PRA, Config1: IS/DS encode 32 to 4096 sets a way, IA/DA 1 to 8 ways.
        if caches.advertise && !((32..=4096).contains(&sets) && ways <= 8) {
            return Err(Error::study(format!(
                "{file}: caches.{which}: {sets} sets of {ways} ways cannot be advertised: \
                 Config1 has 32 to 4096 sets and 1 to 8 ways"
            )));
        }
    }
    Ok(())
}

/// Returns the bytes in a page of a kernel: what its own file says, or else its features, or else its architecture. Refuses a
/// size that no kernel has, and features that want different ones.
pub(super) fn page_size(
    place: &str,
    own: Option<u32>,
    of_features: &BTreeSet<u32>,
    of_architecture: u32,
) -> Result<u32> {
    let wrong = |why: String| Error::study(format!("{place}: page_size: {why}"));
    if let (None, Some(first), Some(last)) = (own, of_features.first(), of_features.last())
        && first != last
    {
        return Err(wrong(format!("one feature has {first}, another {last}")));
    }
    let size = own.or(of_features.first().copied()).unwrap_or(of_architecture);
    // Asks the model itself, as for caches.
    PageSize::new(size.into()).map(|_| size).map_err(|error| wrong(error.to_string()))
}

/// Refuses a testcase that makes no sense on any target.
pub(super) fn has_targets(file: &str, plan: &Plan) -> Result<()> {
    for testcase in &plan.testcases {
        if !plan.targets.iter().any(|target| target.has_what_needs(testcase)) {
            let needs: Vec<&str> = testcase.needs.iter().map(Class::name).collect();
            return Err(Error::study(format!(
                "{file}: no target has what testcase `{}` needs: {}",
                testcase.name,
                needs.join(", ")
            )));
        }
    }
    Ok(())
}

/// Refuses a question about a variant or a testcase that the study does not have.
pub(super) fn questions(file: &str, plan: &Plan) -> Result<()> {
    for question in &plan.questions {
        let variants: Vec<&str> = plan.variants.iter().map(|variant| variant.name.as_str()).collect();
        let testcases: Vec<&str> = plan.testcases.iter().map(|case| case.name.as_str()).collect();
        let asked = question.testcases.iter().map(|testcase| ("testcase", testcase, &testcases));
        for (what, name, known) in asked.chain([("variant", &question.variant, &variants)]) {
            if !known.contains(&name.as_str()) {
                let message = format!("{file}: questions: there is no {what} `{name}` in this study");
                return Err(Error::study(message).hint(suggestion(name, known.iter().copied())));
            }
        }
        distinct(file, "testcase of a question", question.testcases.iter().map(String::as_str))?;
    }
    Ok(())
}

/// The words of a command that are not a testcase's own, which its parameters must not be taken for.
const RESERVED: [&str; 3] = ["seed", "repetitions", "child"];

/// A command has to fit into the guest's buffer (`COMMAND_BYTES` in `testcases/guest/init.c`) and its words into init's
/// arguments.
const MAX_PARAMETERS: usize = 8;

/// Refuses parameters that a command cannot have, and units of which there is none.
pub(super) fn parameters(file: &str, case: &CaseFile) -> Result<()> {
    let wrong = |what: String| Err(Error::study(format!("{file}: {what}")));
    if case.parameters.len() > MAX_PARAMETERS {
        return wrong(format!("parameters: there are more than {MAX_PARAMETERS}"));
    }
    for name in case.parameters.keys() {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 16 || !name.chars().all(good) || RESERVED.contains(&name.as_str())
        {
            return wrong(format!(
                "parameters: `{name}` is not a name of 1 to 16 of a-z, 0-9 and `-`, or is taken"
            ));
        }
    }
    if let Some(unit) = &case.unit {
        name(file, "unit", &unit.name)?;
        positive(file, "unit.count", unit.count.into())?;
    }
    Ok(())
}

/// Refuses a path that is not one of a file in the kernel's source, or that would be written in two ways.
pub(super) fn kernel_files(file: &str, key: &str, paths: &[String]) -> Result<()> {
    for path in paths {
        if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let message = format!("{file}: {key}: `{path}` is not a path inside the kernel's source");
            return Err(Error::study(message)
                .hint("begin at its top, as in tools/testing/selftests/ftrace, without `..`"));
        }
    }
    Ok(())
}

/// Refuses a testcase without a program, and one with a program that would never run.
pub(super) fn program(directory: &str, case: &CaseFile, sources: &[String]) -> Result<()> {
    let wrong = |what: &str| Err(Error::study(format!("{directory}: {what}")));
    if case.boot.is_none() {
        return if sources.is_empty() { wrong("has no C source") } else { Ok(()) };
    }
    if !sources.is_empty() {
        return wrong("has `boot`, and yet a C source, which nobody would run");
    }
    if case.repetitions != 1 || !case.parameters.is_empty() || case.unit.is_some() {
        return wrong(
            "with `boot`, the test takes no arguments: repetitions must be 1, without parameters and unit",
        );
    }
    if case.shell || !case.kernel_files.is_empty() || !case.kernel_modules.is_empty() {
        return wrong(
            "has `boot`, and yet `shell`, `kernel_files` or `kernel_modules`, which nobody would use",
        );
    }
    Ok(())
}

/// Refuses a rule that decides nothing, or anything.
pub(super) fn rule(file: &str, rule: &Rule) -> Result<()> {
    let Rule { batch, tolerable, intolerable, alpha, beta } = *rule;
    positive(file, "rule.batch", batch.into())?;
    let wrong = |what: &str| Err(Error::study(format!("{file}: rule: {what}")));
    if !(0.0 < tolerable && tolerable < intolerable && intolerable < 1.0) {
        return wrong("0 < tolerable < intolerable < 1 does not hold");
    }
    if !(0.0 < alpha && alpha < 0.5 && 0.0 < beta && beta < 0.5) {
        return wrong("alpha and beta must be chances between 0 and 0.5");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_never_paths() {
        for good in ["mips-6.1", "t1-first-return", "6.12"] {
            assert!(name("f", "kernel", good).is_ok(), "{good}");
        }
        for bad in ["", "..", "-x", "a/b", "A", "a b", "é"] {
            assert!(name("f", "kernel", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_has_no_word_twice_and_at_least_one() {
        assert!(distinct("f", "testcase", ["a", "b"]).is_ok());
        let twice = distinct("f", "testcase", ["a", "b", "a"]).unwrap_err();
        assert_eq!(twice.to_string(), "f: testcase `a` is named twice");
        assert_eq!(distinct("f", "testcase", []).unwrap_err().to_string(), "f: names no testcase");
    }
}
