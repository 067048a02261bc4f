// SPDX-License-Identifier: GPL-2.0-or-later
//! What a schema says of each key, in words.

use serde_json::Value;

/// One key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct YamlKey {
    /// Its name.
    pub name: String,
    /// The kind of its value, in words.
    pub kind: String,
    /// What is taken if it is left out; `None` where nothing is, or where it must not be.
    pub default: Option<String>,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub meaning: String,
    /// The words that it allows, with their meanings.
    pub words: Vec<(String, String)>,
    /// The type below it that has keys of its own.
    pub below: Option<String>,
}

/// Returns the keys of an object of `schema`: those that are required first, in the order in which the type has them.
pub(super) fn keys(schema: &Value, object: &Value) -> Vec<YamlKey> {
    let Some(properties) = object["properties"].as_object() else { return Vec::new() };
    let required: Vec<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let others = properties.keys().map(String::as_str).filter(|name| !required.contains(name));
    let names = required.iter().copied().chain(others);
    names.map(|name| key(schema, name, &properties[name], required.contains(&name))).collect()
}

fn key(schema: &Value, name: &str, property: &Value, required: bool) -> YamlKey {
    let inner = innermost(property);
    let target = referred(schema, inner);
    let own = property["description"].as_str();
    let meaning = own.or_else(|| target.and_then(|(_, to)| to["description"].as_str())).unwrap_or_default();
    let below = target.filter(|(_, to)| to.get("properties").is_some()).map(|(name, _)| name.to_owned());
    YamlKey {
        name: name.to_owned(),
        kind: kind(schema, property, false),
        // An empty list and an empty text are what "left out" means anyway.
        default: property
            .get("default")
            .map(Value::to_string)
            .filter(|text| !["[]", "{}", "\"\""].contains(&text.as_str())),
        required,
        meaning: meaning.to_owned(),
        words: target.map(|(_, to)| words(to)).unwrap_or_default(),
        below,
    }
}

/// The schema of a list's items, or of the values by name; else the schema itself.
fn innermost(property: &Value) -> &Value {
    match (property.get("items"), &property["additionalProperties"]) {
        (Some(items), _) => innermost(items),
        (None, values @ Value::Object(_)) => innermost(values),
        _ => property,
    }
}

/// The name and the schema that a reference stands for.
pub(super) fn referred<'a>(schema: &'a Value, from: &'a Value) -> Option<(&'a str, &'a Value)> {
    let name = from["$ref"].as_str()?.strip_prefix("#/$defs/")?;
    Some((name, &schema["$defs"][name]))
}

/// The words of an enumeration.
fn words(of: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let plain = of["enum"].as_array().into_iter().flatten().map(|word| (text(word), String::new()));
    let forms = of["oneOf"].as_array().into_iter().flatten();
    plain.chain(forms.map(|form| (text(&form["const"]), text(&form["description"])))).collect()
}

fn kind(schema: &Value, property: &Value, many: bool) -> String {
    let one = |one: &str, more: &str| (if many { more } else { one }).to_owned();
    if let Some((_, to)) = referred(schema, property) {
        return if to.get("properties").is_some() {
            one("keys", "groups of keys")
        } else {
            one("word", "words")
        };
    }
    match property["type"].as_str() {
        Some("string") if property["format"] == "date" => one("day", "days"),
        Some("string") => one("text", "texts"),
        Some("integer") => one("whole number", "whole numbers"),
        Some("number") => one("number", "numbers"),
        Some("boolean") => one("`true` or `false`", "`true` or `false`"),
        Some("array") => format!("list of {}", kind(schema, &property["items"], true)),
        Some("object") => format!("{} by name", kind(schema, &property["additionalProperties"], true)),
        _ => one("value", "values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_schema_says_is_put_into_words() {
        let schema = serde_json::json!({"$defs": {"Mode": {"oneOf": [
            {"const": "off", "description": "Nothing."},
            {"const": "on", "description": "Something."},
        ]}}});
        let object = serde_json::json!({
            "properties": {
                "b": {"type": "array", "items": {"$ref": "#/$defs/Mode"}, "description": "Modes.", "default": []},
                "c": {"type": "integer", "default": 2},
                "a": {"type": "object", "additionalProperties": {"type": "integer"}},
            },
            "required": ["c"],
        });
        let keys = keys(&schema, &object);
        assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
        assert_eq!((keys[0].required, keys[0].default.as_deref()), (true, Some("2")));
        assert_eq!(keys[1].kind, "whole numbers by name");
        assert_eq!((keys[2].kind.as_str(), keys[2].meaning.as_str()), ("list of words", "Modes."));
        assert_eq!(keys[2].words[1], ("on".to_owned(), "Something.".to_owned()));
        assert_eq!((keys[2].required, &keys[2].default, &keys[2].below), (false, &None, &None));
    }
}
