// SPDX-License-Identifier: GPL-2.0-or-later
//! What is said of machines that lack something.

use super::*;

fn compiler(title: &str, needed: bool) -> Compiler {
    let (version, mend) = (Ok("gcc 12".to_owned()), SETUP.to_owned());
    Compiler { title: title.to_owned(), needed, kernels: vec![], mend, version, static_libc: true }
}

fn facts() -> Facts {
    let names = NEEDED.iter().chain(&USEFUL).map(|(name, _)| *name);
    Facts {
        programs: names.map(|name| (name, Some(PathBuf::from("/usr/bin").join(name)))).collect(),
        compilers: vec![compiler("MIPS", true)],
        qemu: vec![(
            "MIPS".to_owned(),
            Ok(FoundQemu { version: "11.1.3".to_owned(), plugins: true, lacks: vec![] }),
        )],
        more_qemu: vec![],
        sources: vec!["/usr/src/linux-source-6.1.tar.xz".into()],
        packages: vec![("6.1".to_owned(), "linux-source-6.1".to_owned())],
        cold: vec![],
        shell: Ok("/c/busybox/busybox_1.35.0.orig.tar.bz2".into()),
        overlay: true,
        cache: "/c".into(),
        free: ROOM,
    }
}

fn bad(facts: &Facts) -> Vec<(String, FindingState)> {
    let findings = diagnose(facts);
    assert!(findings.iter().all(|f| (f.state == FindingState::Well) == f.mend.is_none()));
    findings.into_iter().filter(|f| f.state != FindingState::Well).map(|f| (f.name, f.state)).collect()
}

#[test]
fn a_complete_machine_is_healthy() {
    assert_eq!(bad(&facts()), []);
    assert!(healthy(&diagnose(&facts())));
}

#[test]
fn what_only_makes_things_slower_does_not_stop_an_evaluation() {
    let mut facts = facts();
    facts.overlay = false;
    facts.shell = Err("there is no source of busybox".to_owned());
    facts.programs.iter_mut().filter(|(name, _)| *name == "ccache").for_each(|(_, place)| *place = None);
    let expected = ["ccache", "shell source", "overlay"].map(|name| (name.to_owned(), FindingState::Lacking));
    assert_eq!(bad(&facts), expected);
    assert!(healthy(&diagnose(&facts)));
}

#[test]
fn most_studies_do_without_a_compiler_for_unusual_boards() {
    let mut facts = facts();
    let version = Err("arm-linux-gnueabi-gcc: no such program".to_owned());
    let kernels = ["arm-SOURCE-v5", "arm-SOURCE-v6"].map(str::to_owned).into();
    let mend = "run ci/setup --compiler armel".to_owned();
    let with = compiler("ARM v5 and v6", false);
    facts.compilers.push(Compiler { version, static_libc: false, kernels, mend, ..with });
    let names = ["ARM v5 and v6 compiler", "ARM v5 and v6 static C library"];
    assert_eq!(bad(&facts), names.map(|name| (name.to_owned(), FindingState::Lacking)));
    let findings = diagnose(&facts);
    assert!(healthy(&findings));
    let absent = findings.iter().find(|finding| finding.state == FindingState::Lacking).unwrap();
    let lost = "arm-linux-gnueabi-gcc: no such program: no kernel arm-SOURCE-v5, arm-SOURCE-v6 can be built";
    assert_eq!((absent.text.as_str(), absent.mend.as_deref()), (lost, Some("run ci/setup --compiler armel")));
}

#[test]
fn an_emulator_of_some_machines_costs_only_these() {
    let mut facts = facts();
    let machines = vec!["malta-el".to_owned()];
    let found = FoundQemu { version: "11.1.3".to_owned(), plugins: true, lacks: vec![] };
    facts.more_qemu.push(FurtherEmulator {
        target: "mipsel".to_owned(),
        machines,
        mend: "run ci/setup --compiler mipsel".to_owned(),
        found: Ok(found),
    });
    assert_eq!(bad(&facts), []);
    facts.more_qemu[0].found = Err("qemu-system-mipsel 11.1 is needed, but none was found".to_owned());
    assert_eq!(bad(&facts), [("mipsel QEMU".to_owned(), FindingState::Lacking)]);
    assert!(healthy(&diagnose(&facts)));
    let text = format!("{:?}", diagnose(&facts));
    assert!(text.contains("none was found: no trial runs on malta-el"), "{text}");
    let absent = diagnose(&facts).into_iter().find(|finding| finding.state == FindingState::Lacking);
    assert_eq!(absent.unwrap().mend.as_deref(), Some("run ci/setup --compiler mipsel"));
}

#[test]
fn what_is_missing_stops_it_and_can_be_mended() {
    let mut facts = facts();
    facts.compilers[0].static_libc = false;
    facts.qemu[0].1 =
        Err("qemu-system-mips 11.1 or newer is needed, but /usr/bin/qemu-system-mips is 7.2".to_owned());
    facts.free = (3 << 30) + (1 << 29);
    let findings = diagnose(&facts);
    assert!(!healthy(&findings));
    let texts: Vec<_> =
        findings.iter().filter(|f| f.state == FindingState::Missing).map(|f| f.text.as_str()).collect();
    assert!(texts[1].contains("11.1") && texts[1].contains("7.2"));
    assert_eq!(texts[2], "3.5 GiB free in /c, 4.0 GiB are needed");
}

#[test]
fn a_source_that_is_not_there_costs_the_kernels_that_are_made_of_it() {
    let mut facts = facts();
    facts.packages.push(("6.12".to_owned(), "linux-source-6.12".to_owned()));
    assert_eq!(bad(&facts), [("source of Linux 6.12".to_owned(), FindingState::Lacking)]);
    let findings = diagnose(&facts);
    let absent = findings.iter().find(|finding| finding.state == FindingState::Lacking).unwrap();
    assert_eq!(absent.text, "no linux-source-6.12: no kernel ARCH-6.12 can be built");
    assert_eq!(absent.mend.as_deref(), Some("run ci/setup --kernel 6.12"));
}

#[test]
fn without_a_repository_compilers_are_not_called_missing() {
    let facts = Facts { compilers: Vec::new(), qemu: Vec::new(), ..facts() };
    assert_eq!(bad(&facts), [("architectures".to_owned(), FindingState::Lacking)]);
}

#[test]
fn a_qemu_without_plugins_is_no_use() {
    let mut facts = facts();
    facts.qemu[0].1 = Ok(FoundQemu { version: "11.2".to_owned(), plugins: false, lacks: vec![] });
    assert_eq!(bad(&facts), [("MIPS QEMU".to_owned(), FindingState::Missing)]);
}

#[test]
fn a_qemu_without_modules_is_slower() {
    let mut facts = facts();
    let lacks = vec!["cpu_exit"];
    facts.qemu[0].1 = Ok(FoundQemu { version: "11.2".to_owned(), plugins: true, lacks });
    assert_eq!(bad(&facts), [("MIPS QEMU".to_owned(), FindingState::Lacking)]);
    assert!(healthy(&diagnose(&facts)));
    let found = diagnose(&facts).into_iter().find(|f| f.state == FindingState::Lacking).unwrap();
    assert!(found.text.contains("does not export cpu_exit"), "{}", found.text);
}
