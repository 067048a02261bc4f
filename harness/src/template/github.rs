// SPDX-License-Identifier: GPL-2.0-or-later
//! A workflow of GitHub Actions.

use super::{HISTORY, IMAGE, INPUTS, Workflow};

/// Actions, each by the commit of a release: a tag can be moved.
const CHECKOUT: &str = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2";
const CACHE: &str = "actions/cache@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3";
const UPLOAD: &str = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2";
const DOWNLOAD: &str = "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093 # v4.3.0";

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
    let files = format!("patcheval-${{{{ hashFiles({}) }}}}-", inputs.join(", "));
    // A share has kernels that others do not have, and a new version of a kernel's source has all new ones.
    let sources = format!("{files}${{{{ steps.sources.outputs.versions }}}}-");
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
      - uses: {CHECKOUT}
        with:
          persist-credentials: false
      - run: ci/setup
      - id: sources
        run: echo "versions=$(dpkg-query --show 'linux-source-*' | sha256sum | cut -c 1-16)" >>"$GITHUB_OUTPUT"
      - uses: {CACHE}
        with:
          path: /var/cache/patcheval
          key: {sources}${{{{ matrix.shard }}}}
          restore-keys: |
            {sources}
            {files}
      - run: cargo build --release --workspace
      - run: {share}
      - uses: {UPLOAD}
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
      - uses: {CHECKOUT}
        with:
          persist-credentials: false
      - uses: {CACHE}
        with:
          path: {HISTORY}
          key: history-${{{{ github.run_id }}}}
          restore-keys: history-
      - run: cargo build --release --workspace
      - uses: {DOWNLOAD}
        with:
          pattern: share-*
      - shell: bash
        run: |
{merge}          cat whole/summary.md >>"$GITHUB_STEP_SUMMARY"
          exit "$verdict"
      - uses: {UPLOAD}
        if: ${{{{ !cancelled() }}}}
        with:
          name: {study}
          path: whole
"#
    )
}
