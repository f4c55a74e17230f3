//! What differs between two documents, for people to read: between two points, or a point and now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::walk::is_json;

/// One place in which two documents differ. Secrets are not in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Where: `Policy.Statement[Sid=read].Action`.
    pub path: String,
    /// What stood there; none if nothing did.
    pub old: Option<String>,
    /// What stands there now; none if nothing does.
    pub new: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "~ {}: {old} → {new}", self.path),
            (Some(old), None) => write!(f, "- {}: {old}", self.path),
            (None, Some(new)) => write!(f, "+ {}: {new}", self.path),
            (None, None) => write!(f, "  {}", self.path),
        }
    }
}

/// Everything in which two documents differ, in order of path; empty when they mean the same. What is only observed (ids,
/// addresses) is not compared. JSON in strings is compared as JSON, and the order of a policy's statements, of tags and of
/// other lists whose elements have names means nothing.
pub fn diff(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparing = Comparing {
        path: String::new(),
        changes: BTreeSet::new(),
        secret: false,
    };
    comparing.values(Some(old), Some(new));
    comparing.changes.into_iter().collect()
}

/// What stands for a value that nobody may read.
const REDACTED: &str = "(redacted)";

/// Members that name an element of a list, the surest first.
const NAMES: [&str; 9] = [
    "Sid",
    "sid",
    "Id",
    "Key",
    "Name",
    "name",
    "PolicyName",
    "AttributeName",
    "Endpoint",
];

struct Comparing {
    path: String,
    changes: BTreeSet<Change>,
    secret: bool,
}

impl Comparing {
    fn values(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        let (old, new) = (old.map(opened), new.map(opened));
        match (&old, &new) {
            (Some(Value::Object(left)), Some(Value::Object(right))) => {
                let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
                let is_whole = self.path.is_empty();
                for key in keys.into_iter().filter(|key| !is_whole || *key != "observed") {
                    let secret = is_secret(key);
                    self.below(&format!(".{key}"), secret, |inner| {
                        inner.values(left.get(key), right.get(key));
                    });
                }
            }
            (Some(Value::Array(left)), Some(Value::Array(right))) => self.lists(left, right),
            // A policy's list of one is the same as the one.
            (Some(Value::Array(list)), Some(single)) if list.len() == 1 => self.values(list.first(), Some(single)),
            (Some(single), Some(Value::Array(list))) if list.len() == 1 => self.values(Some(single), list.first()),
            (old, new) if old != new => self.change(old.as_ref(), new.as_ref()),
            _ => {}
        }
    }

    fn lists(&mut self, left: &[Value], right: &[Value]) {
        if let (Some(left), Some(right)) = (by_name(left), by_name(right)) {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                self.below(&format!("[{name}]"), false, |inner| {
                    inner.values(left.get(name).copied(), right.get(name).copied());
                });
            }
        } else if left
            .iter()
            .chain(right)
            .all(|value| !value.is_object() && !value.is_array())
        {
            self.words(left, right);
        } else {
            for at in 0..left.len().max(right.len()) {
                self.below(&format!("[{at}]"), false, |inner| {
                    inner.values(left.get(at), right.get(at));
                });
            }
        }
    }

    /// Lists of plain values: what came and what went, or that only the order changed.
    fn words(&mut self, left: &[Value], right: &[Value]) {
        let count = |list: &[Value]| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for value in list {
                *counts.entry(value.to_string()).or_default() += 1;
            }
            counts
        };
        let (gone, come) = (count(left), count(right));
        // In a policy the order of actions means nothing, of layers it does.
        if gone == come && self.path.contains("Statement") {
            return;
        }
        let (mut only_left, mut only_right) = (Vec::new(), Vec::new());
        for (list, other, only) in [(left, &come, &mut only_left), (right, &gone, &mut only_right)] {
            only.extend(list.iter().filter(|value| !other.contains_key(&value.to_string())));
        }
        if only_left.is_empty() && only_right.is_empty() {
            self.change(Some(&Value::Array(left.to_vec())), Some(&Value::Array(right.to_vec())));
        }
        for value in only_left {
            self.below("[]", false, |inner| inner.change(Some(value), None));
        }
        for value in only_right {
            self.below("[]", false, |inner| inner.change(None, Some(value)));
        }
    }

    fn change(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let shown = |value: &Value| {
            if self.secret {
                REDACTED.to_owned()
            } else {
                redacted(value).to_string()
            }
        };
        self.changes.insert(Change {
            path: self.path.strip_prefix('.').unwrap_or(&self.path).to_owned(),
            old: old.map(shown),
            new: new.map(shown),
        });
    }

    fn below(&mut self, segment: &str, secret: bool, inner: impl FnOnce(&mut Self)) {
        let (length, was_secret) = (self.path.len(), self.secret);
        self.path.push_str(segment);
        self.secret |= secret;
        inner(self);
        self.path.truncate(length);
        self.secret = was_secret;
    }
}

