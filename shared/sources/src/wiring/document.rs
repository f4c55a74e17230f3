use std::collections::BTreeMap;
use std::fmt;

use holdfast_catalog::CatalogError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::application::ArnMap;

/// How AWS's own tags begin; nobody else may set them.
const RESERVED_TAG: &str = "aws:";

/// A resource's configuration, as its service writes it: the configuration document of a recovery point.
///
/// Keys are sorted at every depth, lists whose order means nothing are sorted too, policies and patterns are JSON and not text: an
/// unchanged resource has an unchanged document. It may hold secrets (a target's input, a header): store it encrypted, and show
/// only what [`differences`](Document::differences) shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// What a restore puts back, under the service's names.
    pub config: Map<String, Value>,
    /// Tags, without those that AWS reserves (`aws:`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What AWS chose and a restore cannot choose again: ids and addresses.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub observed: Map<String, Value>,
    /// Settings that could not be read and so are missing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

impl Document {
    /// The document as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and maps with string keys: none of serde_json's errors can happen.
        serde_json::to_vec(&Document {
            config: sorted_map(self.config.clone()),
            observed: sorted_map(self.observed.clone()),
            ..self.clone()
        })
        .unwrap_or_default()
    }

    /// Reads a stored document.
    ///
    /// # Errors
    /// The bytes are no such document. The message says where, never what stands there: it may be a secret.
    pub fn read(bytes: &[u8]) -> Result<Self, CatalogError> {
        serde_json::from_slice(bytes).map_err(|e| CatalogError::Damaged {
            what: "configuration document",
            why: format!("{:?} error at line {} column {}", e.classify(), e.line(), e.column()),
        })
    }

    /// Where another document differs, setting by setting. What is only observed, and what could not be read in either, is no
    /// difference.
    pub fn differences(&self, found: &Document) -> Vec<Difference> {
        let mut differences = Vec::new();
        let could_not_be_read = |name: &String| self.unreadable.contains(name) || found.unreadable.contains(name);
        let pair = |document: &Document| {
            let config = document.config.iter().filter(|(name, _)| !could_not_be_read(name));
            Value::Object(config.map(|(name, value)| (name.clone(), value.clone())).collect())
        };
        compare("", Some(&pair(self)), Some(&pair(found)), &mut differences);
        if !could_not_be_read(&"Tags".to_owned()) {
            let tags = |tags: &BTreeMap<String, String>| {
                tags.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect()
            };
            let (wanted, found) = (Value::Object(tags(&self.tags)), Value::Object(tags(&found.tags)));
            compare("Tags", Some(&wanted), Some(&found), &mut differences);
        }
        differences
    }

    /// A document with everything replaced in its configuration. Tags are words, and what was observed is past.
    #[must_use]
    pub fn rewritten(&self, map: &ArnMap) -> Document {
        let config = match map.rewrite(&Value::Object(self.config.clone())).0 {
            Value::Object(config) => config,
            _ => self.config.clone(),
        };
        Document { config, ..self.clone() }
    }

    /// A member of the configuration as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.config.get(name).and_then(Value::as_str)
    }
}

/// One setting that is not the same in two documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: the names of members on the way, with dots between them.
    pub setting: String,
    /// As it should be, or was; nothing where it should not be.
    pub wanted: Option<Value>,
    /// As it is; nothing where it is not.
    pub found: Option<Value>,
}

/// Members whose values may be secrets: they are never shown.
const SECRETIVE: [&str; 15] = [
    "AuthParameters",
    "BodyParameters",
    "Environment",
    "HeaderParameters",
    "Input",
    "InputTemplate",
    "QueryStringParameters",
    "SecretString",
    "Variables",
    "apiKeys",
    "requestParameters",
    "requestTemplates",
    "stageVariableOverrides",
    "stageVariables",
    "variables",
];

