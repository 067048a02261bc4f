// SPDX-License-Identifier: GPL-2.0-or-later
//! From the low form to the plan: everything that can be wrong with a study is found here, before anything runs.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;

use instrument::Mode;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::boot::Boot;
use crate::plan::check;
use crate::plan::compose;
use crate::plan::compose::Composed;
use crate::plan::design::Rule;
use crate::plan::design::Until;
use crate::plan::hardware::MachineFile;
use crate::plan::high::Kernel;
use crate::plan::high::Machine;
use crate::plan::high::Plan;
use crate::plan::high::Study;
use crate::plan::high::Target;
use crate::plan::high::Testcase;
use crate::plan::high::Variant;
use crate::plan::load::Low;
use crate::plan::load::architecture_path;
use crate::plan::load::machine_path;
use crate::plan::load::testcase_directory;
use crate::plan::load::variant_directory;
use crate::plan::model::Arch;
use crate::plan::model::ExpectationRule;
use crate::plan::model::StudyFile;
use crate::plan::model::StudyVariant;
use crate::plan::model::VariantFile;
use crate::plan::series;
use crate::plan::series::Patches;
use crate::plan::sweep;

/// Checks a study as a whole and returns it with every name resolved.
pub fn resolve(low: &Low) -> Result<Plan> {
    let plan = resolve_parts(low)?;
    check::has_targets(&low.file, &plan)?;
    let names = || plan.variants.iter().map(|variant| variant.name.as_str());
    check::distinct(&low.file, "variant", names())
        .map_err(|error| error.hint("give one of the variants another `name:`"))?;
    if !names().any(|name| name == plan.study.baseline) {
        let message =
            format!("{}: the baseline `{}` is not one of the variants", low.file, plan.study.baseline);
        return Err(Error::study(message).hint(suggestion(&plan.study.baseline, names())));
    }
    Ok(plan)
}

/// Resolves everything; what only variants that are compared must be is not checked.
pub(super) fn resolve_parts(low: &Low) -> Result<Plan> {
    let plan = Plan {
        study: study(low)?,
        targets: targets(low)?,
        variants: low
            .study
            .variants
            .iter()
            .map(|variant| resolve_variant(low, variant))
            .collect::<Result<_>>()?,
        testcases: low.study.testcases.iter().map(|name| testcase(low, name)).collect::<Result<_>>()?,
        questions: low.study.questions.clone(),
    };
    let file = low.file.as_str();
    check::distinct(file, "testcase", plan.testcases.iter().map(|case| case.name.as_str()))?;
    let titles: Vec<String> = plan.targets.iter().map(Target::title).collect();
    check::distinct(file, "target", titles.iter().map(String::as_str))?;
    check::questions(file, &plan)?;
    check::classes(low, &plan)?;
    Ok(plan)
}

fn study(low: &Low) -> Result<Study> {
    let (file, study) = (low.file.as_str(), &low.study);
    check::name(file, "study", &study.name)?;
    check::positive(file, "seeds.count", study.seeds.count.into())?;
    // Without the control, a testcase that fails for reasons of its own would count against every patch.
    check::positive(file, "coherent_seeds", study.coherent_seeds.into())?;
    check::layouts(file, study.layouts)?;
    if study.mode == Mode::Off {
        return Err(Error::study(format!("{file}: mode: a study needs the model, so observe or enforce")));
    }
    let most = u64::from(study.seeds.count.max(study.coherent_seeds));
    if study.seeds.first.checked_add(most).is_none() {
        return Err(Error::study(format!("{file}: seeds.first is too large")));
    }
    Ok(Study {
        file: file.into(),
        name: study.name.clone(),
        title: study.title.clone(),
        baseline: study.baseline.clone(),
        mode: study.mode,
        seeds: study.seeds,
        rule: rule(file, study)?,
        evidence: study.evidence,
        interval: study.interval,
        coherent_seeds: study.coherent_seeds,
        layouts: study.layouts,
        part: None,
    })
}

