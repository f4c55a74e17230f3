//! Every string of a document, also those inside JSON that a string holds (policies, definitions, exports).

use serde_json::{Map, Value};

/// Where a string stands.
pub(super) struct Spot<'a> {
    /// The way to it: `Policy.Statement[0].Resource`.
    pub path: &'a str,
    /// The key whose value it is, if it is one.
    pub key: Option<&'a str>,
    /// Whether it is a key itself.
    pub is_key: bool,
    /// Whether it is the value of an environment or stage variable.
    pub is_variable: bool,
}

/// What becomes of a string: another one, or nothing if it stays.
pub(super) trait Visit {
    fn visit(&mut self, spot: &Spot<'_>, text: &str) -> Option<String>;
}

/// Members of a document that are words of people or of the past.
const LEFT_ALONE: [&str; 3] = ["tags", "observed", "unreadable"];

/// A document with every string visited, keys too, but for its tags and what was only observed. JSON inside strings keeps its
/// spelling but for the strings that change.
pub(super) fn map_strings(document: &Value, visit: &mut dyn Visit) -> Value {
    Walk {
        path: String::new(),
        visit,
    }
    .value(document, None, false)
}

/// The keys below which stand variables, in the words of Lambda and of API Gateway.
fn holds_variables(key: &str) -> bool {
    const KEYS: [&str; 5] = [
        "environment",
        "variables",
        "stagevariableoverrides",
        "stagevariables",
        "stage_variables",
    ];
    KEYS.contains(&key.to_ascii_lowercase().as_str())
}

struct Walk<'v> {
    path: String,
    visit: &'v mut dyn Visit,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, key: Option<&str>, is_variable: bool) -> Value {
        match value {
            Value::String(text) => Value::String(self.string(text, key, is_variable).unwrap_or_else(|| text.clone())),
            Value::Array(list) => {
                let items = list.iter().enumerate();
                // A list's strings are the values of the list's key.
                let mapped =
                    items.map(|(at, item)| self.below(&format!("[{at}]"), |w| w.value(item, key, is_variable)));
                Value::Array(mapped.collect())
            }
            Value::Object(map) => Value::Object(self.object(map, is_variable)),
            plain => plain.clone(),
        }
    }

    fn object(&mut self, map: &Map<String, Value>, is_variable: bool) -> Map<String, Value> {
        let mut mapped = Map::new();
        for (key, value) in map {
            if self.path.is_empty() && LEFT_ALONE.contains(&key.as_str()) {
                mapped.insert(key.clone(), value.clone());
                continue;
            }
            // A tag called "environment" is no block of variables.
            let inner = is_variable || (value.is_object() && holds_variables(key));
            let changed = self.below(&segment(key), |walk| walk.value(value, Some(key), inner));
            // Two keys that would become one stay two.
            let renamed = self.key(key).filter(|new| !map.contains_key(new));
            mapped.insert(renamed.unwrap_or_else(|| key.clone()), changed);
        }
        mapped
    }

    fn string(&mut self, text: &str, key: Option<&str>, is_variable: bool) -> Option<String> {
        if is_json(text) {
            return self.json(text);
        }
        let spot = Spot {
            path: self.path.strip_prefix('.').unwrap_or(&self.path),
            key,
            is_key: false,
            is_variable,
        };
        self.visit.visit(&spot, text)
    }

    fn key(&mut self, text: &str) -> Option<String> {
        let spot = Spot {
            path: self.path.strip_prefix('.').unwrap_or(&self.path),
            key: None,
            is_key: true,
            is_variable: false,
        };
        self.visit.visit(&spot, text)
    }

    fn below<T>(&mut self, segment: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(segment);
        let result = inner(self);
        self.path.truncate(length);
        result
    }

    /// JSON as text: only the tokens that change are written anew, so that numbers, order and spacing stay as they were.
    fn json(&mut self, text: &str) -> Option<String> {
        let mut frames: Vec<Frame> = Vec::new();
        let (mut out, mut copied, mut at) = (String::new(), 0, 0);
        let bytes = text.as_bytes();
        while let Some(&byte) = bytes.get(at) {
            if byte != b'"' {
                step(&mut frames, byte);
                at += 1;
                continue;
            }
            let end = end_of_string(bytes, at);
            if let Some(token) = text
                .get(at..end)
                .and_then(|token| serde_json::from_str::<String>(token).ok())
                && let Some(new) = self.token(&token, &mut frames)
            {
                out.push_str(text.get(copied..at).unwrap_or_default());
                out.push_str(&Value::String(new).to_string());
                copied = end;
            }
            at = end;
        }
        if copied == 0 {
            return None;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Some(out)
    }

    fn token(&mut self, token: &str, frames: &mut [Frame]) -> Option<String> {
        if let Some(Frame::Object { key, expects_key: true }) = frames.last_mut() {
            token.clone_into(key);
            return self.key(token);
        }
        let key = frames.iter().rev().find_map(|frame| match frame {
            Frame::Object { key, .. } => Some(key.clone()),
            Frame::Array(_) => None,
        });
        let path: String = frames.iter().map(Frame::segment).collect();
        self.below(&path, |walk| walk.string(token, key.as_deref(), false))
    }
}

