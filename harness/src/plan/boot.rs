// SPDX-License-Identifier: GPL-2.0-or-later
//! Testcases that are the kernel's own: built into it, run by it while it boots, judged by what it prints.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;

/// `boot:` of a testcase, in exactly one of its four forms.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootFile {
    /// Name of a KUnit suite.
    pub kunit: Option<String>,
    /// Name of a function that an initcall is.
    pub initcall: Option<String>,
    /// The boot itself is the test: it begins at the kernel's banner and passes when the first process runs.
    #[serde(default)]
    pub init: bool,
    /// What a test prints at the start of a line as it begins.
    pub begins: Option<String>,
    /// What it prints when it has passed: any of these.
    #[serde(default)]
    pub passes: Vec<String>,
    /// What it prints when it has failed: any of these.
    #[serde(default)]
    pub fails: Vec<String>,
    /// Words for the kernel's command line.
    #[serde(default)]
    pub append: String,
}

/// A test that a kernel runs while it boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// What the kernel is started with, so that it says enough, and leaves out what it tests beside.
    pub append: String,
    /// Where the result comes from.
    #[serde(alias = "told")]
    pub result: ResultSource,
}

/// How a kernel reports the result of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultSource {
    /// A KUnit suite, which reports as KTAP or TAP.
    Kunit {
        /// Its name.
        suite: String,
    },
    /// Tests that each print something as they begin, and something else as they end.
    Said {
        /// As one begins; its name may follow.
        begins: String,
        /// When it has passed.
        passes: Vec<String>,
        /// When it has failed.
        fails: Vec<String>,
    },
    /// The kernel itself: from its banner to the first process.
    Init,
    /// An initcall that says nothing but warnings.
    Initcall {
        /// The function's name.
        function: String,
    },
}

impl Boot {
    /// Checks `boot:` of the testcase's file at `file`.
    pub(super) fn resolve(file: &str, boot: &BootFile) -> Result<Self> {
        let BootFile { kunit, initcall, init, begins, passes, fails, append } = boot.clone();
        let texts = [&kunit, &initcall, &begins].into_iter().flatten().chain(&passes).chain(&fails);
        if texts.into_iter().any(|text| text.trim().is_empty()) {
            return Err(Error::study(format!("{file}: boot: an empty text is found everywhere")));
        }
        if append.chars().any(|c| !c.is_ascii_graphic() && c != ' ') {
            return Err(Error::study(format!("{file}: boot.append: not words of a kernel's command line")));
        }
        let result = match (kunit, initcall, init, begins, passes.is_empty(), fails.is_empty()) {
            (Some(suite), None, false, None, true, true) => ResultSource::Kunit { suite },
            (None, Some(function), false, None, true, true) => ResultSource::Initcall { function },
            (None, None, true, None, true, true) => ResultSource::Init,
            (None, None, false, Some(begins), false, false) => ResultSource::Said { begins, passes, fails },
            _ => {
                return Err(Error::study(format!("{file}: boot must have exactly one form")).hint(
                    "give {kunit: SUITE}, {initcall: FUNCTION}, {init: true} or {begins: TEXT, passes: [TEXT...], fails: [TEXT...]}",
                ));
            }
        };
        // That an initcall begins and ends is said at the level of debugging only.
        let debug =
            if matches!(result, ResultSource::Initcall { .. }) { "initcall_debug loglevel=8" } else { "" };
        Ok(Self { append: format!("{debug} {append}").trim().to_owned(), result })
    }
}
