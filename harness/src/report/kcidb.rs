// SPDX-License-Identifier: GPL-2.0-or-later
//! What KernelCI's database takes (kcidb-io, schema 5.3): a checkout and a build for each variant of a kernel, a test for each
//! cell.
//!
//! That database asks whether a kernel passes a test, and not whether that was foreseen: a variant that fails is FAIL here
//! even if it must. What says nothing about the patches (no-op, not observable) is SKIP, what has no result ERROR, and
//! what was not run MISS.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::error::Error;
use crate::error::Result;
use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Group;
use crate::judge::Verdict;
use crate::plan::Kernel;
use crate::plan::Source;
use crate::plan::Variant;
use crate::report::ReportData;
use crate::report::content::printable;
use crate::report::status::figures;
use crate::report::untried;
use crate::trial::sha256;

/// Longest excerpt of a log, as the schema has it.
const EXCERPT: usize = 16_384;

/// Returns the run as a report to KernelCI's database under the name of a CI system.
///
/// # Errors
///
/// Study, when `origin` is not of lower-case letters, digits and underscores.
pub fn kcidb(data: &ReportData, origin: &str) -> Result<String> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if origin.is_empty() || !origin.chars().all(fine) {
        return Err(Error::study(format!("`{}` is no origin", printable(origin))).hint(
            "an origin is of lower-case letters, digits and underscores, and KernelCI gives it to you",
        ));
    }
    let ids = Ids::new(data, origin)?;
    let (mut checkouts, mut builds) = (Vec::new(), Vec::new());
    for kernel in data.plan.kernels() {
        for variant in &data.plan.variants {
            checkouts.push(checkout(data, &ids, kernel, variant));
            builds.push(build(data, &ids, kernel, variant));
        }
    }
    let tests: Vec<Value> =
        data.judgement.cells().map(|(group, cell)| test(data, &ids, group, cell)).collect();
    let report = json!({
        "version": {"major": 5, "minor": 3},
        "checkouts": checkouts,
        "builds": builds,
        "tests": tests,
    });
    let text = serde_json::to_string_pretty(&report);
    Ok(text.map_err(|error| Error::internal(format!("KCIDB: {error}")))? + "\n")
}

/// Names of objects. They follow from what the run is made of and what came of it, so that submitting a report again adds
/// nothing, and another run's objects are others.
struct Ids<'a> {
    origin: &'a str,
    run: String,
}

impl<'a> Ids<'a> {
    fn new(data: &ReportData, origin: &'a str) -> Result<Self> {
        let content = serde_json::to_string(&(&data.plan, &data.tools, &data.judgement));
        let content = content.map_err(|error| Error::internal(format!("KCIDB: {error}")))?;
        Ok(Self { origin, run: sha256(&content)[..16].to_owned() })
    }

    fn of(&self, parts: &[&str]) -> String {
        format!("{}:patcheval-{}/{}", self.origin, self.run, parts.join("/"))
    }
}

fn checkout(data: &ReportData, ids: &Ids<'_>, kernel: &Kernel, variant: &Variant) -> Value {
    let release = data.tools.releases.get(&kernel.name).map_or("unknown", String::as_str);
    let series: Vec<String> = variant.series_on(&kernel.name).iter().map(ToString::to_string).collect();
    let left_out = variant.not_on.get(&kernel.name);
    let mut object = Map::new();
    object.insert("id".into(), json!(ids.of(&[&kernel.name, &variant.name])));
    object.insert("origin".into(), json!(ids.origin));
    let comment = match left_out {
        None => format!("Linux {release} with {}", variant.name),
        Some(why) => format!("{} does not apply to {}: {why}", variant.name, kernel.name),
    };
    // Of what was never to be made nothing is said on whether it can be.
    if left_out.is_none() {
        object.insert("valid".into(), json!(!rejected(data, kernel, variant)));
    }
    object.insert("comment".into(), json!(printable(&comment)));
    object.insert(
        "misc".into(),
        json!({"release": release, "series": series, "title": printable(&variant.title)}),
    );
    if variant.series_on(&kernel.name).is_empty() && left_out.is_none() {
        object.insert("patchset_hash".into(), json!(""));
    }
    if let Source::Git { reference, .. } = &kernel.source {
        let is_hash = reference.len() == 40
            && reference.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        let field = if is_hash { "git_commit_hash" } else { "git_commit_name" };
        object.insert(field.into(), json!(printable(reference)));
    }
    Value::Object(object)
}

