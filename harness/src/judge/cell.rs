// SPDX-License-Identifier: GPL-2.0-or-later
//! Judges one cell.

use std::cell::RefCell;
use std::collections::BTreeMap;

use instrument::Mode;

use crate::judge::data::Data;
use crate::judge::evidence;
use crate::judge::interval::CONFIDENCE;
use crate::judge::interval::Interval;
use crate::judge::model::CellJudgement;
use crate::judge::model::Coherent;
use crate::judge::model::Control;
use crate::judge::model::Example;
use crate::judge::model::Expectation;
use crate::judge::model::FlushUsePrice;
use crate::judge::model::InBinary;
use crate::judge::model::Price;
use crate::judge::model::Verdict;
use crate::judge::obstacle::Obstacle;
use crate::judge::schedule::decision;
use crate::judge::statistics::bootstrap::Bootstrap;
use crate::judge::statistics::bootstrap::Draws;
use crate::judge::statistics::clusters;
use crate::judge::statistics::sequential::Decision;
use crate::plan::Cell;
use crate::plan::Expected;
use crate::plan::Plan;
use crate::plan::TrialId;
use crate::plan::Variant;
use crate::trial::line::FlushUseCounts;
use crate::trial::line::Outcome;
use crate::trial::line::Symptom;
use crate::trial::line::TrialLine;

/// The trials of one cell in one mode.
pub(super) struct CellTrials<'a> {
    /// The lines, in the order of the seeds, and what they say about the patches.
    lines: Vec<(&'a TrialLine, Outcome)>,
    missing: u32,
}

impl<'a> CellTrials<'a> {
    /// Takes the lines of a cell: the controls if `mode` is off, the study's trials otherwise.
    pub(super) fn new(plan: &Plan, cell: &Cell<'_>, mode: Mode, data: &Data<'a>) -> Self {
        let seeds = plan.seeds_of(cell.testcase, mode);
        let (mut lines, mut missing) = (Vec::new(), 0);
        for id in seeds.iter().map(|seed| cell.trial(mode, seed)).filter(|id| data.counts(id)) {
            match data.get(&id) {
                Some(line) => lines.push((line, evidence::outcome(plan, line))),
                None => missing += 1,
            }
        }
        Self { lines, missing }
    }

    /// Those of a cell that is not tried.
    pub(super) fn none() -> Self {
        Self { lines: Vec::new(), missing: 0 }
    }

    fn count(&self, condition: impl Fn(Outcome) -> bool) -> u32 {
        u32::try_from(self.lines.iter().filter(|(_, outcome)| condition(*outcome)).count())
            .unwrap_or(u32::MAX)
    }

    /// Trials that passed.
    pub(super) fn passes(&self) -> u32 {
        self.count(Outcome::is_pass)
    }

    /// Trials that passed or failed.
    pub(super) fn n(&self) -> u32 {
        self.count(|outcome| !outcome.is_unknown())
    }

    /// Whether the bug shows in these trials of the baseline: at least one failed.
    pub(super) fn some_fail(&self) -> Control {
        match (self.n(), self.passes()) {
            (0, _) => Control::Unknown,
            (n, passes) if passes < n => Control::Holds,
            _ => Control::Violated,
        }
    }

    /// The trials in the order of their seeds, and what they say.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'a TrialLine, Outcome)> {
        self.lines.iter().copied()
    }

    /// Those of the trials that passed.
    pub(super) fn passing(&self) -> Self {
        let lines = self.outcomes().filter(|(_, outcome)| outcome.is_pass()).collect();
        Self { lines, missing: self.missing }
    }

    fn all_pass(&self) -> Coherent {
        let (passes, n) = (self.passes(), self.n());
        let control = match n {
            0 => Control::Unknown,
            _ if passes == n => Control::Holds,
            _ => Control::Violated,
        };
        Coherent { passes, n, control }
    }

    /// Lines that say something and have a record, and with it counts.
    fn counted(&self) -> impl Iterator<Item = &'a TrialLine> {
        let lines = self.lines.iter().filter(|(_, outcome)| !outcome.is_unknown()).map(|(line, _)| *line);
        lines.filter(|line| !line.record_sha256.is_empty())
    }
}

/// What a cell is judged against.
pub(super) struct CellContext<'a, 'b> {
    /// The study.
    pub(super) plan: &'b Plan,
    /// Its lines.
    pub(super) data: &'b Data<'a>,
    /// The baseline's trials of the same target and testcase; none for the baseline itself.
    pub(super) baseline: Option<&'b CellTrials<'a>>,
    /// Whether the bug shows on this target with this testcase.
    pub(super) observable: Control,
    /// Whether the variant's patches changed the kernel.
    pub(super) in_binary: InBinary,
    /// The variant that is the same kernel, if the patches change nothing.
    pub(super) twin: Option<&'b Variant>,
    /// What the bootstrap drew last.
    pub(super) draws: &'b RefCell<Draws>,
    /// What keeps the cell from being tried.
    pub(super) obstacle: Option<Obstacle>,
}

