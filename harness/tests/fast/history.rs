// SPDX-License-Identifier: GPL-2.0-or-later
//! `history` on run directories that the test makes.

use std::fs;

use crate::comparison::run;
use crate::has;
use crate::world::World;

/// Adds a run to the history; returns what was printed.
fn add(world: &World, run: &str, date: &str) -> String {
    let said = world.patcheval(&["history", "add", run, "--date", date]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout
}

#[test]
fn the_first_bad_entry_is_reported_until_somebody_looks_after_it() {
    let world = World::new();
    let good = run(&world, "good", "mips-6.1", 10, "6.1.1");
    let bad = run(&world, "bad", "mips-6.1", 2, "6.1.2");
    assert!(add(&world, &good, "2026-11-01").contains("2 cells: added\n"));
    assert!(add(&world, &good, "2026-11-01").contains("2 cells: there already\n"));
    add(&world, &good, "2026-11-02");
    let check = |more: &[&str]| {
        let mut words = vec!["history", "check"];
        words.extend(more);
        world.patcheval(&words)
    };
    let said = check(&[]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    has(&said.stdout, &["2 entries, 2026-11-01 to 2026-11-02, 2 cells: nothing changed"]);
    add(&world, &bad, "2026-11-03");
    // The same kernel gives the same trials the day after, which adds nothing to what is known.
    add(&world, &bad, "2026-11-04");
    let said = check(&[]);
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    let cell = "mips-6.1/malta/fixed/t1";
    has(&said.stdout, &["1 worse", cell, "since 2026-11-03 passes 2/10, before 10/10 (p = "]);
    // Two entries are enough to see it; the last one alone says nothing of what was before.
    assert_eq!(check(&["--entries", "1"]).code, Some(0));
    let known = world.root().join("known.yaml");
    let entry = format!(
        "- {{cell: '*/malta/fixed/t1', reason: looked at, owner: me, expires: 2026-12-31}}\n# {cell}\n"
    );
    fs::write(&known, entry).unwrap();
    let known = known.to_str().unwrap();
    let said = check(&["--known", known, "--today", "2026-12-31"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    has(&said.stdout, &["1 known", "looked at (me, until 2026-12-31)"]);
    let said = check(&["--known", known, "--today", "2027-01-01"]);
    assert_eq!(said.code, Some(1));
    has(&said.stdout, &["1 worse", "the entries have expired", "*/malta/fixed/t1: looked at"]);
    // `show` says the same and judges nothing.
    assert_eq!(world.patcheval(&["history", "show"]).code, Some(0));
}

#[test]
fn another_run_of_a_day_replaces_it_and_a_share_is_no_entry() {
    let world = World::new();
    let (first, second) =
        (run(&world, "a", "mips-6.1", 10, "6.1.1"), run(&world, "b", "mips-6.1", 9, "6.1.1"));
    add(&world, &first, "2026-11-01");
    assert!(add(&world, &second, "2026-11-01").contains("in place of another run of that day"));
    let said = world.patcheval(&["history", "show", "--all", "--cell", "*/*/fixed/*"]);
    has(&said.stdout, &["1 entry, ", "1 cell: ", "9/10"]);
    let said = world.fails(&["history", "show", "--cell", "*/*/fixd/*"], 2);
    has(&said, &["no cell of", "*/*/fixd/*"]);
    let said = world.fails(&["history", "add", "nowhere", "--date", "2026-11-01"], 2);
    has(&said, &["nowhere"]);
    world.fails(&["history", "add", &first, "--date", "2026-02-30"], 2);
    let said = world.fails(&["history", "show", "--db", "none.sqlite"], 2);
    has(&said, &["there is no history none.sqlite", "history add"]);
}

#[test]
fn a_page_of_entries_has_what_a_report_links_to() {
    let world = World::new();
    let run = run(&world, "a", "mips-6.1", 10, "6.1.1");
    add(&world, &run, "2026-11-01");
    let page = world.root().join("history.html");
    let words = ["history", "show", "--format", "html", "--output", page.to_str().unwrap()];
    assert_eq!(world.patcheval(&words).code, Some(0));
    let page = fs::read_to_string(page).unwrap();
    let report = world.patcheval(&["report", &run, "--format", "html", "--trend", "history.html"]).stdout;
    for variant in ["unfixed", "fixed"] {
        assert!(page.contains(&format!("id=\"mips-6.1/malta/{variant}/t1\"")), "{page}");
        assert!(report.contains(&format!("href=\"history.html#mips-6.1/malta/{variant}/t1\"")), "{report}");
    }
    world.fails(&["report", &run, "--trend", "history.html"], 2);
}
