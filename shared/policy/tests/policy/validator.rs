//! A validator of JSON Schema, as far as `policy.schema.json` goes; and YAML as an editor reads it.
//!
//! A keyword that it does not know fails the test, so that the schema cannot say more than is checked here.

use granit_parser::{Event, Parser, ScalarStyle};
use regex_lite::Regex;
use serde_json::{Map, Number, Value};

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
        if !holds(root, schema, keyword, wanted, value, path, found) {
            found.push(format!("{path}: {keyword} {wanted}"));
        }
    }
}

fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    check(root, schema, value, "", &mut found);
    found.is_empty()
}

/// Whether one keyword holds; what is wrong further down is added to what was found.
fn holds(
    root: &Value,
    schema: &Value,
    keyword: &str,
    wanted: &Value,
    value: &Value,
    path: &str,
    found: &mut Vec<String>,
) -> bool {
    let count = |length: usize| length as u64;
    let branches = || {
        let branches = wanted.as_array().unwrap().iter();
        branches.filter(|branch| is_valid(root, branch, value)).count()
    };
    match (keyword, value) {
        ("$schema" | "$defs" | "title" | "description" | "default", _) => true,
        ("$ref", _) => {
            check(root, resolve(root, wanted), value, path, found);
            true
        }
        ("type", _) => match wanted {
            Value::Array(types) => types.iter().any(|wanted| is_of_type(value, wanted)),
            wanted => is_of_type(value, wanted),
        },
        ("const", _) => value == wanted,
        ("enum", _) => wanted.as_array().unwrap().contains(value),
        ("anyOf", _) => branches() > 0,
        ("oneOf", _) => branches() == 1,
        ("required", Value::Object(map)) => keys(wanted).all(|key| map.contains_key(key)),
        ("dependentRequired", Value::Object(map)) => wanted
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, others)| !map.contains_key(key) || keys(others).all(|other| map.contains_key(other))),
        ("minProperties", Value::Object(map)) => count(map.len()) >= wanted.as_u64().unwrap(),
        ("propertyNames", Value::Object(map)) => map
            .keys()
            .all(|key| is_valid(root, wanted, &Value::String(key.clone()))),
        ("properties", Value::Object(map)) => {
            for (key, schema) in wanted.as_object().unwrap() {
                if let Some(value) = map.get(key) {
                    check(root, schema, value, &format!("{path}.{key}"), found);
                }
            }
            true
        }
        ("additionalProperties", Value::Object(map)) => {
            let known = schema.get("properties");
            for (key, value) in map {
                if known.is_none_or(|known| known.get(key).is_none()) {
                    check(root, wanted, value, &format!("{path}.{key}"), found);
                }
            }
            true
        }
        ("items", Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                check(root, wanted, item, &format!("{path}[{index}]"), found);
            }
            true
        }
        ("minItems", Value::Array(items)) => count(items.len()) >= wanted.as_u64().unwrap(),
        ("maxItems", Value::Array(items)) => count(items.len()) <= wanted.as_u64().unwrap(),
        ("minimum", Value::Number(number)) => number.as_f64() >= wanted.as_f64(),
        ("maximum", Value::Number(number)) => number.as_f64() <= wanted.as_f64(),
        ("minLength", Value::String(text)) => count(text.chars().count()) >= wanted.as_u64().unwrap(),
        ("pattern", Value::String(text)) => Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text),
        (
            "required"
            | "dependentRequired"
            | "minProperties"
            | "propertyNames"
            | "properties"
            | "additionalProperties"
            | "items"
            | "minItems"
            | "maxItems"
            | "minimum"
            | "maximum"
            | "minLength"
            | "pattern",
            _,
        ) => true,
        (unknown, _) => panic!("the validator does not know {unknown}"),
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

fn keys(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().filter_map(Value::as_str)
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