/// Judges a cell.
pub(super) fn judge(cell: &Cell<'_>, context: &CellContext<'_, '_>) -> CellJudgement {
    let CellContext { plan, data, .. } = *context;
    let of = |mode| match &context.obstacle {
        None => CellTrials::new(plan, cell, mode, data),
        Some(_) => CellTrials::none(),
    };
    let trials = of(plan.study.mode);
    let coherent = of(Mode::Off).all_pass();
    let (passes, n) = (trials.passes(), trials.n());
    let (mut symptoms, mut causes) = (BTreeMap::new(), BTreeMap::new());
    for (_, outcome) in &trials.lines {
        match outcome {
            Outcome::Pass => {}
            Outcome::Fail { symptom } => *symptoms.entry(*symptom).or_insert(0) += 1,
            Outcome::Unknown { cause } => *causes.entry(*cause).or_insert(0) += 1,
        }
    }
    let (expected, why) = cell.expected();
    // What a kernel does is known by whatever variant it was tried as.
    let twin = context.twin.filter(|_| n == 0).map(|variant| Cell { variant, ..*cell });
    let twin = twin.map(|twin| CellTrials::new(plan, &twin, plan.study.mode, data));
    let met = twin.map_or((passes, n), |twin| (twin.passes(), twin.n()));
    let verdict = verdict(cell, passes, n, coherent.control, context);
    let priced = Priced::new(plan, &trials, context.baseline, context.draws);
    CellJudgement {
        variant: cell.variant.name.clone(),
        passes,
        n,
        unknown: trials.count(Outcome::is_unknown),
        missing: trials.missing,
        interval: plan.study.interval.interval(passes, n, CONFIDENCE),
        unexpected: unexpected(cell, &symptoms),
        symptoms,
        causes,
        stale: mean(trials.counted().map(|line| line.stale_fetches)),
        stale_loads: mean(trials.counted().map(|line| line.stale_loads)).filter(|mean| *mean > 0.0),
        d: priced.price(|line| line.d_operations),
        i: priced.price(|line| line.i_operations),
        d_use: priced.flush_use(|line| line.d_use),
        i_use: priced.flush_use(|line| line.i_use),
        flush_instructions: priced.price(|line| line.flush_instructions),
        decision: decision(plan, cell.testcase, passes, n - passes)
            .filter(|_| n > 0 || !verdict.needs_no_trial()),
        verdict,
        reason: context.obstacle.as_ref().map(|obstacle| obstacle.reason.clone()),
        coherent,
        in_binary: context.in_binary,
        expected,
        why: why.into(),
        same_as: context.twin.map(|variant| variant.name.clone()),
        expectation: expectation(expected, verdict, met.0, met.1),
        example: example(&trials),
    }
}

fn verdict(
    cell: &Cell<'_>,
    passes: u32,
    n: u32,
    coherent: Control,
    context: &CellContext<'_, '_>,
) -> Verdict {
    if let Some(obstacle) = &context.obstacle {
        return obstacle.verdict;
    }
    if context.in_binary == InBinary::NoOp && n == 0 {
        return Verdict::NoOp;
    }
    if n == 0 || coherent != Control::Holds {
        return Verdict::Unknown;
    }
    let open = decision(context.plan, cell.testcase, passes, n - passes) == Some(Decision::Open);
    match (context.in_binary, passes, context.observable) {
        (InBinary::NoOp, ..) => Verdict::NoOp,
        (_, 0, _) => Verdict::Fails,
        (_, passes, _) if passes < n => Verdict::Mixed,
        (_, _, Control::Violated | Control::Unknown) => Verdict::NotObservable,
        (_, _, Control::Holds) if open => Verdict::Unknown,
        (_, _, Control::Holds) => Verdict::PassesAll,
    }
}

fn expectation(expected: Expected, verdict: Verdict, passes: u32, n: u32) -> Expectation {
    match expected {
        _ if verdict.is_broken() => Expectation::Contradicted,
        _ if n == 0 && verdict.needs_no_trial() => Expectation::NotTried,
        _ if n == 0 => Expectation::Unknown,
        Expected::Pass if passes < n => Expectation::Contradicted,
        Expected::Fail if passes == n => Expectation::Contradicted,
        Expected::Pass | Expected::Fail | Expected::Any => Expectation::Met,
    }
}

/// A testcase that states no symptoms expects any; a stale loop is what all of them are about.
fn unexpected(cell: &Cell<'_>, symptoms: &BTreeMap<Symptom, u32>) -> Vec<Symptom> {
    let expected = &cell.testcase.symptoms;
    let is_expected = |one: &Symptom| expected.is_empty() || expected.contains(one);
    symptoms.keys().copied().filter(|one| *one != Symptom::StaleLoop && !is_expected(one)).collect()
}