/// Returns the rule by which cells are decided, if the study asks for one.
fn rule(file: &str, study: &StudyFile) -> Result<Option<Rule>> {
    match (study.until, study.rule) {
        (Until::Bound, None) => Ok(None),
        (Until::Bound, Some(_)) => {
            Err(Error::study(format!("{file}: rule: nothing is decided by it without `until: decided`")))
        }
        (Until::Decided, rule) => {
            let rule = rule.unwrap_or_default();
            check::rule(file, &rule)?;
            Ok(Some(rule))
        }
    }
}

fn targets(low: &Low) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for wanted in &low.study.targets {
        targets.push(target(low, &wanted.kernel, get(&low.machines, &wanted.machine)?)?);
    }
    for swept in &low.study.sweep {
        for machine in sweep::machines(swept, get(&low.machines, &swept.machine)?) {
            let mut target = target(low, &swept.kernel, &machine)?;
            target.machine.swept_from = Some(swept.machine.clone());
            targets.push(target);
        }
    }
    Ok(targets)
}

fn target(low: &Low, kernel_name: &str, machine_file: &MachineFile) -> Result<Target> {
    let kernel = kernel(low, get(&low.kernels, kernel_name)?)?;
    let machine = machine(low, machine_file)?;
    if kernel.arch != machine.arch {
        return Err(Error::study(format!(
            "{}: kernel {} is for {}, but machine {} is {}",
            low.file,
            kernel.name,
            kernel.arch.name(),
            machine.name,
            machine.arch.name()
        )));
    }
    let target = Target { kernel, machine };
    let architecture = get(&low.architectures, &target.kernel.arch)?;
    check::byte_order(&low.file, &target, architecture)?;
    if architecture.uimage.is_none() {
        check::no_load_address(&low.file, &target)?;
    }
    check::load_address(&low.file, &target)?;
    check::has_dtb(&low.file, &target)?;
    Ok(target)
}

/// Returns the parsed file called `name`; `load` has put there whatever the study names.
fn get<'a, K: Borrow<Q> + Ord, Q: Ord + Debug + ?Sized, T>(
    map: &'a BTreeMap<K, T>,
    name: &Q,
) -> Result<&'a T> {
    map.get(name)
        .ok_or_else(|| Error::internal(format!("{name:?} is named by the study, but was not loaded")))
}

fn kernel(low: &Low, kernel: &Composed) -> Result<Kernel> {
    let file = kernel.place.as_str();
    check::distinct(file, "fragment", kernel.fragments.iter().map(String::as_str))?;
    let mut fragments = Vec::new();
    for fragment in &kernel.fragments {
        let path = format!("kernels/{fragment}");
        if !low.texts.contains(&path) {
            let known = low.texts.beside("kernels", ".config");
            let known = known.iter().filter_map(|path| path.strip_prefix("kernels/"));
            return Err(Error::study(format!(
                "{file}: there is no fragment `{fragment}`: {path} does not exist"
            ))
            .hint(suggestion(fragment, known)));
        }
        fragments.push(PathBuf::from(path));
    }
    check::dtbs(file, &kernel.dtbs)?;
    check::provides(low, file, &kernel.provides)?;
    Ok(Kernel {
        name: kernel.name.clone(),
        arch: kernel.arch.clone(),
        cross_compile: kernel.cross_compile.clone(),
        source: check::source(file, &kernel.source)?,
        fragments,
        target: kernel.target.clone(),
        image: PathBuf::from(&kernel.image),
        dtbs: kernel.dtbs.clone(),
        uimage: kernel.uimage,
        guest: kernel.guest.clone(),
        provides: kernel.provides.clone(),
        oops: kernel.oops.clone(),
        renamed: kernel.source.renamed.clone(),
        page_size: kernel.page_size,
        byte_order: kernel.byte_order,
    })
}

