// SPDX-License-Identifier: GPL-2.0-or-later
//! From what `schemars` derives to what editors and readers want.

use schemars::Schema;
use serde_json::Value;

/// Returns the schema of the file called `name` with plain descriptions: doc comments without their line breaks and links,
/// and without `null`, which nobody is to write where a key may be left out.
pub(super) fn tidy(name: &str, schema: Schema) -> Value {
    let mut value = schema.to_value();
    clean(&mut value);
    value["title"] = format!("patcheval: {name}").into();
    value
}

fn clean(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = plain(text);
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            // An optional reference is `anyOf: [that, null]`.
            if let Some(Value::Array(forms)) = map.get_mut("anyOf") {
                forms.retain(|form| form["type"] != "null");
                if let [Value::Object(only)] = forms.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(clean);
        }
        _ => {}
    }
}

/// Returns a doc comment as one line, its links to other items as plain words.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("[`", "`").replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_becomes_one_line_without_links() {
        assert_eq!(plain("decided by the [`Rule`],\n or\n\nnot"), "decided by the `Rule`, or not");
    }

    #[test]
    fn null_goes_and_what_is_left_is_plain() {
        let mut value = serde_json::json!({
            "a": {"type": ["string", "null"], "default": null},
            "b": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}], "description": "It."},
        });
        clean(&mut value);
        let wanted = serde_json::json!({
            "a": {"type": "string"},
            "b": {"$ref": "#/$defs/B", "description": "It."},
        });
        assert_eq!(value, wanted);
    }
}
