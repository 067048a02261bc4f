// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of mails: the message, the body's width, and who may be vouched for.

use mailparse::MailHeaderMap;
use mailparse::parse_mail;

use super::super::*;
use super::formats::data;
use crate::error::exit;
use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::KernelFacts;
use crate::judge::Verdict;
use crate::judge::judge;
use crate::judge::tests::lines;
use crate::plan::tests::plan;

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn envelope() -> Envelope {
    Envelope {
        from: Some(mailbox("Jörg Müller-Lüdenscheidt <joerg@example.org>")),
        to: vec![mailbox("oleg@example.org"), mailbox("\"Team, uprobes\" <uprobes@lists.example.org>")],
        cc: (0..12).map(|n| mailbox(&format!("Somebody Number {n} <somebody-{n}@example.org>"))).collect(),
        in_reply_to: Some("<20260101.1234-1@example.org>".parse().unwrap()),
        subject: Some(
            "[PATCH v2 1/3] uprobes: flush the slot, für alle Fälle, wherever it may be".parse().unwrap(),
        ),
        ..Envelope::default()
    }
}

#[test]
fn a_message_is_read_back_as_it_was_meant() {
    let text = mail(&data(), &envelope()).unwrap();
    let parsed = parse_mail(text.as_bytes()).unwrap();
    let header = |name: &str| parsed.headers.get_first_value(name);
    assert_eq!(header("From").unwrap(), "Jörg Müller-Lüdenscheidt <joerg@example.org>");
    assert_eq!(
        header("Subject").unwrap(),
        "Re: [PATCH v2 1/3] uprobes: flush the slot, für alle Fälle, wherever it may be"
    );
    for name in ["In-Reply-To", "References"] {
        assert_eq!(header(name).unwrap(), "<20260101.1234-1@example.org>");
    }
    let to = mailparse::addrparse(&header("To").unwrap()).unwrap();
    assert_eq!(to.to_string(), r#"oleg@example.org, "Team, uprobes" <uprobes@lists.example.org>"#);
    assert_eq!(mailparse::addrparse(&header("Cc").unwrap()).unwrap().len(), 12);
    assert_eq!(header("Content-Type").unwrap(), "text/plain; charset=UTF-8");
    // Neither clock nor chance.
    assert_eq!((header("Date"), header("Message-ID")), (None, None));
    assert_eq!(mail(&data(), &envelope()).unwrap(), text);
    let (head, _) = text.split_once("\n\n").unwrap();
    assert!(head.is_ascii() && !head.contains('\r'), "{head}");
    assert!(head.lines().all(|line| line.len() <= 78), "{head}");
}

#[test]
fn a_mail_is_plain_text_of_76_columns() {
    let text = mail(&data(), &Envelope::default()).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    assert!(
        head.starts_with("Subject: [patcheval] small: expectations not met\nMIME-Version: 1.0\n"),
        "{head}"
    );
    assert_eq!(body.lines().find(|line| line.chars().count() > 76), None);
    assert!(body.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "{body}");
    let table = "\
              A
unfixed       1/4?
merged        3/4?!
lazy          no-op?
merged-alone  0/4
";
    assert!(body.contains(table), "{body}");
    let list = "
3/4  merged        t1  A  mixed !
0/4  merged-alone  t9  A  fails
1/4  unfixed       t1  A  mixed
3/3  unfixed       t9  A  not-observable, 1 missing
3/3  merged        t9  A  not-observable, 1 unknown
4/4  lazy          t9  A  unknown

";
    assert!(body.contains(list), "{body}");
    for expected in [
        "- with the model off every trial passes in 7 of 8 cells; otherwise, and",
        "not observable: unfixed passes in these, so that nothing is ranked there:",
        "- no-op: the patches do not change the image, so a pass says nothing: lazy",
        "- trials without a result, which are not counted: host-deadline 1\n",
        "\n  ci/setup && cargo build --release --workspace\n  target/release/patcheval run ci/studies/small.yaml\n",
        "- mips-6.1: Linux 6.1.192, Debian's linux-source-6.1; mips-linux-gnu-gcc",
        "- QEMU 11.1.3; patcheval 0.1.0, plugin 67e772d8f894\n",
    ] {
        assert!(body.contains(expected), "{expected}\n{body}");
    }
    // A tool that collects trailers must not take a guest's.
    assert!(!body.lines().any(|line| line.starts_with("Tested-by")), "{body}");
}

/// The study with as many targets and variants as the founding one.
#[test]
fn eight_variants_on_eight_targets_fit() {
    let mut data = data();
    let group = data.judgement.groups[0].clone();
    let names = ["unfixed", "ixol-flush", "special-mapping-flush", "special-mapping-fault-flush"];
    let more = ["flush-icache-page", "lazy-dcache", "user-colour", "merged-alone"];
    let variants = names.iter().chain(&more).enumerate();
    let cells: Vec<CellJudgement> = variants
        .map(|(n, variant)| CellJudgement { variant: (*variant).into(), ..group.cells[n % 4].clone() })
        .collect();
    let target =
        |n: usize| Group { machine: format!("malta-24kf-16k-{n}"), cells: cells.clone(), ..group.clone() };
    data.judgement.groups = (0..8).map(target).collect();
    let text = mail(&data, &Envelope::default()).unwrap();
    let body = text.split_once("\n\n").unwrap().1;
    assert_eq!(body.lines().find(|line| line.chars().count() > 76), None);
    assert_eq!(body.matches("\nspecial-mapping-fault-flush  ok").count(), 2, "{body}");
}

#[test]
fn nobody_can_put_a_header_into_an_option() {
    for text in ["a@b.org\nBcc: x@y.org", "A\r\nBcc: x@y.org <a@b.org>", "A <a@b.org\r>", "a@b.org\u{85}"] {
        assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
    }
    for text in ["", "nobody", "a@", "@b", "a b@c", "A <a@b>, B <c@d>", "<a@b> x", "a@b@c"] {
        assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
    }
    assert!("a@b\nX: y".parse::<MessageId>().is_err());
    assert!("a@b> <c@d".parse::<MessageId>().is_err());
    assert!("S\nBcc: x@y.org".parse::<HeaderText>().is_err());
    assert!("merged\nX: y".parse::<TestedBy>().is_err());
}

fn vouching(what: &str) -> Envelope {
    Envelope {
        tested_by: vec![what.parse().unwrap()],
        tester: Some(mailbox("Tess Ter <tess@example.org>")),
        ..Envelope::default()
    }
}

/// The report data of a study in which nothing went wrong.
fn whole() -> ReportData {
    let lines = lines();
    ReportData { judgement: judge(&plan(), &lines, &KernelFacts::default()), lines, ..data() }
}

#[test]
fn a_variant_that_passed_is_vouched_for() {
    for what in ["merged", "merged@malta", "merged@mips-6.1/malta"] {
        let text = mail(&whole(), &vouching(what)).unwrap();
        let end = "\n\nFor merged on malta, 8 trials, all passed:\nTested-by: Tess Ter <tess@example.org>\n";
        assert!(text.ends_with(end), "{text}");
    }
    assert!(!mail(&whole(), &Envelope::default()).unwrap().contains("\nTested-by"));
}

#[test]
fn any_other_variant_is_refused_with_its_reason() {
    let fails = |data: &ReportData, what: &str| {
        let error = mail(data, &vouching(what)).unwrap_err();
        assert_eq!(error.exit_code(), exit::STUDY);
        error.to_string()
    };
    let place = "mips-6.1 on malta";
    assert_eq!(
        fails(&whole(), "merged-alone"),
        format!("no Tested-by for merged-alone on malta: it fails: {place}, t9: 0 of 4 pass, init-died 4")
    );
    let data = data();
    assert!(fails(&data, "merged").ends_with(&format!("it fails: {place}, t1: 3 of 4 pass, lost-hit 1")));
    assert!(
        fails(&data, "lazy")
            .ends_with(&format!("it is unknown: {place}, t9: the testcase fails with the model off, too"))
    );
    let with = |change: &dyn Fn(&mut CellJudgement)| {
        let mut data = whole();
        for group in &mut data.judgement.groups {
            group.cells.iter_mut().filter(|cell| cell.variant == "merged").for_each(change);
        }
        fails(&data, "merged")
    };
    let said = with(&|cell| cell.verdict = Verdict::NoOp);
    assert!(said.ends_with("it is a no-op: on mips-6.1 its patches do not change the image"), "{said}");
    let said = with(&|cell| cell.verdict = Verdict::NotObservable);
    assert!(said.contains("it is not observable: the baseline passes there, too"), "{said}");
    let said = with(&|cell| cell.missing = 2);
    assert!(said.ends_with(&format!("the run is not whole: {place}, t1: 2 trials missing")), "{said}");
    let said = with(&|cell| cell.unknown = 1);
    assert!(said.contains("it is unknown: "), "{said}");
    assert_eq!(fails(&data, "nothing@malta"), "the run has no variant `nothing` on malta");
    assert_eq!(fails(&data, "merged@virt"), "the run has no variant `merged` on virt");
    let nobody = Envelope { tester: Some(mailbox("tess@example.org")), ..vouching("merged") };
    assert!(mail(&whole(), &nobody).unwrap_err().to_string().contains("name and the address"));
}
