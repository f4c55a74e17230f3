//! What goes out: an operation's input in the form that its service reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Protocol;

/// Members that the Query services call maps; every other object of theirs is a structure.
const QUERY_MAPS: [&str; 1] = ["Attributes"];

/// What the entries of lists are called, where not `member`.
pub(super) type Entries = &'static [(&'static str, &'static str)];

/// RDS's. SNS has tags too, and calls them `member`.
pub(super) const RDS_ENTRIES: Entries = &[("Tags", "Tag"), ("VpcSecurityGroupIds", "VpcSecurityGroupId")];

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
            Protocol::Json { .. } => Request::written(protocol, name, Value::Object(input).to_string()),
            Protocol::Query { version, entries } => {
                let mut form = vec![
                    ("Action".to_owned(), name.to_owned()),
                    ("Version".to_owned(), version.to_owned()),
                ];
                for (member, value) in &input {
                    flatten(member, value, entries, &mut form);
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
            Protocol::Rest | Protocol::RestXml => Request::rest(protocol, address, input),
        }
    }

    /// An input that is written already, in AWS JSON.
    pub(super) fn written(protocol: Protocol, name: &str, body: String) -> Result<Self, String> {
        let Protocol::Json { content_type, target } = protocol else {
            return Err("the service takes no input as JSON".to_owned());
        };
        Ok(Request {
            method: "POST",
            target: "/".to_owned(),
            headers: vec![
                ("content-type", content_type.to_owned()),
                ("x-amz-target", format!("{target}.{name}")),
            ],
            body,
        })
    }

    fn rest(protocol: Protocol, address: &'static str, input: Map<String, Value>) -> Result<Self, String> {
        let Rest {
            method,
            target,
            mut rest,
        } = rest(address, input)?;
        let (content_type, body) = match (method, protocol, whole_body(address)) {
            ("GET" | "DELETE", _, _) => (None, String::new()),
            (_, Protocol::RestXml, None) => (Some("application/xml"), document(&rest)?),
            (_, _, None) => (Some("application/json"), Value::Object(rest).to_string()),
            (_, _, Some(member)) => {
                let body = rest.remove(member).ok_or_else(|| format!("{member} is missing"))?;
                (Some("application/json"), text(&body))
            }
        };
        // API Gateway writes its lists in another way for whom does not ask for JSON.
        let accept = (protocol == Protocol::Rest).then_some(("accept", "application/json"));
        let headers = accept
            .into_iter()
            .chain(content_type.map(|content_type| ("content-type", content_type)));
        let mut headers: Vec<_> = headers.map(|(name, value)| (name, value.to_owned())).collect();
        // S3 takes most settings with a checksum only.
        if protocol == Protocol::RestXml && !body.is_empty() {
            headers.push(("x-amz-checksum-sha256", BASE64.encode(Sha256::digest(&body))));
        }
        Ok(Request {
            method,
            target,
            headers,
            body,
        })
    }
}

/// A value as the members of a form: `Tags.member.1.Key`, `Attributes.entry.1.key`.
fn flatten(name: &str, value: &Value, entries: Entries, form: &mut Vec<(String, String)>) {
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
            .for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, entries, form)),
        Value::Array(list) => {
            // An empty list is written with its name alone.
            if list.is_empty() {
                form.push((name.to_owned(), String::new()));
            }
            let named = entries.iter().find(|(list, _)| *list == name);
            let entry = named.map_or("member", |(_, entry)| *entry);
            for (at, value) in list.iter().enumerate() {
                flatten(&format!("{name}.{entry}.{}", at + 1), value, entries, form);
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

/// An input after its address has taken what it names.
struct Rest {
    method: &'static str,
    target: String,
    rest: Map<String, Value>,
}

/// The member that is the whole body.
fn whole_body(address: &str) -> Option<&str> {
    member(address.split_once(" <- ")?.1)
}

/// The member that the whole answer is.
pub(super) fn answered(address: &'static str) -> Option<&'static str> {
    member(address.split_once(" -> ")?.1)
}

fn rest(address: &'static str, mut input: Map<String, Value>) -> Result<Rest, String> {
    let address = address.split(" <- ").next().unwrap_or_default();
    let address = address.split(" -> ").next().unwrap_or_default();
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
    let parts = query.split('&').filter(|part| !part.is_empty());
    let present = parts.filter_map(|part| match part.split_once('=') {
        None => Some(part.to_owned()),
        Some((key, value)) => match member(value) {
            None => Some(part.to_owned()),
            Some(name) => {
                let value = input.remove(name).filter(|value| !value.is_null())?;
                Some(format!("{key}={}", escape(&text(&value))))
            }
        },
    });
    let query: Vec<String> = present.collect();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query.join("&"));
    }
    Ok(Rest {
        method,
        target,
        rest: input,
    })
}

/// The one member that is left, as an XML document of S3's.
fn document(input: &Map<String, Value>) -> Result<String, String> {
    let mut members = input.iter();
    let (Some((root, value)), None) = (members.next(), members.next()) else {
        return Err("an XML body has one root".to_owned());
    };
    let mut out = format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    contents(value, &mut out);
    out.push_str(&format!("</{root}>"));
    Ok(out)
}

fn contents(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| match value {
            Value::Array(list) => list.iter().for_each(|value| one(name, value, out)),
            value => one(name, value, out),
        }),
        plain => {
            for c in text(plain).chars() {
                match c {
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '&' => out.push_str("&amp;"),
                    // A parser would take it for a line end of its own.
                    '\r' => out.push_str("&#13;"),
                    c => out.push(c),
                }
            }
        }
    }
}

fn one(name: &str, value: &Value, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    contents(value, out);
    out.push_str(&format!("</{name}>"));
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