/// JSON in a string as what it is.
fn opened(value: &Value) -> Value {
    match value {
        Value::String(text) if is_json(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// A list's elements by the member that names them, if one names them all and each differently.
fn by_name(list: &[Value]) -> Option<BTreeMap<String, &Value>> {
    NAMES.iter().find_map(|member| {
        let named = list
            .iter()
            .map(|value| Some((format!("{member}={}", value.get(member)?.as_str()?), value)));
        let named: BTreeMap<String, &Value> = named.collect::<Option<_>>()?;
        (named.len() == list.len()).then_some(named)
    })
}

/// Whether what stands below a key may be a secret.
fn is_secret(key: &str) -> bool {
    const WHOLE: [&str; 13] = [
        "environment",
        "variables",
        "stagevariableoverrides",
        "stagevariables",
        "authparameters",
        "invocationhttpparameters",
        "httpparameters",
        "headerparameters",
        "bodyparameters",
        "querystringparameters",
        "credentials",
        // Of an API's integrations: they may hold what it logs in with.
        "requestparameters",
        "requesttemplates",
    ];
    const WITHIN: [&str; 8] = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "privatekey",
        "private_key",
    ];
    let key = key.to_ascii_lowercase().replace('-', "_");
    WHOLE.contains(&key.as_str()) || WITHIN.iter().any(|word| key.contains(word))
}

/// A value without the secrets in it.
pub(super) fn redacted(value: &Value) -> Value {
    match opened(value) {
        Value::Object(map) => {
            let member = |(key, value): (&String, &Value)| {
                let shown = if is_secret(key) {
                    Value::from(REDACTED)
                } else {
                    redacted(value)
                };
                (key.clone(), shown)
            };
            map.iter().map(member).collect()
        }
        Value::Array(list) => list.iter().map(redacted).collect(),
        Value::String(text) => Value::String(without_login(&text)),
        plain => plain,
    }
}

/// An address without the name and password in it.
fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((login, _)) => format!("{scheme}://{REDACTED}{}", rest.get(login.len()..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(old: &Value, new: &Value) -> Vec<String> {
        diff(old, new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn changes_are_told_by_path_in_order() {
        let old = json!({"b": {"Timeout": 3}, "a": [1, 2], "gone": true});
        let new = json!({"b": {"Timeout": 5}, "a": [2, 3], "come": "x"});
        let expected = [
            "+ a[]: 3",
            "- a[]: 1",
            "~ b.Timeout: 3 → 5",
            "+ come: \"x\"",
            "- gone: true",
        ];
        assert_eq!(shown(&old, &new), expected);
        assert!(shown(&old, &old).is_empty());
    }

    #[test]
    fn statements_and_tags_are_known_by_their_names() {
        let statement = |sid: &str, action: Value| json!({"Sid": sid, "Action": action});
        let old = json!({"Policy": {"Statement": [statement("a", json!("x")), statement("b", json!(["y", "z"]))]}});
        let new = json!({"Policy": {"Statement": [statement("b", json!(["z", "y"])), statement("a", json!(["x"]))]}});
        assert!(shown(&old, &new).is_empty());
        let new = json!({"Policy": {"Statement": [statement("a", json!("w")), statement("b", json!(["y", "z"]))]}});
        assert_eq!(shown(&old, &new), ["~ Policy.Statement[Sid=a].Action: \"x\" → \"w\""]);
        let layers = |list: Value| json!({"Layers": list});
        assert_eq!(shown(&layers(json!(["a", "b"])), &layers(json!(["b", "a"]))).len(), 1);
    }

    #[test]
    fn json_in_strings_is_compared_as_json() {
        let policy = |action: &str| json!({"Policy": json!({"Statement": [{"Action": action}]}).to_string()});
        let spaced = json!({"Policy": "{ \"Statement\": [ {\"Action\": \"x\"} ] }"});
        assert!(shown(&policy("x"), &spaced).is_empty());
        assert_eq!(
            shown(&policy("x"), &policy("y")),
            ["~ Policy.Statement[0].Action: \"x\" → \"y\""]
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let document = |secret: &str| {
            json!({
                "environment": {"URL": secret},
                "config": {
                    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyValue": secret}},
                    "Targets": [{"Id": "1", "Input": json!({"db_password": secret}).to_string()}],
                    "Endpoint": format!("https://me:{secret}@example.com/"),
                },
            })
        };
        let text = shown(&document("s3cr3t"), &document("0th3r")).join("\n");
        assert!(!text.contains("s3cr3t") && !text.contains("0th3r"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        let gone = shown(&document("s3cr3t"), &json!({})).join("\n");
        assert!(!gone.contains("s3cr3t"), "{gone}");
    }

    #[test]
    fn what_is_only_observed_is_no_difference() {
        let document = |uuid: &str| json!({"config": {}, "observed": {"UUID": uuid}});
        assert!(shown(&document("a"), &document("b")).is_empty());
    }
}