fn machine(low: &Low, machine: &MachineFile) -> Result<Machine> {
    let file = machine_path(&machine.name);
    let architecture = get(&low.architectures, &machine.arch)?;
    check::machine(&file, machine, architecture)?;
    check::provides(low, &file, &machine.provides)?;
    check::positive(&file, "memory_mib", machine.memory_mib.into())?;
    if !architecture.emulators.contains(&machine.qemu) {
        let message =
            format!("{file}: qemu: qemu-system-{} does not run {}", machine.qemu, machine.arch.name());
        return Err(Error::study(message)
            .hint(suggestion(&machine.qemu, architecture.emulators.iter().map(String::as_str))));
    }
    Ok(Machine {
        name: machine.name.clone(),
        arch: machine.arch.clone(),
        isa: machine.isa.clone(),
        qemu: machine.qemu.clone(),
        byte_order: Some(architecture.byte_order(&machine.qemu)),
        board: machine.board.clone(),
        cpu: machine.cpu.clone(),
        smp: machine.smp,
        dtb: machine.dtb.clone(),
        memory_mib: machine.memory_mib,
        ram_base: machine.ram_base,
        append: machine.append.clone(),
        caches: machine.caches,
        provides: machine.provides.clone(),
        cold: machine.cold.clone(),
        source: machine.source.clone(),
        swept_from: None,
    })
}

fn resolve_variant(low: &Low, variant: &StudyVariant) -> Result<Variant> {
    let file = low.file.as_str();
    let name = variant.name.clone().unwrap_or_else(|| variant.variant.clone());
    check::name(file, "variant", &name)?;
    let chain = chain(low, &variant.variant)?;
    let mut series: Vec<Patches> = Vec::new();
    for variant in &chain {
        series.extend(series::of(low, variant)?);
    }
    for companion in &variant.with {
        let companion = get(&low.variants, companion)?;
        let applied = |name: &str| chain.iter().any(|variant| variant.name == name);
        if applied(&companion.name) || variant.with.iter().filter(|name| **name == companion.name).count() > 1
        {
            return Err(Error::study(format!("{file}: variant `{name}` applies `{}` twice", companion.name)));
        }
        if let Some(below) = companion.on.as_deref().filter(|below| !applied(below)) {
            return Err(Error::study(format!(
                "{file}: variant `{name}`: the companion `{}` applies on `{below}`, which is not below this variant",
                companion.name
            )));
        }
        series.extend(series::of(low, companion)?);
    }
    let mut parts = chain;
    for companion in &variant.with {
        parts.push(get(&low.variants, companion)?);
    }
    let (series_by_kernel, not_on) = series::by_kernel(low, &parts, &series)?;
    if let Some((kernel, why)) = not_on.first_key_value().filter(|_| name == low.study.baseline) {
        let message = format!("{file}: the baseline `{name}` does not apply to {kernel}: {why}");
        return Err(Error::study(message).hint("other variants would have nothing to be compared with there"));
    }
    let directory = get(&low.variants, &variant.variant)?;
    let variant_file = format!("{}/variant.yaml", variant_directory(&low.study.patches, &directory.name));
    names_in_expectations(low, file, &variant.expect, true)?;
    names_in_expectations(low, &variant_file, &directory.expect, false)?;
    Ok(Variant {
        name,
        directory: directory.name.clone(),
        companions: variant.with.clone(),
        title: directory.title.clone(),
        why: directory.why.clone(),
        series,
        series_by_kernel,
        not_on,
        message_id: directory
            .message_id
            .as_ref()
            .or(directory.patch_message_id.as_ref())
            .map(|id| series::bare(id)),
        base_commit: directory.base_commit.clone(),
        expectations: directory.expect.iter().chain(&variant.expect).cloned().collect(),
    })
}

