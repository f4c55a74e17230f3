//! What comes back: an answer or a refusal, from JSON or XML.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value};
use xmlparser::{ElementEnd, Token, Tokenizer};

use super::Protocol;
use crate::error::REQUEST_ID;

/// A service's no.
#[derive(Debug)]
pub(super) struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// The body of an answer that is no refusal.
pub(super) fn body(protocol: Protocol, response: &HttpResponse) -> Result<&[u8], OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(body);
    }
    // What cannot be read is told by its status.
    let refusal = parse(protocol, body).unwrap_or_default();
    let refusal = refusal.get("Error").unwrap_or(&refusal);
    let header = |name: &str| response.headers().get(name);
    let word = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| refusal.get(name)?.as_str())
            .map(str::to_owned)
    };
    let code = header("x-amzn-errortype")
        .map(str::to_owned)
        .or_else(|| word(&["__type", "code", "Code"]));
    let mut meta = ErrorMetadata::builder();
    if let Some(code) = code {
        meta = meta.code(bare(&code));
    }
    if let Some(message) = word(&["message", "Message", "errorMessage"]) {
        meta = meta.message(message);
    }
    if let Some(id) = header("x-amzn-requestid").or_else(|| header("x-amz-request-id")) {
        meta = meta.custom(REQUEST_ID, id);
    }
    Err(OrchestratorError::operation(Refusal(meta.build())))
}

/// What is in a body. The error says why it cannot be read, in words.
pub(super) fn parse(protocol: Protocol, body: &[u8]) -> Result<Value, String> {
    let parsed = match protocol {
        Protocol::Json { .. } | Protocol::Rest => json(body),
        Protocol::Query { .. } => xml(body),
        Protocol::RestXml => s3(body),
    };
    parsed.map_err(|why| format!("the answer cannot be read: {why}"))
}

/// `com.amazonaws.sqs#QueueDoesNotExist` and `ConflictException:http://…` without what stands around the code.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

fn json(body: &[u8]) -> Result<Value, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// `<XResponse><XResult>…</XResult>…</XResponse>` gives what is in the result; an error response what is in it.
fn xml(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let root = tree(text)?;
    let result = root.children.iter().find(|child| child.name.ends_with("Result"));
    Ok(match result.unwrap_or(&root).value() {
        Value::Object(mut members) => {
            members.remove("ResponseMetadata");
            Value::Object(members)
        }
        _ => Value::Object(Map::new()),
    })
}

/// Elements of S3's and CloudFront's answers that may come more than once.
const S3_LISTS: [&str; 23] = [
    "AllowedHeader",
    "AllowedMethod",
    "AllowedOrigin",
    "Bucket",
    "CORSRule",
    "CacheBehavior",
    "CloudFunctionConfiguration",
    "Contents",
    "DeleteMarker",
    "DistributionSummary",
    "Event",
    "ExposeHeader",
    "FilterRule",
    "Grant",
    "LambdaFunctionAssociation",
    "NoncurrentVersionTransition",
    "QueueConfiguration",
    "RoutingRule",
    "Rule",
    "Tag",
    "TopicConfiguration",
    "Transition",
    "Version",
];

/// What is in S3's root element.
fn s3(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    // A bucket's policy is told as it was written.
    if text.trim_start().starts_with('{') {
        return json(body);
    }
    let root = tree(text)?.members();
    Ok(if root.is_object() {
        root
    } else {
        Value::Object(Map::new())
    })
}

/// RDS's lists, whose entries have names of their own instead of `member`.
const NAMED_LISTS: [&str; 16] = [
    "DBClusterMembers",
    "DBClusterOptionGroupMemberships",
    "DBClusterParameterGroups",
    "DBClusters",
    "DBInstances",
    "DBParameterGroups",
    "DBSubnetGroups",
    "OptionGroupMemberships",
    "OptionGroupsList",
    "OptionSettings",
    "Options",
    "Parameters",
    "Subnets",
    "TagList",
    "VpcSecurityGroupMemberships",
    "VpcSecurityGroups",
];

