//! What goes out: an operation's input in the form that its service reads.

use serde_json::{Map, Value};

use super::Protocol;

/// Members that the Query services call maps; every other object of theirs is a structure.
const QUERY_MAPS: [&str; 1] = ["Attributes"];

/// A request without endpoint and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Request {
    /// Writes an input. The error says what is wrong with the input, in words.
    pub(super) fn new(protocol: Protocol, name: &str, address: &'static str, input: Value) -> Result<Self, String> {
        let Value::Object(input) = input else {
            return Err("the input is no object".to_owned());
        };
        match protocol {
            Protocol::Json { content_type, target } => Ok(Request {
                method: "POST",
                target: "/".to_owned(),
                headers: vec![
                    ("content-type", content_type.to_owned()),
                    ("x-amz-target", format!("{target}.{name}")),
                ],
                body: Value::Object(input).to_string(),
            }),
            Protocol::Query { version } => {
                let mut form = vec![
                    ("Action".to_owned(), name.to_owned()),
                    ("Version".to_owned(), version.to_owned()),
                ];
                for (member, value) in &input {
                    flatten(member, value, &mut form);
                }
                let pairs: Vec<String> = form
                    .iter()
                    .map(|(key, value)| format!("{}={}", escape(key), escape(value)))
                    .collect();
                Ok(Request {
                    method: "POST",
                    target: "/".to_owned(),
                    headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
                    body: pairs.join("&"),
                })
            }
            Protocol::Rest => rest(address, input),
        }
    }
}

/// A value as the members of a form: `Tags.member.1.Key`, `Attributes.entry.1.key`.
fn flatten(name: &str, value: &Value, form: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(map) if QUERY_MAPS.contains(&name) => {
            for (at, (key, value)) in map.iter().enumerate() {
                let entry = format!("{name}.entry.{}", at + 1);
                form.push((format!("{entry}.key"), key.clone()));
                form.push((format!("{entry}.value"), text(value)));
            }
        }
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, form)),
        Value::Array(list) => {
            // An empty list is written with its name alone.
            if list.is_empty() {
                form.push((name.to_owned(), String::new()));
            }
            for (at, value) in list.iter().enumerate() {
                flatten(&format!("{name}.member.{}", at + 1), value, form);
            }
        }
        plain => form.push((name.to_owned(), text(plain))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn rest(address: &'static str, mut input: Map<String, Value>) -> Result<Request, String> {
    let (method, address) = address.split_once(' ').ok_or("the operation has no address")?;
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut target = String::new();
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            target.push('/');
        }
        match member(segment) {
            None => target.push_str(segment),
            Some(name) => match input.remove(name).filter(|value| !value.is_null()) {
                // An empty segment would address the list instead of the thing.
                Some(value) if !text(&value).is_empty() => target.push_str(&escape(&text(&value))),
                _ => return Err(format!("{name} is missing")),
            },
        }
    }
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let present = pairs.filter_map(|(key, value)| {
        let value = input.remove(member(value)?).filter(|value| !value.is_null())?;
        Some(format!("{key}={}", escape(&text(&value))))
    });
    let query: Vec<String> = present.collect();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query.join("&"));
    }
    let has_body = method != "GET";
    Ok(Request {
        method,
        target,
        headers: has_body
            .then(|| ("content-type", "application/json".to_owned()))
            .into_iter()
            .collect(),
        body: if has_body {
            Value::Object(input).to_string()
        } else {
            String::new()
        },
    })
}

fn member(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// Everything but RFC 3986's unreserved characters, percent-encoded.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