/// Returns the variants whose patches make up `name`, the lowest first.
fn chain<'a>(low: &'a Low, name: &str) -> Result<Vec<&'a VariantFile>> {
    let mut chain: Vec<&VariantFile> = Vec::new();
    let mut next = Some(name);
    while let Some(name) = next {
        let variant = get(&low.variants, name)?;
        chain.push(variant);
        if chain.iter().filter(|seen| seen.name == name).count() > 1 {
            let names: Vec<&str> = chain.iter().map(|variant| variant.name.as_str()).collect();
            return Err(Error::study(format!(
                "{}: `on` goes round in a circle: {}",
                low.file,
                names.join(" on ")
            )));
        }
        if variant.on.is_some() && variant.for_kernels.is_empty() && series::of(low, variant)?.is_empty() {
            let directory = variant_directory(&low.study.patches, name);
            return Err(Error::study(format!("{directory}: has `on`, but no patches of its own")));
        }
        next = variant.on.as_deref();
    }
    chain.reverse();
    Ok(chain)
}

/// What is named, by which word if any, what the study has of it, and whether the repository has it.
type Condition<'a> = (&'a str, &'a Option<String>, Vec<&'a str>, &'a dyn Fn(&str) -> bool);

/// Refuses an expectation about something that does not exist: a misspelt one would silently never apply. Those of
/// a study must be about the study; those of a variant may speak of kernels that this study does not use.
fn names_in_expectations(low: &Low, file: &str, entries: &[ExpectationRule], of_study: bool) -> Result<()> {
    for entry in entries {
        let texts = &low.texts;
        let arch = entry.arch.as_ref().map(|arch| arch.name().to_owned());
        let case = |name: &str| format!("{}/case.yaml", testcase_directory(name));
        let conditions: [Condition<'_>; 4] = [
            ("kernel", &entry.kernel, names(&low.kernels), &|name| compose::exists(texts, name)),
            ("machine", &entry.machine, names(&low.machines), &|name| texts.contains(&machine_path(name))),
            ("testcase", &entry.testcase, names(&low.testcases), &|name| texts.contains(&case(name))),
            ("architecture", &arch, low.architectures.keys().map(Arch::name).collect(), &|name| {
                texts.contains(&architecture_path(name))
            }),
        ];
        for (what, name, used, exists) in conditions {
            let Some(name) = name else { continue };
            // One that has no target of this study may be spoken of all the same.
            let foreign = !of_study || what == "architecture";
            if used.contains(&name.as_str()) || (foreign && exists(name)) {
                continue;
            }
            return Err(Error::study(format!("{file}: expect: there is no {what} `{name}` in this study"))
                .hint(suggestion(name, used)));
        }
    }
    Ok(())
}

fn names<T>(map: &BTreeMap<String, T>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

fn testcase(low: &Low, name: &str) -> Result<Testcase> {
    let case = get(&low.testcases, name)?;
    let directory = testcase_directory(name);
    let file = format!("{directory}/case.yaml");
    check::positive(&file, "repetitions", case.repetitions.into())?;
    check::positive(&file, "deadline_minsns", case.deadline_minsns)?;
    check::positive(&file, "seeds", case.seeds.unwrap_or(1).into())?;
    check::parameters(&file, case)?;
    check::kernel_files(&file, "kernel_files", &case.kernel_files)?;
    check::kernel_files(&file, "kernel_modules", &case.kernel_modules)?;
    let boot = case.boot.as_ref().map(|boot| Boot::resolve(&file, boot)).transpose()?;
    let sources = low.texts.beside(&directory, ".c");
    check::program(&directory, case, &sources)?;
    Ok(Testcase {
        name: case.name.clone(),
        title: case.title.clone(),
        shows: case.shows.clone(),
        separates: case.separates.clone().unwrap_or_default(),
        symptoms: case.symptoms.clone(),
        needs: case.needs.clone(),
        parameters: case.parameters.clone(),
        unit: case.unit.clone(),
        seeds: case.seeds,
        boot,
        may_skip: case.may_skip,
        cold: case.cold.clone(),
        shell: case.shell,
        kernel_files: case.kernel_files.clone(),
        kernel_modules: case.kernel_modules.clone(),
        repetitions: case.repetitions,
        deadline_minsns: case.deadline_minsns,
        sources: sources.into_iter().map(PathBuf::from).collect(),
    })
}
