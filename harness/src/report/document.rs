// SPDX-License-Identifier: GPL-2.0-or-later
//! The run as JSON for programs: the judgement, with what it was made of and where its trials are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
use crate::judge::Judgement;
use crate::plan::Patches;
use crate::report::ExampleTrial;
use crate::report::ReportData;
use crate::report::Tools;
use crate::report::sentence;
use crate::report::trees;
use crate::report::trees::TreeVariant;

/// Version of the document; its schema is `harness/doc/schema/report-2.json`.
pub const VERSION: u32 = 2;

/// A report for programs. A field that is added keeps the version; one that goes or changes its meaning makes another.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "patcheval report")]
pub struct Document<'a> {
    /// Version of this format.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The run directory, as whoever asked for the report named it.
    run: &'a str,
    /// With what the run was made.
    tools: &'a Tools,
    /// The variants, in the order of the study.
    variants: Vec<DocumentVariant<'a>>,
    /// The targets, in the order of the study.
    targets: Vec<DocumentTarget<'a>>,
    /// The answer in sentences: what to take, and what speaks against the others.
    answer: Vec<String>,
    /// What each variant comes to in each tree, where machines were tried with several kernels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trees: Vec<TreeVariant<'a>>,
    /// What the trials say.
    judgement: &'a Judgement,
    /// Trials that are shown whole: of each cell the first one, and its example of a failure. Consoles are as the guest
    /// wrote them, and not to be trusted.
    examples: &'a [ExampleTrial],
}

/// A variant of the study.
#[derive(Debug, Serialize, JsonSchema)]
struct DocumentVariant<'a> {
    /// Name.
    name: &'a str,
    /// Name of its directory in the patch set.
    directory: &'a str,
    /// Companions, whose patches come last in the series.
    companions: &'a [String],
    /// The variant's line for reports.
    title: &'a str,
    /// Why it is expected to work, or not to.
    why: &'a str,
    /// Patch files in the order in which they apply.
    series: Vec<String>,
    /// The same on those kernels, by name, for which they are others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    series_by_kernel: BTreeMap<&'a str, Vec<String>>,
    /// Why the variant does not apply to kernels, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    does_not_apply: BTreeMap<&'a str, &'a str>,
}

/// A target of the study.
#[derive(Debug, Serialize, JsonSchema)]
struct DocumentTarget<'a> {
    /// Name of the kernel.
    kernel: &'a str,
    /// Name of the machine.
    machine: &'a str,
    /// Linux's own version of itself.
    release: Option<&'a str>,
    /// Trials of each testcase that makes sense here, with the model on; with a rule, the most that there can be.
    trials: BTreeMap<&'a str, u32>,
}

/// Returns the run as JSON.
///
/// # Errors
///
/// Internal, when it cannot be written as JSON.
pub fn json(data: &ReportData) -> Result<String> {
    let document = Document {
        v: VERSION,
        run: &data.run,
        tools: &data.tools,
        variants: data.plan.variants.iter().map(variant).collect(),
        targets: data.plan.targets.iter().map(|one| target(data, one)).collect(),
        answer: sentence::answer(&data.judgement),
        trees: trees::all(&data.judgement),
        judgement: &data.judgement,
        examples: &data.examples,
    };
    let text = serde_json::to_string_pretty(&document);
    Ok(text.map_err(|error| Error::internal(format!("JSON: {error}")))? + "\n")
}

/// Returns the schema of [`json`]'s documents, as it is committed.
///
/// # Errors
///
/// Internal, when it cannot be written as JSON.
pub fn json_schema() -> Result<String> {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let text = serde_json::to_string_pretty(&generator.into_root_schema_for::<Document<'static>>());
    Ok(text.map_err(|error| Error::internal(format!("JSON schema: {error}")))? + "\n")
}

fn variant(variant: &crate::plan::Variant) -> DocumentVariant<'_> {
    DocumentVariant {
        name: &variant.name,
        directory: &variant.directory,
        companions: &variant.companions,
        title: &variant.title,
        why: &variant.why,
        series: names(&variant.series),
        series_by_kernel: variant.series_by_kernel.iter().map(|(on, of)| (on.as_str(), names(of))).collect(),
        does_not_apply: variant.not_on.iter().map(|(on, why)| (on.as_str(), why.as_str())).collect(),
    }
}

fn names(series: &[Patches]) -> Vec<String> {
    series.iter().map(ToString::to_string).collect()
}

fn target<'a>(data: &'a ReportData, target: &'a crate::plan::Target) -> DocumentTarget<'a> {
    let plan = &data.plan;
    let trials = plan.testcases_on(target).map(|testcase| {
        let seeds = plan.seeds_of(testcase, plan.study.mode);
        (testcase.name.as_str(), seeds.count)
    });
    DocumentTarget {
        kernel: &target.kernel.name,
        machine: &target.machine.name,
        release: data.tools.releases.get(&target.kernel.name).map(String::as_str),
        trials: trials.collect(),
    }
}
