//! Names in the template, and how texts that name resources become references.
//!
//! The application is first given names, a region and an account that nobody has; then whatever holds one of those becomes a
//! reference. So exactly the texts that a restore would rewrite become references, and no others.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, Region, ResourceId, Sha256};
use serde_json::{Value, json};

use crate::application::forms::{arn_of, has_own_id};
use crate::application::naming::{is_assigned, is_given};
use crate::application::{ArnMap, Member, NameFault, Target};

/// An account that nobody has.
const ACCOUNT: &str = "000000000000";

/// What stands for what while a template is written.
pub(super) struct Symbols {
    pub(super) map: ArnMap,
    logical: BTreeMap<ResourceId, String>,
    /// Texts and the references that they become, the longest first.
    references: Vec<(String, String)>,
    roles: BTreeSet<String>,
}

impl Symbols {
    pub(super) fn of(members: &[Member]) -> Result<Self, Vec<NameFault>> {
        let mut sorted: Vec<&Member> = members.iter().collect();
        sorted.sort_by_key(|member| &member.id);
        let mut target = Target::default();
        let partition = sorted.first().map_or("aws", |member| member.arn.partition());
        let region = nowhere(partition);
        target.region.clone_from(&region);
        for (number, member) in sorted.iter().enumerate() {
            if !is_assigned(member.id.kind) && !is_given(&member.id) {
                target.names.insert(member.id.to_string(), symbol(number, &member.id));
            }
        }
        let mut map = ArnMap::new(members, &target, ACCOUNT)?;
        let logical = logical_ids(&sorted);
        let mut references = vec![(ACCOUNT.to_owned(), "AWS::AccountId".to_owned())];
        references.extend(region.map(|region| (region.to_string(), "AWS::Region".to_owned())));
        for (number, member) in sorted.iter().enumerate() {
            let (Some(new), Some(name)) = (map.target(&member.id).cloned(), logical.get(&member.id)) else {
                continue;
            };
            learn(&mut map, &mut references, member, &new, (number, name));
        }
        references.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        let roles = sorted.iter().filter(|member| member.id.kind == Kind::IamRole);
        Ok(Symbols {
            roles: roles.map(|role| role.arn.to_string()).collect(),
            map,
            logical,
            references,
        })
    }

    /// What a resource is called in the template.
    pub(super) fn logical(&self, id: &ResourceId) -> Option<&str> {
        self.logical.get(id).map(String::as_str)
    }

    /// Whether a resource's name is a parameter.
    pub(super) fn is_named(id: &ResourceId) -> bool {
        !is_assigned(id.kind) && !is_given(id)
    }

    /// Whether a text names a resource of the application.
    pub(super) fn is_reference(&self, text: &str) -> bool {
        self.references.iter().any(|(symbol, _)| text.contains(symbol))
    }

    /// A document with a symbol wherever it names a resource of the application.
    pub(super) fn symbolic(&self, document: &Value) -> Value {
        self.map.rewrite(document).0
    }

    /// A value in which each text that holds a symbol is a reference.
    pub(super) fn intrinsic(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.reference(text),
            Value::Array(list) => list.iter().map(|value| self.intrinsic(value)).collect(),
            Value::Object(map) if map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::")) => {
                value.clone()
            }
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), self.intrinsic(value)))
                .collect(),
            plain => plain.clone(),
        }
    }

    fn reference(&self, text: &str) -> Value {
        if is_role(text) && !text.contains(ACCOUNT) && !self.roles.contains(text) {
            return json!({ "Ref": role_parameter(text) });
        }
        let mut out = text.replace("${", "${!");
        for (symbol, reference) in &self.references {
            out = out.replace(symbol, &format!("${{{reference}}}"));
        }
        if out == text.replace("${", "${!") {
            return Value::from(text);
        }
        let whole = out.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        match whole.filter(|whole| !whole.contains(['{', '}', '!'])) {
            Some(whole) => match whole.split_once('.') {
                Some((logical, attribute)) => json!({ "Fn::GetAtt": [logical, attribute] }),
                None => json!({ "Ref": whole }),
            },
            None => json!({ "Fn::Sub": out }),
        }
    }

    /// The parameters for roles of others that properties refer to, with the ARNs that they begin as.
    pub(super) fn roles_in(&self, properties: &Value, found: &mut BTreeMap<String, String>) {
        match properties {
            Value::String(text) if is_role(text) && !text.contains(ACCOUNT) && !self.roles.contains(text) => {
                found.insert(role_parameter(text), text.clone());
            }
            Value::Array(list) => list.iter().for_each(|value| self.roles_in(value, found)),
            Value::Object(map) => map.values().for_each(|value| self.roles_in(value, found)),
            _ => {}
        }
    }
}

