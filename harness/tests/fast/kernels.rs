// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels are data: what it takes to add one, and what scripts read of the files.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use walkdir::WalkDir;

use crate::has;
use crate::world::World;

/// Returns what `ci/setup` of this world would look for.
fn setup(world: &World, args: &[&str]) -> Vec<String> {
    let output = Command::new(world.root().join("ci/setup")).arg("--list").args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The lines that the section "Add a kernel" adds to a file.
fn added_lines() -> Vec<String> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(repository.join("CONTRIBUTING.md")).unwrap();
    let section = text.split("## Add a kernel").nth(1).unwrap();
    let diff = section.split("```diff\n").nth(1).unwrap().split("```").next().unwrap();
    diff.lines().filter_map(|line| line.strip_prefix('+')).map(str::to_owned).collect()
}

#[test]
fn a_new_version_for_all_architectures_is_the_line_that_the_documentation_shows() {
    let world = World::new();
    let added = added_lines();
    assert!((1..=2).contains(&added.len()), "{added:?}");
    let study = world.read("ci/studies/fake.yaml").replace(
        "[{kernel: fake, machine: malta-24kf-16k}]",
        "[{kernel: mips-6.6-highmem, machine: malta-24kf-16k}, {kernel: arm-6.6, machine: virt-a15}]",
    );
    assert!(study.contains("mips-6.6"));
    world.write("ci/studies/next.yaml", &study.replace("name: fake", "name: next"));
    let said = world.patcheval(&["list"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    has(&said.stderr, &["there is no kernel `mips-6.6-highmem`", "did you mean `mips-6.1-highmem`?"]);
    let sources = "kernels/common/sources.yaml";
    world.write(sources, &format!("{}{}\n", world.read(sources), added.join("\n")));
    let said = world.patcheval(&["list"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    has(&said.stdout, &["next"]);
    let newest = "source linux-source-7.3 of trixie-backports".to_owned();
    assert!(setup(&world, &["--kernel", "7.3"]).contains(&newest));
}

#[test]
fn setup_gets_what_the_architectures_name() {
    let world = World::new();
    let (architectures, sources) = patcheval::study::parts(&world.root()).unwrap();
    let listed = setup(&world, &[]);
    let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert!(architectures.len() >= 2);
    for architecture in &architectures {
        for (name, compiler) in &architecture.compilers {
            let more = setup(&world, &["--compiler", name]);
            for package in &compiler.packages {
                let line = format!("package {package}");
                assert_eq!(listed.contains(line.as_str()), !compiler.optional, "{package}: {listed:?}");
                assert!(more.contains(&line), "{package}: {more:?}");
            }
        }
        let emulator = format!("qemu-system-{}", architecture.emulators[0]);
        assert_eq!(listed.contains(emulator.as_str()), !architecture.optional, "{emulator}: {listed:?}");
        for name in architecture.compilers.keys().filter(|_| architecture.optional) {
            let more = setup(&world, &["--compiler", name]);
            assert!(more.contains(&emulator), "{emulator}: {more:?}");
        }
    }
    let (_, first) = sources.first_key_value().unwrap();
    let source = format!("source {} of bookworm", first.debian.as_ref().unwrap());
    assert!(listed.contains(source.as_str()), "{source}: {listed:?}");
    let of_compilers = listed.iter().filter(|line| line.starts_with("package gcc-")).count();
    let usual = architectures.iter().flat_map(|arch| arch.compilers.values());
    assert_eq!(of_compilers, usual.filter(|compiler| !compiler.optional).count());
}

/// Returns where a source names a kernel of the repository, tests aside.
fn named(text: &str) -> Vec<usize> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
    let names = |line: &str| ["mips-6.", "arm-6.", "riscv-6."].iter().any(|kernel| line.contains(kernel));
    lines.filter(|(_, line)| names(line)).map(|(at, _)| at + 1).collect()
}

#[test]
fn no_source_names_a_kernel_of_the_repository() {
    assert_eq!(named("const A: &str = \"\";\nconst B: &str = \"arm-6.1\";\n"), [2]);
    assert_eq!(named("#[cfg(test)]\nmod tests { const B: &str = \"arm-6.1\"; }\n"), [0; 0]);
    let sources = WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).into_iter();
    let sources = sources.map(Result::unwrap).map(walkdir::DirEntry::into_path).filter(|path| {
        let test = path.iter().any(|part| part == "tests" || part == "tests.rs");
        !test && path.extension().is_some_and(|extension| extension == "rs")
    });
    let mut count = 0;
    for path in sources {
        count += 1;
        let at = named(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(at, [0; 0], "{}: kernels are data", path.display());
    }
    assert!(count > 100, "only {count} sources were found: the walk has lost its way");
}

/// With several CPUs a trial would depend on those before it in the same QEMU.
#[test]
fn machines_that_qemu_cannot_take_back_have_a_reason_in_their_files() {
    let world = World::new();
    let mut cold = Vec::new();
    for entry in WalkDir::new(world.root().join("kernels/machines")).sort_by_file_name() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        if has("smp: ") {
            assert!(has("cold: "), "{}", entry.path().display());
            cold.push(entry.file_name().to_string_lossy().replace(".yaml", ""));
        }
    }
    let text = format!("each trial in a QEMU of its own on {}", cold.join(", "));
    has(&world.patcheval(&["doctor"]).stdout, &[&text]);
}

#[test]
fn doctor_looks_for_the_emulator_of_each_machine() {
    let world = World::new();
    let (architectures, _) = patcheval::study::parts(&world.root()).unwrap();
    let said = world.patcheval(&["doctor"]).stdout;
    let mut more = 0;
    for machine in patcheval::study::machines(&world.root()).unwrap() {
        let architecture = architectures.iter().find(|arch| arch.name == machine.arch).unwrap();
        if architecture.emulators[0] != machine.qemu {
            more += 1;
            has(&said, &[&format!("{} QEMU: ", machine.qemu)]);
        }
    }
    assert!(more > 0, "no machine has another emulator than the first of its architecture");
}
