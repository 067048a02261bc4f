// SPDX-License-Identifier: GPL-2.0-or-later
//! A pipeline of GitLab, whose schedule is an entry of the project's settings.

use super::{HISTORY, IMAGE, Workflow};

/// Returns a pipeline that can be included beside others' jobs: it sets nothing but in its own jobs, whose names begin with
/// `patcheval-`, and adds no stage.
pub fn gitlab(workflow: &Workflow<'_>) -> String {
    let merge: String = workflow.merge().iter().map(|line| format!("    - {line}\n")).collect();
    let (head, study, cron) = (
        workflow.head("gitlab", "ci/patcheval.yml, and include it: {local: ci/patcheval.yml}"),
        workflow.study(),
        &workflow.cron,
    );
    let (shards, share) = (workflow.shards, workflow.share("$CI_NODE_INDEX"));
    format!(
        r#"{head}# Its schedule is an entry under Build > Pipeline schedules: {cron}. The runner must allow privileged containers.
# Both jobs are of the stage `test`, which a pipeline has unless its own `stages` leave it out.
.patcheval-{study}:
  stage: test
  image: {IMAGE}
  variables:
    PATCHEVAL_CACHE: $CI_PROJECT_DIR/.cache/patcheval
    CARGO_HOME: $CI_PROJECT_DIR/.cache/cargo
patcheval-{study}-share:
  extends: .patcheval-{study}
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule" || $CI_PIPELINE_SOURCE == "web"
  parallel: {shards}
  timeout: 5h 50m
  cache:
    key: patcheval-{study}-$CI_NODE_INDEX
    paths: [.cache]
  script:
    - ci/setup
    - cargo build --release --workspace
    - {share}
  artifacts:
    when: always
    paths: ['share-*']
patcheval-{study}-merge:
  extends: .patcheval-{study}
  needs: [patcheval-{study}-share]
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule" || $CI_PIPELINE_SOURCE == "web"
      when: always
  timeout: 1h
  cache:
    - key: patcheval-{study}-1
      paths: [.cache]
      policy: pull
    - key: history
      paths: [{HISTORY}]
  script:
    - cargo build --release --workspace
{merge}    - exit "$verdict"
  artifacts:
    when: always
    paths: [whole]
    reports:
      junit: whole/junit.xml
"#
    )
}
