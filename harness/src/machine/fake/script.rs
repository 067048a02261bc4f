// SPDX-License-Identifier: GPL-2.0-or-later
//! What a fake machine is to do: a YAML file of rules, of which the first that fits applies.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ending::Ending;
use crate::error::Result;
use crate::plan::TrialId;
use crate::yaml;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// Builds that fail or take their time.
    #[serde(default)]
    pub(super) builds: Vec<Build>,
    /// Boots that fail or take their time.
    #[serde(default)]
    pub(super) boots: Vec<BootScript>,
    /// Trials that do not simply pass.
    #[serde(default)]
    pub(super) trials: Vec<TrialScript>,
}

/// How kernels build.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    /// Names of kernels; `*` stands for any text.
    #[serde(default = "any")]
    kernel: String,
    /// Text in what the series changes.
    #[serde(default)]
    has: String,
    /// What the compiler says, if it does not build.
    pub(super) error: Option<String>,
    /// How long it takes.
    #[serde(default)]
    pub(super) takes_ms: u64,
}

/// How kernels boot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BootScript {
    /// Names of machines.
    #[serde(default = "any")]
    machine: String,
    /// Text in the kernel's image.
    #[serde(default)]
    has: String,
    /// What is on the console of one that does not become ready.
    pub(super) console: Option<String>,
    /// Whether the host's deadline ends it.
    #[serde(default)]
    pub(super) late: bool,
    /// How long it takes.
    #[serde(default)]
    pub(super) takes_ms: u64,
}

/// How trials end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialScript {
    /// `KERNEL/MACHINE/VARIANT/TESTCASE/MODE/SEED`; `*` stands for any text, also for the parts that are left out at the end.
    #[serde(default = "any")]
    trial: String,
    /// Text in the kernel's image.
    #[serde(default)]
    has: String,
    /// How it ends; it passes if nothing is said.
    ends: Option<Ending>,
    /// With how many of all seeds it ends so; with the others it passes.
    fails: Option<f64>,
    /// How it ends with these seeds.
    #[serde(default)]
    seeds: BTreeMap<u64, Ending>,
    /// How long it takes.
    #[serde(default)]
    takes_ms: u64,
    /// Operations on the D-cache, and on the I-cache.
    #[serde(default)]
    operations: Option<[u64; 2]>,
    /// Whether a machine that has served others leaves another console behind than one that has not.
    #[serde(default)]
    warm_differs: bool,
}

/// What a trial comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// How it ends.
    pub(super) ending: Ending,
    /// How long it takes.
    pub(super) takes_ms: u64,
    /// Operations on the D-cache, and on the I-cache.
    pub(super) operations: [u64; 2],
    /// Whether a warm trial is not what a cold one is.
    pub(super) warm_differs: bool,
}

/// Operations where a script says nothing.
const OPERATIONS: [u64; 2] = [100, 50];

fn any() -> String {
    "*".to_owned()
}

impl Script {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        yaml::read(path)
    }

    /// Returns the rule for a build; `image` is what is made of it.
    pub(super) fn build(&self, kernel: &str, image: &[u8]) -> Option<&Build> {
        self.builds.iter().find(|rule| fits(&rule.kernel, kernel) && has(image, &rule.has))
    }

    /// Returns the rule for a boot.
    pub(super) fn boot(&self, machine: &str, image: &[u8]) -> Option<&BootScript> {
        self.boots.iter().find(|rule| fits(&rule.machine, machine) && has(image, &rule.has))
    }

    /// Returns how a trial ends.
    pub(super) fn fate(&self, id: &TrialId, image: &[u8]) -> Fate {
        let name = id.to_string();
        let applies = |rule: &&TrialScript| fits_beginning(&rule.trial, &name) && has(image, &rule.has);
        let Some(rule) = self.trials.iter().find(applies) else {
            return Fate { ending: Ending::Pass, takes_ms: 0, operations: OPERATIONS, warm_differs: false };
        };
        let usual = if rule.fails.is_some() { Ending::usual() } else { Ending::Pass };
        let drawn = || match draw(&name) < rule.fails.unwrap_or(1.0) {
            true => rule.ends.unwrap_or(usual),
            false => Ending::Pass,
        };
        let ending = rule.seeds.get(&id.seed).copied().unwrap_or_else(drawn);
        Fate {
            ending,
            takes_ms: rule.takes_ms,
            operations: rule.operations.unwrap_or(OPERATIONS),
            warm_differs: rule.warm_differs,
        }
    }
}