/// What a JSON text is inside of.
enum Frame {
    Object { key: String, expects_key: bool },
    Array(usize),
}

impl Frame {
    fn segment(&self) -> String {
        match self {
            Frame::Object { key, .. } => segment(key),
            Frame::Array(at) => format!("[{at}]"),
        }
    }
}

fn step(frames: &mut Vec<Frame>, byte: u8) {
    match (byte, frames.last_mut()) {
        (b'{', _) => frames.push(Frame::Object {
            key: String::new(),
            expects_key: true,
        }),
        (b'[', _) => frames.push(Frame::Array(0)),
        (b'}' | b']', _) => {
            frames.pop();
        }
        (b':', Some(Frame::Object { expects_key, .. })) => *expects_key = false,
        (b',', Some(Frame::Object { expects_key, .. })) => *expects_key = true,
        (b',', Some(Frame::Array(at))) => *at += 1,
        _ => {}
    }
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        at += if byte == b'\\' { 2 } else { 1 };
        if byte == b'"' {
            break;
        }
    }
    at.min(bytes.len())
}

/// Whether a string is a JSON object or list.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn segment(key: &str) -> String {
    format!(".{key}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Shout(Vec<String>);

    impl Visit for Shout {
        fn visit(&mut self, spot: &Spot<'_>, text: &str) -> Option<String> {
            let kind = if spot.is_variable { "$" } else { "" };
            self.0.push(format!("{}={kind}{text}", spot.path));
            text.starts_with('x').then(|| text.to_uppercase())
        }
    }

    #[test]
    fn json_inside_strings_keeps_its_spelling() {
        let inner = r#"{ "n": 1.000000000000000000001, "b": [ "x\n\u00e9", {"xk": "y"} ] , "a":1}"#;
        let mut shout = Shout(Vec::new());
        let mapped = map_strings(&json!({ "policy": inner }), &mut shout);
        let expected = r#"{ "n": 1.000000000000000000001, "b": [ "X\nÉ", {"XK": "y"} ] , "a":1}"#;
        assert_eq!(mapped, json!({ "policy": expected }));
        assert!(shout.0.contains(&"policy.b[1].xk=y".to_owned()), "{:?}", shout.0);
    }

    #[test]
    fn json_inside_json_inside_a_string_is_reached() {
        let deep = json!({"a": json!({"b": json!(["x"]).to_string()}).to_string()});
        let mapped = map_strings(&deep, &mut Shout(Vec::new()));
        assert_eq!(mapped, json!({"a": json!({"b": json!(["X"]).to_string()}).to_string()}));
    }

    #[test]
    fn variables_are_known_as_such() {
        let mut shout = Shout(Vec::new());
        map_strings(
            &json!({"Environment": {"Variables": {"A": "b"}}, "Name": "c"}),
            &mut shout,
        );
        assert!(shout.0.contains(&"Environment.Variables.A=$b".to_owned()));
        assert!(shout.0.contains(&"Name=c".to_owned()));
    }

    #[test]
    fn keys_that_would_become_one_stay_two() {
        let mapped = map_strings(&json!({"x": 1, "X": 2, "xy": 3}), &mut Shout(Vec::new()));
        assert_eq!(mapped, json!({"x": 1, "X": 2, "XY": 3}));
    }
}