/// Whether the patches of a variant do not apply to a kernel's source.
fn rejected(data: &ReportData, kernel: &Kernel, variant: &Variant) -> bool {
    let none = data.built.no_image.get(&kernel.name).and_then(|variants| variants.get(&variant.name));
    none.is_some_and(|none| none.rejected)
}

fn build(data: &ReportData, ids: &Ids<'_>, kernel: &Kernel, variant: &Variant) -> Value {
    let tools = &data.tools;
    let failed = tools.failed_builds.get(&kernel.name).and_then(|variants| variants.get(&variant.name));
    let mut object = Map::new();
    let id = ids.of(&[&kernel.name, &variant.name]);
    object.insert("id".into(), json!(id));
    object.insert("checkout_id".into(), json!(id));
    object.insert("origin".into(), json!(ids.origin));
    object.insert("architecture".into(), json!(kernel.arch.name()));
    object.insert("config_name".into(), json!(kernel.name));
    if let Some(toolchain) = tools.toolchains.get(&kernel.name) {
        object.insert("compiler".into(), json!(printable(toolchain)));
    }
    let status = match failed {
        _ if variant.not_on.contains_key(&kernel.name) => "SKIP",
        Some(_) => "FAIL",
        None => "PASS",
    };
    object.insert("status".into(), json!(status));
    if let Some(why) = failed {
        object.insert("log_excerpt".into(), json!(excerpt(why)));
    }
    Value::Object(object)
}

fn test(data: &ReportData, ids: &Ids<'_>, group: &Group, cell: &CellJudgement) -> Value {
    let mut object = Map::new();
    object
        .insert("id".into(), json!(ids.of(&[&group.kernel, &group.machine, &cell.variant, &group.testcase])));
    object.insert("build_id".into(), json!(ids.of(&[&group.kernel, &cell.variant])));
    object.insert("origin".into(), json!(ids.origin));
    object.insert("path".into(), json!(path(&group.testcase)));
    object.insert("status".into(), json!(status(cell)));
    object.insert("comment".into(), json!(figures(cell)));
    let tools = &data.tools;
    let machine = json!({"machine": group.machine, "qemu": tools.qemu, "plugin": tools.plugin});
    let comment = format!("QEMU {} as {}", tools.qemu, group.machine);
    object.insert("environment".into(), json!({"comment": printable(&comment), "misc": machine}));
    let example = cell.example.as_ref().map(|example| example.trial.as_str());
    object.insert(
        "misc".into(),
        json!({
            "study": data.judgement.study,
            "variant": cell.variant,
            "passes": cell.passes,
            "n": cell.n,
            "unknown": cell.unknown,
            "missing": cell.missing,
            "verdict": cell.verdict,
            "reason": untried::why(cell),
            "expected": cell.expected,
            "expectation": cell.expectation,
            "symptoms": cell.symptoms,
            "causes": cell.causes,
            "example": example,
        }),
    );
    if let Some(example) = data.example(group, cell).filter(|_| example.is_some()) {
        object.insert("log_excerpt".into(), json!(excerpt(&example.console)));
    }
    Value::Object(object)
}

fn status(cell: &CellJudgement) -> &'static str {
    match (cell.coherent.control, cell.verdict) {
        (_, verdict) if verdict.is_broken() => "FAIL",
        _ if cell.is_idle() => "SKIP",
        _ if cell.n == 0 && cell.unknown == 0 => "MISS",
        (Control::Violated | Control::Unknown, _) | (_, Verdict::Unknown) => "ERROR",
        (
            _,
            Verdict::Fails
            | Verdict::Mixed
            | Verdict::PatchRejected
            | Verdict::DoesNotBuild
            | Verdict::DoesNotBoot,
        ) => "FAIL",
        _ if cell.passes < cell.n => "FAIL",
        (_, Verdict::PassesAll) => "PASS",
        (_, Verdict::NoOp | Verdict::NotObservable | Verdict::DoesNotApply) => "SKIP",
    }
}

/// A path's parts are of letters, digits, dashes and underscores.
fn path(testcase: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    format!("patcheval.{}", testcase.chars().map(plain).collect::<String>())
}

/// The end of a log, line by line, without what a terminal would obey.
fn excerpt(log: &str) -> String {
    let text: String = log.lines().map(|line| printable(line.trim_end()) + "\n").collect();
    let from = text.chars().count().saturating_sub(EXCERPT);
    text.chars().skip(from).collect()
}