/// A region that nobody has, in a partition.
fn nowhere(partition: &str) -> Option<Region> {
    let text = match partition {
        "aws-cn" => "cn-holdfast-0",
        "aws-us-gov" => "us-gov-holdfast-0",
        "aws-iso" => "us-iso-holdfast-0",
        "aws-iso-b" => "us-isob-holdfast-0",
        "aws-eusc" => "eusc-holdfast-0",
        _ => "zz-holdfast-0",
    };
    text.parse().ok()
}

fn symbol(number: usize, id: &ResourceId) -> String {
    let is_fifo = matches!(id.kind, Kind::SqsQueue | Kind::SnsTopic) && id.name.ends_with(".fifo");
    format!("hfn{number}hf{}", if is_fifo { ".fifo" } else { "" })
}

/// Says which symbol stands for a resource: its name, or what the service will choose.
fn learn(
    map: &mut ArnMap,
    references: &mut Vec<(String, String)>,
    member: &Member,
    new: &ResourceId,
    (number, logical): (usize, &str),
) {
    let kind = member.id.kind;
    let placed = arn_of(new, &member.arn, ACCOUNT);
    if has_own_id(kind) {
        let end = format!("hfa{number}hf");
        let stem = placed
            .rfind(['/', ':'])
            .and_then(|at| placed.get(..=at))
            .unwrap_or_default();
        let whole = format!("{stem}{end}");
        if let Ok(arn) = whole.parse::<Arn>() {
            map.learn(&member.id, &arn);
        }
        if is_assigned(kind) {
            references.push((end, logical.to_owned()));
        } else {
            references.push((whole, format!("{logical}.Arn")));
        }
    }
    if kind == Kind::DynamodbTable {
        let stream = format!("{placed}/stream/0hf");
        if let Ok(arn) = stream.parse::<Arn>() {
            map.learn(&member.id, &arn);
        }
        references.push((stream, format!("{logical}.StreamArn")));
    }
    if !is_assigned(kind) && !is_given(&member.id) {
        references.push((symbol(number, &member.id), format!("{logical}Name")));
    }
}

/// A name for each resource in the template: letters and digits, each once.
fn logical_ids(members: &[&Member]) -> BTreeMap<ResourceId, String> {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeMap::new();
    for member in members {
        let mut name = match member.id.kind {
            // Its name says nothing.
            Kind::EventSourceMapping => noun(member.id.kind).to_owned(),
            kind => format!("{}{}", camel(member.id.leaf()), noun(kind)),
        };
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            name = format!("{}{name}", noun(member.id.kind));
        }
        let plain = name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{plain}{number}");
            number += 1;
        }
        ids.insert(member.id.clone(), name);
    }
    ids
}

/// A text's words in one, each with a capital.
pub(super) fn camel(text: &str) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect()
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::DynamodbTable => "Table",
        Kind::LambdaFunction => "Function",
        Kind::SqsQueue => "Queue",
        Kind::SnsTopic => "Topic",
        Kind::KinesisStream => "Stream",
        Kind::EventBus => "Bus",
        Kind::EventRule => "Rule",
        Kind::EventArchive => "Archive",
        Kind::EventConnection => "Connection",
        Kind::ApiDestination => "Destination",
        Kind::ScheduleGroup => "ScheduleGroup",
        Kind::Schedule => "Schedule",
        Kind::EventSourceMapping => "Mapping",
        Kind::BucketNotifications | Kind::S3Bucket => "Bucket",
        Kind::StateMachine => "StateMachine",
        Kind::RestApi | Kind::HttpApi => "Api",
        Kind::IamRole => "Role",
        Kind::RdsInstance => "Instance",
        Kind::RdsCluster => "Cluster",
        Kind::EfsFileSystem => "FileSystem",
    }
}

fn is_role(text: &str) -> bool {
    let arn = text.parse::<Arn>();
    arn.is_ok_and(|arn| arn.service() == "iam" && arn.resource_type() == Some("role") && !text.contains(['*', '$']))
}

/// One parameter a role; the digest keeps apart what letters and digits alone do not.
fn role_parameter(arn: &str) -> String {
    let leaf = arn.rsplit('/').next().unwrap_or_default();
    let digest = Sha256::of(arn.as_bytes()).to_string();
    format!("{}RoleArn{}", camel(leaf), digest.get(..6).unwrap_or_default())
}

/// The names in the template that a value refers to.
pub(super) fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Ref", Value::String(name)) => {
                        found.insert(name.clone());
                    }
                    ("Fn::GetAtt", Value::Array(list)) => {
                        found.extend(list.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(text)) => {
                        let names = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
                        found.extend(names.map(|name| name.split('.').next().unwrap_or_default().to_owned()));
                    }
                    (_, value) => references(value, found),
                }
            }
        }
        _ => {}
    }
}
