// SPDX-License-Identifier: GPL-2.0-or-later
//! The page around its parts: what stands in its head, at its top, and at its foot.

use std::collections::BTreeMap;

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use super::PageView;
use super::cell;
use super::decision;
use super::flushes;
use super::geometry;
use super::matrix;
use super::notes;
use super::text::visible;
use crate::judge::Overall;
use crate::report::sentence;
use crate::report::trees;

const STYLE: &str = include_str!("style.css");

/// Whatever a guest wrote and however it came here: nothing runs, and nothing is fetched.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The sections with an entry in the page's table of contents.
const CONTENTS: [(&str, &str); 8] = [
    ("verdicts", "Verdicts"),
    ("answers", "Answers"),
    ("trees", "Trees"),
    ("decision", "Price against correctness"),
    ("flushes", "Flushes"),
    ("geometry", "Cache geometry"),
    ("controls", "Controls"),
    ("trials", "Trials"),
];

pub(super) fn page(view: &PageView<'_>) -> Markup {
    let judgement = view.judgement;
    let body = html! {
        a.skip href="#verdicts" { "Skip to the verdicts" }
        (head(view))
        main {
            (matrix::section(view))
            (notes::answers(view))
            (notes::trees(view))
            (decision::section(view))
            (flushes::section(view))
            (geometry::section(view))
            (notes::controls(view))
            (notes::certainty(view))
            (cell::section(view))
        }
        (foot(view))
    };
    document(&format!("{}: {}", judgement.study, sentence::headline(judgement, usize::MAX)), &body)
}

/// A page of its own, whatever stands on it.
pub(super) fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "patcheval " (env!("CARGO_PKG_VERSION")) };
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

fn head(view: &PageView<'_>) -> Markup {
    let judgement = view.judgement;
    let class = match judgement.overall {
        Overall::Met => "result",
        Overall::NotMet | Overall::NotObservable => "result bad",
        Overall::Unknown => "result doubtful",
    };
    let there = |(id, _): &&(&str, &str)| match *id {
        "decision" => !judgement.candidates.is_empty(),
        "trees" => !trees::trees(judgement).is_empty(),
        "geometry" => judgement.groups.iter().any(|group| group.swept_from.is_some()),
        _ => true,
    };
    html! {
        header.head {
            p.kicker { "patcheval: study " (judgement.study) }
            h1 { (view.content.title) }
            p.answer { (visible(&view.content.answer.join(" "))) }
            p class=(class) { (view.content.first) }
            @for alarm in &view.content.alarms { p.result.bad { (visible(alarm)) } }
            (facts(view))
            nav aria-label="Contents" {
                ul {
                    @for (id, name) in CONTENTS.iter().filter(there) { li { a href={ "#" (id) } { (name) } } }
                    @if let Some(trend) = &view.data.trend { li { a href=(trend) { "History" } } }
                }
            }
        }
    }
}

/// What the result was got with.
fn facts(view: &PageView<'_>) -> Markup {
    let tools = &view.data.tools;
    let plan = &view.data.plan;
    // Most kernels share their release or their compiler: each is named once.
    let joined = |words: &BTreeMap<String, String>| {
        let mut kernels: Vec<(&String, Vec<&str>)> = Vec::new();
        for (kernel, word) in words {
            match kernels.iter_mut().find(|(known, _)| *known == word) {
                Some((_, names)) => names.push(kernel),
                None => kernels.push((word, vec![kernel])),
            }
        }
        kernels.into_iter().map(|(word, names)| (word.clone(), names.join(", "))).collect::<Vec<_>>()
    };
    html! {
        dl.facts {
            div {
                dt { "Base kernel" }
                @for (release, kernels) in joined(&tools.releases) { dd { "Linux " (release) " (" (kernels) ")" } }
            }
            div {
                dt { "Toolchain" }
                @for (toolchain, kernels) in joined(&tools.toolchains) { dd { (toolchain) " (" (kernels) ")" } }
            }
            div { dt { "Machine model" } dd { "QEMU " (tools.qemu) "; patcheval " (tools.patcheval) ", plugin "
                span.name { (tools.plugin.chars().take(12).collect::<String>()) } } }
            div { dt { "Baseline, in which the bug must show" } dd.name { (plan.study.baseline) } }
        }
    }
}

fn foot(view: &PageView<'_>) -> Markup {
    html! {
        footer.foot {
            p {
                "Every trial can be run again, and gives the same bytes: " code { (view.data.replay("TRIAL")) } ". "
                "What passes here is not thereby proven on hardware; whatever is stale in the model can be stale on silicon with "
                "such caches. On paper there is what is unfolded."
            }
        }
    }
}
