// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of what other programs take: JSON by its schema, KCIDB by what its objects refer to.

use super::super::*;
use super::formats::data;

/// The schema as it is committed; `harness/tests/fast/reference.rs` holds it against the types.
const SCHEMA: &str = include_str!("../../../doc/schema/report-2.json");

#[test]
fn json_is_as_its_schema_says() {
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&json(&data()).unwrap()).unwrap();
    let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    // The schema says something: a verdict that there is none of is no verdict.
    let mut wrong = document;
    wrong["judgement"]["groups"][0]["cells"][0]["verdict"] = "splendid".into();
    assert!(!schema.is_valid(&wrong));
}

#[test]
fn kcidb_tells_of_kernels_and_not_of_expectations() {
    let data = data();
    let text = kcidb(&data, "small_ci").unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let statuses: Vec<&str> =
        report["tests"].as_array().unwrap().iter().map(|test| test["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["FAIL", "FAIL", "SKIP", "PASS", "SKIP", "SKIP", "ERROR", "FAIL"]);
    let builds = report["builds"].as_array().unwrap();
    let failed = builds.iter().find(|build| build["status"] == "FAIL").unwrap();
    assert!(failed["id"].as_str().unwrap().ends_with("/mips-6.1/lazy"), "{failed}");
    // Each object has its own name, and each reference is to one of them.
    let ids = |kind: &str| -> std::collections::BTreeSet<String> {
        let objects = report[kind].as_array().unwrap();
        let ids: std::collections::BTreeSet<String> =
            objects.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), objects.len());
        assert!(ids.iter().all(|id| id.starts_with("small_ci:")));
        ids
    };
    let (checkouts, build_ids) = (ids("checkouts"), ids("builds"));
    assert!(builds.iter().all(|build| checkouts.contains(build["checkout_id"].as_str().unwrap())));
    assert_eq!(ids("tests").len(), 8);
    let tests = report["tests"].as_array().unwrap();
    assert!(tests.iter().all(|test| build_ids.contains(test["build_id"].as_str().unwrap())));
    assert_eq!(kcidb(&data, "small_ci").unwrap(), text);
    assert!(!text.contains("\\u001b") && !text.contains("\\u0000"));
    for origin in ["", "Small", "a:b", "a\nb"] {
        assert!(kcidb(&data, origin).is_err(), "{origin:?}");
    }
}
