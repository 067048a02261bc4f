// SPDX-License-Identifier: GPL-2.0-or-later
//! The schemas in the repository are those of the types. With `PATCHEVAL_BLESS` set they are written anew.

use std::path::Path;

#[test]
fn the_schema_of_reports_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/schema/report-1.json");
    let schema = patcheval::report::json_schema().unwrap();
    if std::env::var_os("PATCHEVAL_BLESS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == schema, "{} is out of date: run this test with PATCHEVAL_BLESS=1", path.display());
}