/// An element of an XML document.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// A list of its `member`s, a map of its `entry`s, an object of its children, or its text; nothing at all is null, which no
    /// caller tells from a member that is not there.
    fn value(&self) -> Value {
        match self.children.first().map(|child| child.name.as_str()) {
            None if self.text.is_empty() => Value::Null,
            None => Value::String(self.text.clone()),
            Some(_) if NAMED_LISTS.contains(&self.name.as_str()) => self.children.iter().map(Element::value).collect(),
            Some("member") => self.children.iter().map(Element::value).collect(),
            Some("entry") => self.children.iter().filter_map(Element::entry).collect(),
            Some(_) => self
                .children
                .iter()
                .map(|child| (child.name.clone(), child.value()))
                .collect(),
        }
    }

    /// The same in S3's way: lists are not wrapped, and an empty element says something by being there.
    fn members(&self) -> Value {
        if self.children.is_empty() {
            return if self.text.trim().is_empty() {
                Value::Object(Map::new())
            } else {
                Value::String(self.text.clone())
            };
        }
        let mut members = Map::new();
        for child in &self.children {
            let value = child.members();
            if !S3_LISTS.contains(&child.name.as_str()) {
                members.insert(child.name.clone(), value);
            } else if let Value::Array(list) = members
                .entry(child.name.clone())
                .or_insert_with(|| Value::Array(Vec::new()))
            {
                list.push(value);
            }
        }
        Value::Object(members)
    }

    /// A map's entry; its value may be an empty text.
    fn entry(&self) -> Option<(String, Value)> {
        let child = |name: &str| self.children.iter().find(|child| child.name == name);
        let value = Value::String(child("value")?.text.clone());
        Some((child("key")?.text.clone(), value))
    }
}

fn tree(text: &str) -> Result<Element, String> {
    let mut open: Vec<Element> = vec![Element::default()];
    let close = |open: &mut Vec<Element>| match (open.pop(), open.last_mut()) {
        (Some(done), Some(parent)) => {
            parent.children.push(done);
            Ok(())
        }
        _ => Err("an element ends that has not begun".to_owned()),
    };
    for token in Tokenizer::from(text) {
        match token.map_err(|error| error.to_string())? {
            Token::ElementStart { local, .. } => open.push(Element {
                name: local.as_str().to_owned(),
                ..Element::default()
            }),
            Token::ElementEnd {
                end: ElementEnd::Empty, ..
            } => close(&mut open)?,
            Token::ElementEnd {
                end: ElementEnd::Close(_, name),
                ..
            } => {
                if open.last().is_none_or(|element| element.name != name.as_str()) {
                    return Err(format!("{name} ends before it has begun"));
                }
                close(&mut open)?;
            }
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&unescaped(text.as_str())?);
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(text.as_str());
                }
            }
            _ => {}
        }
    }
    let mut document = open.pop().filter(|_| open.is_empty()).ok_or("it breaks off")?;
    let root = document.children.pop();
    root.filter(|_| document.children.is_empty())
        .ok_or_else(|| "it has not one root".to_owned())
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').ok_or("an entity without an end")?;
        out.push_str(before);
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#').ok_or("an entity that is not known")?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => number.parse(),
                };
                char::from_u32(code.map_err(|error| error.to_string())?).ok_or("an entity for no character")?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn xml_becomes_the_json_that_it_means() {
        let answer = "<?xml version=\"1.0\"?>\n<GetResponse xmlns=\"x\"><GetResult>\n  <Attributes>\n    <entry><key>Policy</key>\
            <value>{&quot;a&quot;:&#x22;b&#34;}</value></entry><entry><key>DisplayName</key><value/></entry>\n</Attributes>\
            <Tags><member><Key>k</Key><Value>v</Value></member></Tags><Empty/></GetResult><ResponseMetadata/></GetResponse>";
        assert_eq!(
            xml(answer.as_bytes()).unwrap(),
            json!({
                "Attributes": {"Policy": "{\"a\":\"b\"}", "DisplayName": ""},
                "Tags": [{"Key": "k", "Value": "v"}],
                "Empty": null
            })
        );
        assert_eq!(
            xml(b"<R><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></R>").unwrap(),
            json!({})
        );
        for broken in ["", "<a>", "<a></b>", "<a/><b/>", "<a>&what;</a>", "no"] {
            assert!(xml(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_code_stands_alone() {
        for code in [
            "QueueDoesNotExist",
            "com.amazonaws.sqs#QueueDoesNotExist",
            "QueueDoesNotExist:http://x/",
        ] {
            assert_eq!(bare(code), "QueueDoesNotExist");
        }
    }
}
