//! What of an object the schema of its kind does not take, with the place of each. Rules in CEL are the API server's.

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

/// Everything about a value that its schema does not take, a line each.
#[must_use]
pub fn mismatches(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, value, place, &mut found);
    found
}

fn walk(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if value.is_null() {
        // The API server drops a null where none may stand, and a required field is missing then.
        return;
    }
    if let Some(wanted) = wrong_type(schema, value) {
        found.push(format!("{place}: {wanted} is wanted here, and this is {}", name_of(value)));
        return;
    }
    if let Some(values) = schema["enum"].as_array().filter(|values| !values.contains(value)) {
        let values: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        found.push(format!("{place}: {value} is none of {}", values.join(", ")));
    }
    match value {
        Value::Object(fields) => object(schema, fields, place, found),
        Value::Array(items) => list(schema, items, place, found),
        Value::String(text) => string(schema, text, place, found),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let below = schema["minimum"].as_f64().filter(|least| number < *least);
            let above = schema["maximum"].as_f64().filter(|most| number > *most);
            found.extend(below.map(|least| format!("{place}: {number} is less than {least}")));
            found.extend(above.map(|most| format!("{place}: {number} is more than {most}")));
        }
        Value::Bool(_) | Value::Null => {}
    }
}

fn wrong_type<'s>(schema: &'s Value, value: &Value) -> Option<&'s str> {
    if schema["x-kubernetes-int-or-string"] == true {
        return (!value.is_string() && !value.is_i64()).then_some("an integer or a string");
    }
    let type_ = schema["type"].as_str()?;
    let fits = match type_ {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        _ => true,
    };
    (!fits).then_some(type_)
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn object(schema: &Value, fields: &serde_json::Map<String, Value>, place: &str, found: &mut Vec<String>) {
    let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| fields.get(*name).is_none_or(Value::is_null)) {
        found.push(format!("{}: this field is required", inside(name)));
    }
    if let Some(most) = schema["maxProperties"].as_u64().filter(|most| fields.len() as u64 > *most) {
        found.push(format!("{place}: {} entries are more than {most}", fields.len()));
    }
    let free = schema["x-kubernetes-preserve-unknown-fields"] == true;
    for (name, value) in fields {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Object(_), _) => walk(&schema["properties"][name], value, &inside(name), found),
            (_, inner @ Value::Object(_)) => walk(inner, value, &format!("{place}[{name}]"), found),
            (_, Value::Bool(true)) => {}
            _ if free || (schema["properties"].is_null() && schema["type"] == "object") => {}
            _ => found.push(format!("{}: there is no such field", inside(name))),
        }
    }
}

fn list(schema: &Value, items: &[Value], place: &str, found: &mut Vec<String>) {
    let (least, most) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
    found.extend(least.filter(|n| (items.len() as u64) < *n).map(|n| format!("{place}: fewer entries than {n}")));
    found.extend(most.filter(|n| items.len() as u64 > *n).map(|n| format!("{place}: more entries than {n}")));
    let keys: Vec<&str> =
        schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let alone = schema["x-kubernetes-list-type"] == "set" || !keys.is_empty();
    let mut seen = BTreeSet::new();
    for (n, item) in items.iter().enumerate() {
        walk(&schema["items"], item, &format!("{place}[{n}]"), found);
        let key = if keys.is_empty() { item.to_string() } else { keys.iter().map(|k| item[*k].to_string()).collect() };
        if alone && !seen.insert(key) {
            found.push(format!("{place}[{n}]: this entry stands there already"));
        }
    }
}

fn string(schema: &Value, text: &str, place: &str, found: &mut Vec<String>) {
    let length = text.chars().count() as u64;
    let (least, most) = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
    found.extend(least.filter(|n| length < *n).map(|n| format!("{place}: shorter than {n} characters")));
    found.extend(most.filter(|n| length > *n).map(|n| format!("{place}: longer than {n} characters")));
    let pattern = schema["pattern"].as_str();
    let fits = |pattern: &&str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    if let Some(pattern) = pattern.filter(|pattern| !fits(pattern)) {
        found.push(format!("{place}: {text:?} does not match {pattern}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_mismatch_is_named_with_its_place() {
        let schema = json!({"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "maxLength": 3, "pattern": "^[a-z]+$"},
            "kind": {"type": "string", "enum": ["A", "B"]},
            "count": {"type": "integer", "minimum": 1, "maximum": 9},
            "amounts": {"type": "object", "additionalProperties": {"x-kubernetes-int-or-string": true}},
            "roles": {"type": "array", "maxItems": 2, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["role"],
                "items": {"type": "object", "properties": {"role": {"type": "string"}}}},
        }});
        let found = |value: &Value| mismatches(&schema, value, "spec");
        let good =
            json!({"name": "abc", "kind": "A", "count": 9, "amounts": {"x/y": 1, "z": "1"}, "roles": [{"role": "a"}]});
        assert_eq!(found(&good), Vec::<String>::new());
        for (field, value, said) in [
            ("name", json!("Abc"), "spec.name: \"Abc\" does not match"),
            ("name", json!("abcd"), "spec.name: longer than 3 characters"),
            ("name", json!(null), "spec.name: this field is required"),
            ("kind", json!("C"), "spec.kind: \"C\" is none of A, B"),
            ("count", json!("1"), "spec.count: integer is wanted here, and this is string"),
            ("count", json!(0), "spec.count: 0 is less than 1"),
            ("count", json!(10), "spec.count: 10 is more than 9"),
            ("amounts", json!({"z": 1.5}), "spec.amounts[z]: an integer or a string is wanted here"),
            ("roles", json!([{"role": "a"}, {"role": "a"}]), "spec.roles[1]: this entry stands there already"),
            ("roles", json!([{"rule": "a"}]), "spec.roles[0].rule: there is no such field"),
            ("nope", json!(1), "spec.nope: there is no such field"),
        ] {
            let mut wrong = good.clone();
            wrong[field] = value;
            let found = found(&wrong);
            assert!(found.len() == 1 && found[0].starts_with(said), "{field}: {found:?}");
        }
    }
}
