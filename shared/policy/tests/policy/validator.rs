//! A validator of JSON Schema, as far as `policy.schema.json` goes; and YAML as an editor reads it.
//!
//! It knows the keywords of [`KEYWORDS`]; a test holds the schema to them, so that it cannot say more than is checked.

use granit_parser::{Event, Parser, ScalarStyle};
use regex_lite::Regex;
use serde_json::{Map, Number, Value};

/// What the validator understands, and what only describes.
pub const KEYWORDS: [&str; 24] = [
    "$schema",
    "$defs",
    "$ref",
    "title",
    "description",
    "default",
    "type",
    "const",
    "enum",
    "anyOf",
    "oneOf",
    "required",
    "dependentRequired",
    "minProperties",
    "propertyNames",
    "properties",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "pattern",
];

/// What is wrong with a value, one place each; nothing if it is valid.
pub fn invalid(root: &Value, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    check(root, root, &yaml(text), "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema == &Value::Bool(false) {
        found.push(format!("{path}: not allowed"));
    }
    let Some(keywords) = schema.as_object() else { return };
    for (keyword, wanted) in keywords {
        let holds = match value {
            _ if is_of_any(keyword) => holds(root, keyword, wanted, value),
            Value::Object(map) if is_of_objects(keyword) => object_holds(root, keyword, wanted, map),
            Value::Array(items) => list_holds(keyword, wanted, items),
            Value::Number(number) => number_holds(keyword, wanted, number),
            Value::String(text) => text_holds(keyword, wanted, text),
            _ => true,
        };
        if !holds {
            found.push(format!("{path}: {keyword} {wanted}"));
        }
    }
    for (schema, value, step) in within(root, schema, value) {
        check(root, schema, value, &format!("{path}{step}"), found);
    }
}

/// The values that a schema says more of, each with what it says and the step that leads there.
fn within<'a>(root: &'a Value, schema: &'a Value, value: &'a Value) -> Vec<(&'a Value, &'a Value, String)> {
    let mut within = Vec::new();
    if let Some(reference) = schema.get("$ref") {
        within.push((resolve(root, reference), value, String::new()));
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        let items = items.iter().enumerate();
        within.extend(items.map(|(index, item)| (schema, item, format!("[{index}]"))));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let known = schema.get("properties").and_then(|properties| properties.get(key));
        if let Some(schema) = known.or_else(|| schema.get("additionalProperties")) {
            within.push((schema, value, format!(".{key}")));
        }
    }
    within
}

fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    check(root, schema, value, "", &mut found);
    found.is_empty()
}

fn is_of_any(keyword: &str) -> bool {
    matches!(keyword, "type" | "const" | "enum" | "anyOf" | "oneOf")
}

fn is_of_objects(keyword: &str) -> bool {
    matches!(
        keyword,
        "required" | "dependentRequired" | "minProperties" | "propertyNames"
    )
}

fn holds(root: &Value, keyword: &str, wanted: &Value, value: &Value) -> bool {
    let branches = || {
        let branches = wanted.as_array().unwrap().iter();
        branches.filter(|branch| is_valid(root, branch, value)).count()
    };
    match (keyword, wanted) {
        ("type", Value::Array(types)) => types.iter().any(|wanted| is_of_type(value, wanted)),
        ("type", wanted) => is_of_type(value, wanted),
        ("const", wanted) => value == wanted,
        ("enum", wanted) => wanted.as_array().unwrap().contains(value),
        ("anyOf", _) => branches() > 0,
        _ => branches() == 1,
    }
}

fn object_holds(root: &Value, keyword: &str, wanted: &Value, map: &Map<String, Value>) -> bool {
    let has = |keys: &Value| {
        keys.as_array()
            .unwrap()
            .iter()
            .all(|key| map.contains_key(key.as_str().unwrap()))
    };
    let is_valid_key = |key: &String| is_valid(root, wanted, &Value::String(key.clone()));
    match keyword {
        "required" => has(wanted),
        "dependentRequired" => {
            let mut keys = wanted.as_object().unwrap().iter();
            keys.all(|(key, others)| !map.contains_key(key) || has(others))
        }
        "minProperties" => map.len() as u64 >= wanted.as_u64().unwrap(),
        _ => map.keys().all(is_valid_key),
    }
}

fn list_holds(keyword: &str, wanted: &Value, items: &[Value]) -> bool {
    match keyword {
        "minItems" => items.len() as u64 >= wanted.as_u64().unwrap(),
        "maxItems" => items.len() as u64 <= wanted.as_u64().unwrap(),
        _ => true,
    }
}

fn number_holds(keyword: &str, wanted: &Value, number: &Number) -> bool {
    match keyword {
        "minimum" => number.as_f64() >= wanted.as_f64(),
        "maximum" => number.as_f64() <= wanted.as_f64(),
        _ => true,
    }
}

fn text_holds(keyword: &str, wanted: &Value, text: &str) -> bool {
    match keyword {
        "minLength" => text.chars().count() as u64 >= wanted.as_u64().unwrap(),
        "pattern" => Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text),
        _ => true,
    }
}

fn is_of_type(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        unknown => panic!("the validator does not know the type {unknown}"),
    }
}

/// What a reference into the schema itself stands for.
pub fn resolve<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    root.pointer(pointer).unwrap()
}

/// YAML text as a value, by the core schema of YAML 1.2, as editors read it.
fn yaml(text: &str) -> Value {
    let mut open: Vec<(usize, Value, Option<String>)> = Vec::new();
    let mut anchors: Vec<(usize, Value)> = Vec::new();
    let mut root = Value::Null;
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, _) = event.unwrap();
        let (anchor, value) = match event {
            Event::SequenceStart(_, anchor, _) => {
                open.push((anchor, Value::Array(Vec::new()), None));
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push((anchor, Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, value, _) = open.pop().unwrap();
                (anchor, value)
            }
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(&text, style)),
            Event::Alias(id) => {
                let anchored = anchors.iter().rfind(|(anchor, _)| *anchor == id);
                (0, anchored.unwrap().1.clone())
            }
            _ => continue,
        };
        if anchor != 0 {
            anchors.push((anchor, value.clone()));
        }
        match open.last_mut() {
            None => root = value,
            Some((_, Value::Array(items), _)) => items.push(value),
            Some((_, Value::Object(map), key)) => match key.take() {
                Some(key) => {
                    map.insert(key, value);
                }
                // Keys of a JSON object are texts.
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            },
            Some(_) => unreachable!(),
        }
    }
    root
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text if is_number => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Value::from(whole),
            (_, Ok(number)) => Number::from_f64(number).map_or(Value::Null, Value::Number),
            _ => Value::String(text.to_owned()),
        },
        text => Value::String(text.to_owned()),
    }
}