/// A number from 0 to below 1 that follows from a name.
fn draw(name: &str) -> f64 {
    let digest = Sha256::digest(name.as_bytes());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

/// Whether a text fits a pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(behind) = text.strip_prefix(start) else { return false };
    let ends = behind.char_indices().map(|(at, _)| at).chain([behind.len()]);
    ends.into_iter().any(|at| fits(rest, &behind[at..]))
}

/// Whether the first parts of a name fit the parts of a pattern.
fn fits_beginning(pattern: &str, name: &str) -> bool {
    let (wanted, parts) = (pattern.split('/'), name.split('/'));
    wanted.clone().count() <= parts.clone().count()
        && wanted.zip(parts).all(|(wanted, part)| fits(wanted, part))
}

fn has(image: &[u8], text: &str) -> bool {
    text.is_empty() || image.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        yaml::parse("script.yaml", text).unwrap()
    }

    fn ending(script: &Script, id: &str, image: &str) -> Ending {
        script.fate(&id.parse().unwrap(), image.as_bytes()).ending
    }

    #[test]
    fn patterns_fit_parts() {
        assert!(
            fits("*", "") && fits("mips-*", "mips-6.1") && fits("*-6.1", "arm-6.1") && fits("a*c*e", "abcde")
        );
        assert!(!fits("mips", "mips-6.1") && !fits("*-6.1", "mips-6.12") && !fits("a*c*e", "abcd"));
        let name = "mips-6.1/malta/fixed/t1/enforce/7";
        assert!(fits_beginning("*/malta/fix*", name) && fits_beginning("*/*/*/*/enforce/7", name));
        assert!(!fits_beginning("fixed", name) && !fits_beginning("*/*/*/*/*/*/*", name));
    }

    #[test]
    fn the_first_rule_that_fits_applies_and_seeds_come_before_odds() {
        let script = script(
            "trials:\n- {trial: '*/*/*/*/off'}\n- {trial: '*/*/bad', ends: sigill, seeds: {3: pass, 4: qemu-died}}\n\
             - {has: broken, ends: kernel-panic}\n- {trial: '*/*/never', takes_ms: 3}\n",
        );
        let of = |id: &str, image: &str| ending(&script, id, image);
        assert_eq!(of("k/m/bad/t/enforce/1", "").name(), "sigill");
        assert_eq!(of("k/m/bad/t/enforce/3", ""), Ending::Pass);
        assert_eq!(of("k/m/bad/t/enforce/4", "").name(), "qemu-died");
        assert_eq!(of("k/m/good/t/enforce/1", "it is broken here").name(), "kernel-panic");
        assert_eq!(of("k/m/good/t/enforce/1", "it is not"), Ending::Pass);
        let fate = script.fate(&"k/m/never/t/enforce/1".parse().unwrap(), b"");
        assert_eq!((fate.ending, fate.takes_ms), (Ending::Pass, 3));
    }

    #[test]
    fn odds_are_those_of_the_script_and_a_seed_decides() {
        let script = script("trials:\n- {ends: sigtrap, fails: 0.3}\n");
        let all: Vec<Ending> =
            (0..1000).map(|seed| ending(&script, &format!("k/m/v/t/enforce/{seed}"), "")).collect();
        let failing = all.iter().filter(|ending| **ending != Ending::Pass).count();
        assert!((250..350).contains(&failing), "{failing}");
        let again = ending(&script, "k/m/v/t/enforce/0", "another kernel");
        assert_eq!(again, all[0]);
    }

    #[test]
    fn what_a_script_may_not_say_is_refused() {
        let wrong = |text: &str| yaml::parse::<Script>("script.yaml", text).unwrap_err().to_string();
        assert!(wrong("trials:\n- {ends: sigilll}\n").contains("sigilll"));
        assert!(wrong("trails: []\n").contains("trails"));
    }
}