/// How much of a value is shown.
const SHOWN_CHARS: usize = 120;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_secret = self.setting.split('.').any(|part| SECRETIVE.contains(&part));
        let shown = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(_) if is_secret => "a value that is not shown".to_owned(),
            Some(value) => {
                let text = redacted(value).to_string();
                match text.char_indices().nth(SHOWN_CHARS) {
                    Some((end, _)) => format!("{}…", &text[..end]),
                    None => text,
                }
            }
        };
        write!(
            f,
            "{} is {} instead of {}",
            self.setting,
            shown(&self.found),
            shown(&self.wanted)
        )
    }
}

fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let member = |(name, value): (&String, &Value)| {
                let is_secret = SECRETIVE.contains(&name.as_str());
                (name.clone(), if is_secret { Value::from("…") } else { redacted(value) })
            };
            map.iter().map(member).collect()
        }
        Value::Array(list) => list.iter().map(redacted).collect(),
        plain => plain.clone(),
    }
}

fn compare(path: &str, wanted: Option<&Value>, found: Option<&Value>, differences: &mut Vec<Difference>) {
    match (wanted, found) {
        (Some(Value::Object(wanted)), Some(Value::Object(found))) => {
            let names: std::collections::BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
            for name in names {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                compare(&path, wanted.get(name), found.get(name), differences);
            }
        }
        (Some(Value::Array(wanted)), Some(Value::Array(found))) if wanted.len() == found.len() => {
            for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                compare(&format!("{path}.{at}"), Some(wanted), Some(found), differences);
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => differences.push(Difference {
            setting: path.to_owned(),
            wanted: wanted.cloned(),
            found: found.cloned(),
        }),
    }
}

/// A value with the keys of its objects sorted at every depth, whatever map serde_json was built with. A null stays: in what
/// people write (a state machine's `"ResultPath": null`) it means something.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(sorted_map(map)),
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

pub(crate) fn sorted_map(map: Map<String, Value>) -> Map<String, Value> {
    let ordered: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
    ordered.into_iter().collect()
}

/// A service's answer, sorted, and without nulls in objects: there, a member that is null is one that is not there.
pub(crate) fn present(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let members = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(sorted_map(members.map(|(key, value)| (key, present(value))).collect()))
        }
        Value::Array(list) => Value::Array(list.into_iter().map(present).collect()),
        plain => plain,
    }
}

/// Text that holds JSON, as the JSON that it holds; other text as it is. [`as_text`] writes it back.
pub(crate) fn parsed(value: Value) -> Value {
    match &value {
        // Only what could be mistaken for nothing else: the text "5" stays a text.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => match serde_json::from_str(text) {
            Ok(inner) if keeps_numbers(&inner, text) => sorted(inner),
            _ => value,
        },
        _ => value,
    }
}

/// Whether every number is written as it was: one with more digits than a machine's number has is kept as text.
fn keeps_numbers(value: &Value, text: &str) -> bool {
    match value {
        Value::Number(number) => number.is_i64() || number.is_u64() || text.contains(&number.to_string()),
        Value::Array(list) => list.iter().all(|value| keeps_numbers(value, text)),
        Value::Object(map) => map.values().all(|value| keeps_numbers(value, text)),
        _ => true,
    }
}

/// What [`parsed`] has read, as the text that a service takes.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Tags in whichever of the services' three forms, without those that AWS reserves.
pub(crate) fn own_tags(tags: Option<&Value>) -> BTreeMap<String, String> {
    all_tags(tags)
        .into_iter()
        .filter(|(key, _)| !key.starts_with(RESERVED_TAG))
        .collect()
}

/// Tags in whichever of the services' three forms.
pub(crate) fn all_tags(tags: Option<&Value>) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match tags {
        Some(Value::Object(map)) => map.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        Some(Value::Array(list)) => {
            let member = |tag: &Value, upper: &str, lower: &str| tag.get(upper).or_else(|| tag.get(lower)).map(text);
            let pair = |tag: &Value| {
                Some((
                    member(tag, "Key", "key")?,
                    member(tag, "Value", "value").unwrap_or_default(),
                ))
            };
            list.iter().filter_map(pair).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// Tags as a list of keys and values.
pub(crate) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| serde_json::json!({"Key": key, "Value": value}))
        .collect()
}
