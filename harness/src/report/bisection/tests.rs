// SPDX-License-Identifier: GPL-2.0-or-later
//! A bisection in words.

use super::*;

/// The width of a mail.
const WIDTH: usize = 76;

fn origin(tree: &str, (old, new): (&str, &str)) -> SuspectSource {
    SuspectSource::Commits {
        tree: tree.into(),
        base: "b".repeat(40),
        terms: (old.into(), new.into()),
        first_parent: false,
    }
}

fn bisection() -> Bisection {
    let commit = |n: usize| Suspect {
        hash: format!("{n:040x}"),
        label: format!("{n:040x}")[..12].to_owned(),
        author: Some("A. Author <a@example.org>".into()),
        subject: format!("part {n} of a subject that is long enough to reach the end of any line there is"),
    };
    let tried = |position, failures, passes| Tried {
        position,
        tally: Tally { passes, failures, built: true, ..Tally::default() },
        why: None,
        failure: (failures > 0).then(|| (7, "sigtrap".to_owned())),
    };
    let untestable = Tally { untestable: true, ..Tally::default() };
    let why = Some("does not build: kernel/fork.c:1:1: error: expected identifier".to_owned());
    Bisection {
        study: "quick".into(),
        cell: "mips-6.1/malta-24kf-16k/unfixed/t1-first-return".into(),
        origin: origin("/src/my linux", ("good", "bad")),
        direction: SearchDirection::Broken,
        settings: Settings::default(),
        candidates: (0..5).map(commit).collect(),
        tried: vec![
            tried(4, 2, 1),
            Tried { position: 2, tally: untestable, why, failure: None },
            tried(1, 0, 12),
            tried(3, 4, 2),
        ],
        failing: vec![0.001, 0.002, 0.5, 0.997, 1.0],
        first: vec![0.001, 0.001, 0.498, 0.497, 0.003],
        end: Next::Found { positions: vec![3], confidence: 0.9951 },
    }
}

#[test]
fn the_table_has_the_commit_the_confidence_the_trials_and_a_command() {
    let text = table(&bisection());
    for part in [
        "found the commit that broke it, with a probability of 99.51 %",
        "4 commits after 000000000000, 4 tried, 1 of them skipped, 21 trials",
        "    A. Author <a@example.org>",
        "  4 / 6     99.7 %  part 3 of",
        "skipped 000000000000: does not build: kernel/fork.c:1:1: error",
        "patcheval step quick --tree '/src/my linux' --base bbbb",
        "--cell mips-6.1/malta-24kf-16k/unfixed/t1-first-return --seed 7",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_log_tells_git_what_is_sure() {
    let text = log(&bisection()).unwrap();
    let commands: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let hash = |n: usize| format!("{n:040x}");
    assert_eq!(
        commands,
        [
            format!("git bisect start '{}' '{}'", hash(4), hash(0)),
            format!("git bisect skip {}", hash(2)),
            format!("git bisect good {}", hash(1)),
            format!("git bisect bad {}", hash(3)),
        ]
    );
    assert!(text.contains(&format!("# first bad commit: [{}]", hash(3))));
    let fixed = Bisection {
        direction: SearchDirection::Fixed,
        origin: origin("/src/linux", ("broken", "fixed")),
        end: Next::Found { positions: vec![2, 3], confidence: 0.99 },
        ..bisection()
    };
    let text = log(&fixed).unwrap();
    assert!(text.contains("start '--term-old' 'broken' '--term-new' 'fixed' '"), "{text}");
    assert_eq!(text.matches("# possible first fixed commit").count(), 2);
}

#[test]
fn no_line_of_a_mail_is_longer_than_76_columns() {
    let long = Bisection { origin: origin("/src/linux", ("good", "bad")), ..bisection() };
    let text = mail(&long);
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    assert!(text.starts_with("Subject: [bisected] t1-first-return broke by 000000000000\nTo: A. Author"));
    assert!(text.contains("  --seed 7") && text.contains("weighed by all trials"), "{text}");
}

#[test]
fn what_is_not_found_is_said_with_what_is_open() {
    for (end, said) in [
        (Next::Ended(Why::NeverFails), "the bad commit 000000000000 does not fail in 12 trials"),
        (Next::Ended(Why::Bound), "not found within 1,000 trials"),
    ] {
        let mut bisection = Bisection { end, ..bisection() };
        bisection.candidates[4].label = "0".repeat(12);
        bisection.tried.remove(0);
        bisection.tried[1].position = 4;
        let text = table(&bisection);
        assert!(text.contains(said), "{text}");
        assert!(text.contains("open: 000000000000 49.8 % part 2"), "{text}");
    }
}

#[test]
fn options_have_no_author_and_git_knows_nothing_of_them() {
    let option = |n: usize| Suspect {
        hash: format!("{n:064x}"),
        label: format!("first {n}"),
        subject: format!("CONFIG_{n}: y -> n"),
        author: None,
    };
    let sides = SuspectSides {
        last_good: "out/last-good.config".into(),
        first_bad: "out/first-bad.config".into(),
        effect: Some(vec!["CONFIG_3: y -> n".into(), "CONFIG_BELOW_3: y -> not there".into()]),
    };
    let origin = SuspectSource::Configurations {
        good: "my good.config".into(),
        bad: "bad.config".into(),
        found: Some(sides),
    };
    let bisection = Bisection { origin, candidates: (0..5).map(option).collect(), ..bisection() };
    let text = table(&bisection);
    for part in [
        "found the option that broke it, with a probability of 99.51 %",
        "4 options between my good.config and bad.config, 4 tried",
        "\nCONFIG_3: y -> n\nWith what depends on it",
        "  CONFIG_BELOW_3: y -> not there\n",
        "\nfirst 3         4 / 6     99.7 %  CONFIG_3",
        "patcheval bisect-config quick --good out/last-good.config --bad out/first-bad.config --cell",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(log(&bisection), None);
    let mail = mail(&bisection);
    assert!(
        mail.starts_with("Subject: [bisected] t1-first-return broke by CONFIG_3: y -> n\n\nHi"),
        "{mail}"
    );
    let never = Bisection { end: Next::Ended(Why::NeverFails), ..bisection };
    assert!(table(&never).contains("not found: bad.config does not fail in 3 trials"), "{}", table(&never));
}
