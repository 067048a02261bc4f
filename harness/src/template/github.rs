// SPDX-License-Identifier: GPL-2.0-or-later
//! A workflow of GitHub Actions.

use super::{HISTORY, IMAGE, INPUTS, Workflow};

/// Returns a workflow for `.github/workflows`.
pub fn github(workflow: &Workflow<'_>) -> String {
    let (head, cron, study) =
        (workflow.head("github", ".github/workflows"), &workflow.cron, workflow.study());
    let (share, merge) = (share(workflow), merge(workflow));
    format!(
        r#"{head}name: {study}
on:
  schedule:
    - cron: '{cron}'
  workflow_dispatch:
permissions:
  contents: read
env:
  PATCHEVAL_CACHE: /var/cache/patcheval
jobs:
{share}{merge}"#
    )
}

/// The job that runs the shares, each on a machine.
fn share(workflow: &Workflow<'_>) -> String {
    let numbers: Vec<String> = (1..=workflow.shards).map(|number| number.to_string()).collect();
    let inputs: Vec<String> = INPUTS.iter().map(|path| format!("'{path}'")).collect();
    let key = format!("patcheval-${{{{ hashFiles({}) }}}}", inputs.join(", "));
    let (numbers, share) = (numbers.join(", "), workflow.share("${{ matrix.shard }}"));
    format!(
        r#"  share:
    runs-on: ubuntu-latest
    timeout-minutes: 350
    container:
      image: {IMAGE}
      options: --privileged
    strategy:
      fail-fast: false
      matrix:
        shard: [{numbers}]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/cache@v4
        with:
          path: /var/cache/patcheval
          key: {key}
          restore-keys: patcheval-
      - run: ci/setup && cargo build --release --workspace
      - run: {share}
      - uses: actions/upload-artifact@v4
        if: ${{{{ !cancelled() }}}}
        with:
          name: share-${{{{ matrix.shard }}}}
          path: share-${{{{ matrix.shard }}}}
          include-hidden-files: true
"#
    )
}

/// The job that puts them together.
fn merge(workflow: &Workflow<'_>) -> String {
    let study = workflow.study();
    let merge: String = workflow.merge().iter().map(|line| format!("          {line}\n")).collect();
    format!(
        r#"  merge:
    needs: share
    if: ${{{{ !cancelled() }}}}
    runs-on: ubuntu-latest
    timeout-minutes: 60
    container:
      image: {IMAGE}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/cache@v4
        with:
          path: {HISTORY}
          key: history-${{{{ github.run_id }}}}
          restore-keys: history-
      - run: cargo build --release --workspace
      - uses: actions/download-artifact@v4
        with:
          pattern: share-*
      - shell: bash
        run: |
{merge}          cat whole/summary.md >>"$GITHUB_STEP_SUMMARY"
          exit "$verdict"
      - uses: actions/upload-artifact@v4
        if: ${{{{ !cancelled() }}}}
        with:
          name: {study}
          path: whole
"#
    )
}