fn example(trials: &CellTrials<'_>) -> Option<Example> {
    let (line, _) = trials.lines.iter().find(|(_, outcome)| matches!(outcome, Outcome::Fail { .. }))?;
    let text = line.detail.as_ref().map(|detail| detail.text.clone()).unwrap_or_default();
    Some(Example { trial: line.id.to_string(), text })
}

/// Seed of the bootstrap. Any will do; it is fixed, so that equal trials give equal intervals.
const RESAMPLING: u64 = 1979;

/// The trials of a cell that have counts.
pub(super) struct Priced<'a, 'b> {
    lines: Vec<&'a TrialLine>,
    /// Those that pass, with the baseline's of the same seed if it passes too: a seed fixes the workload, so that pairing
    /// takes away what seeds differ in, and a trial that fails early leaves out what comes later, which is no price.
    pairs: Vec<(&'a TrialLine, &'a TrialLine)>,
    plan: &'b Plan,
    draws: &'b RefCell<Draws>,
}

impl<'a, 'b> Priced<'a, 'b> {
    /// Takes trials, and those to compare them with.
    pub(super) fn new(
        plan: &'b Plan,
        trials: &CellTrials<'a>,
        baseline: Option<&CellTrials<'a>>,
        draws: &'b RefCell<Draws>,
    ) -> Self {
        let baseline = baseline.map(CellTrials::passing);
        let baseline = baseline.iter().flat_map(CellTrials::counted);
        let baseline: BTreeMap<u64, &TrialLine> = baseline.map(|line| (line.id.seed, line)).collect();
        let pair = |line: &'a TrialLine| Some((line, *baseline.get(&line.id.seed)?));
        let pairs = trials.passing().counted().filter_map(pair).collect();
        let lines = trials.counted().collect();
        Self { lines, pairs, plan, draws }
    }

    /// Returns the mean of some counts and the mean of their differences to the baseline, seed by seed where both pass.
    pub(super) fn price(&self, count: impl Fn(&TrialLine) -> u64) -> Price {
        let difference = |(a, b): &(&TrialLine, &TrialLine)| as_float(count(a)) - as_float(count(b));
        let mut differences = Differences::new(self.plan);
        for pair in &self.pairs {
            differences.add(&pair.0.id, difference(pair));
        }
        let pairs = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
        let (difference, interval) = differences.mean(&mut self.draws.borrow_mut()).unzip();
        let mean = mean(self.lines.iter().map(|line| count(line)));
        Price { mean, difference, pairs, interval: interval.flatten() }
    }

    fn flush_use(&self, count: impl Fn(&TrialLine) -> FlushUseCounts) -> FlushUsePrice {
        FlushUsePrice {
            needed: self.price(|line| count(line).needed),
            redundant: self.price(|line| count(line).redundant),
            insufficient: self.price(|line| count(line).insufficient),
        }
    }
}

/// Differences between trials with the same seed.
pub(super) struct Differences<'b> {
    plan: &'b Plan,
    by_layout: BTreeMap<u32, Vec<f64>>,
}

impl<'b> Differences<'b> {
    /// Those of a plan's trials; none at first.
    pub(super) fn new(plan: &'b Plan) -> Self {
        Self { plan, by_layout: BTreeMap::new() }
    }

    /// Takes the difference between two trials, of which `id` is one.
    pub(super) fn add(&mut self, id: &TrialId, difference: f64) {
        self.by_layout.entry(self.plan.layout_of(id)).or_default().push(difference);
    }

    /// Returns their mean and its 95 % interval; nothing if there are none, no interval if there is but one. With several layouts of
    /// the guest's memory the interval is over these, since all trials of one have in common what it adds.
    pub(super) fn mean(self, draws: &mut Draws) -> Option<(f64, Option<Interval>)> {
        let layouts: Vec<Vec<f64>> = self.by_layout.into_values().collect();
        if self.plan.study.layouts > 1 {
            return clusters::mean(&layouts);
        }
        let all = layouts.concat();
        let n = u32::try_from(all.len()).ok().filter(|n| *n > 0)?;
        // Which differences are drawn again must not depend on anything but the data.
        let interval = Bootstrap::new(RESAMPLING).mean_by(&all, draws);
        let interval = interval.map(|mean| Interval { low: mean.low, high: mean.high });
        Some((all.iter().sum::<f64>() / f64::from(n), interval))
    }
}

/// Returns the mean of the counts, or nothing if there are none.
fn mean(counts: impl Iterator<Item = u64>) -> Option<f64> {
    let counts: Vec<f64> = counts.map(as_float).collect();
    let n = u32::try_from(counts.len()).ok().filter(|n| *n > 0)?;
    Some(counts.iter().sum::<f64>() / f64::from(n))
}

/// Counts of a trial are far below 2^53, up to which the conversion is exact.
fn as_float(count: u64) -> f64 {
    count as f64
}
