//! The application as a CloudFormation template, for people who restore through their own pipeline.
//!
//! Every resource is kept when it leaves the stack, everything that starts something by itself is off until the parameter
//! `SwitchOn` says otherwise, and nothing that may be a secret stands in it: those are parameters.

mod beside;
mod events;
mod function;
mod http_api;
mod machine;
mod messaging;
mod rest_api;
mod role;
mod symbols;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Kind, ResourceId};
use serde_json::{Map, Value, json};

use super::naming::{is_given, is_titled};
use super::order::Needs;
use super::{ArnMap, Member, NameFault, Target};
use symbols::Symbols;

/// An application as CloudFormation takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The template.
    pub body: Value,
    /// For `--resources-to-import`: what can be taken into a stack when it is there already.
    pub imports: Vec<Value>,
    /// What the template does not bring back, or not as it was, in words.
    pub notes: Vec<String>,
}

/// Where deployed functions take their code from unless parameters say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBucket(pub String);

/// Writes the template of an application with the names that a target gives.
///
/// # Errors
/// Every name that cannot be as asked.
pub fn template(
    members: &[Member],
    target: &Target,
    account: &str,
    code: &CodeBucket,
) -> Result<Template, Vec<NameFault>> {
    let named = ArnMap::new(members, target, account)?;
    // What is not made here has no id to refer to: whoever names it goes on to.
    let (files, members): (Vec<Member>, Vec<Member>) = members
        .iter()
        .cloned()
        .partition(|member| member.id.kind == Kind::EfsFileSystem);
    let members = members.as_slice();
    let symbols = Symbols::of(members)?;
    let mut writing = Writing {
        code,
        symbols: &symbols,
        parameters: Map::new(),
        resources: BTreeMap::new(),
        is_switched: false,
        notes: files.iter().map(|member| left_file_system(&member.id)).collect(),
    };
    let mut imports = Vec::new();
    let sorted: BTreeMap<&ResourceId, &Member> = members.iter().map(|member| (&member.id, member)).collect();
    for (id, member) in sorted.iter().filter(|(id, _)| !is_given(id)) {
        let Some(logical) = symbols.logical(id) else { continue };
        let Some(name) = named.target(id) else { continue };
        let title = member
            .document
            .get("config")
            .and_then(|config| config.get("name")?.as_str());
        let called = match title.filter(|_| is_titled(id.kind)) {
            Some(title) => target.title(id, title),
            None => name.leaf().to_owned(),
        };
        writing.write(member, logical, &called);
        imports.extend(import(member, logical, name, account));
    }
    // What a service chooses is a reference in the template, and seen as such.
    let order = Needs::of(&members.iter().collect::<Vec<_>>(), &symbols.map);
    writing.depend(&order, &symbols, members);
    Ok(writing.finish(imports))
}

fn left_file_system(id: &ResourceId) -> String {
    format!(
        "{id}: a file system is restored from its recovery point and not made here; who mounts it mounts the old one"
    )
}

/// The parameter that lets events flow.
const SWITCH: &str = "SwitchOn";

/// A template being written.
struct Writing<'a> {
    code: &'a CodeBucket,
    symbols: &'a Symbols,
    parameters: Map<String, Value>,
    resources: BTreeMap<String, Value>,
    is_switched: bool,
    notes: Vec<String>,
}

/// A resource being written: its name in the template, and its document with every reference as a symbol.
struct Subject<'a> {
    id: &'a ResourceId,
    logical: &'a str,
    document: Value,
}

impl Subject<'_> {
    /// A member of a wiring document's configuration.
    fn config(&self) -> Map<String, Value> {
        self.document
            .get("config")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }

    fn tags(&self) -> BTreeMap<String, String> {
        super::tags_of(&self.document)
    }
}

impl Writing<'_> {
    fn write(&mut self, member: &Member, logical: &str, name: &str) {
        let subject = Subject {
            id: &member.id,
            logical,
            document: self.symbols.symbolic(&member.document),
        };
        if Symbols::is_named(&member.id) || is_titled(member.id.kind) {
            self.parameter(
                &format!("{logical}Name"),
                json!({ "Default": name }),
                &format!("What {} is called", member.id),
            );
        }
        match member.id.kind {
            Kind::DynamodbTable => self.table(&subject),
            Kind::LambdaFunction => self.function(&subject),
            Kind::SqsQueue => self.queue(&subject),
            Kind::SnsTopic => self.topic(&subject),
            Kind::KinesisStream => self.stream(&subject),
            Kind::EventBus => self.bus(&subject),
            Kind::EventRule => self.rule(&subject),
            Kind::EventArchive => self.archive(&subject),
            Kind::EventConnection => self.connection(&subject),
            Kind::ApiDestination => self.destination(&subject),
            Kind::ScheduleGroup => self.schedule_group(&subject),
            Kind::Schedule => self.schedule(&subject),
            Kind::EventSourceMapping => self.mapping(&subject),
            Kind::StateMachine => self.state_machine(&subject),
            Kind::RestApi => self.rest_api(&subject),
            Kind::HttpApi => self.http_api(&subject),
            Kind::IamRole => self.role(&subject),
            Kind::BucketNotifications => self.bucket(&subject),
            Kind::RdsInstance | Kind::RdsCluster => self.notes.push(format!(
                "{}: a database is restored from its snapshot and not made here",
                subject.id
            )),
            Kind::EfsFileSystem => self.notes.push(left_file_system(subject.id)),
            Kind::S3Bucket => self.notes.push(format!(
                "{}: a bucket is restored from its recovery point and not made here",
                subject.id
            )),
        }
    }

    /// A bucket's notifications are part of the bucket, which holds data and is not made here.
    fn bucket(&mut self, subject: &Subject<'_>) {
        self.notes.push(format!(
            "{}: a stack cannot add notifications to a bucket that it did not make: restore them with Holdfast, or write them \
             into the stack that has the bucket",
            subject.id
        ));
    }

    fn add(&mut self, logical: &str, resource_type: &str, properties: Map<String, Value>) {
        let properties = Value::Object(properties);
        self.collect_roles(&properties);
        let properties = self.symbols.intrinsic(&properties);
        let resource = json!({
            "Type": resource_type,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": properties,
        });
        self.resources.insert(logical.to_owned(), resource);
    }

    /// A resource that is there only while the stack is switched on.
    fn add_switched(&mut self, logical: &str, resource_type: &str, properties: Map<String, Value>) {
        self.is_switched = true;
        self.add(logical, resource_type, properties);
        if let Some(resource) = self.resources.get_mut(logical) {
            resource["Condition"] = json!("SwitchedOn");
        }
    }

    /// Roles that are no part of the application are parameters, which begin as what they were.
    fn collect_roles(&mut self, properties: &Value) {
        let mut roles = BTreeMap::new();
        self.symbols.roles_in(properties, &mut roles);
        for (name, arn) in roles {
            self.parameter(
                &name,
                json!({ "Default": arn }),
                "A role that is no part of this application",
            );
        }
    }

    fn parameter(&mut self, name: &str, settings: Value, description: &str) {
        let mut parameter = json!({ "Type": "String", "Description": description });
        if let (Some(parameter), Value::Object(settings)) = (parameter.as_object_mut(), settings) {
            parameter.extend(settings);
        }
        self.parameters.insert(name.to_owned(), parameter);
    }

    /// A value that nobody may read in a template.
    fn secret(&mut self, name: &str, what: &str) -> Value {
        self.parameter(name, json!({ "NoEcho": true }), what);
        json!({ "Ref": name })
    }

    /// On if the stack is switched on and the point had it on.
    fn switched(&mut self, was_on: bool, on: Value, off: Value) -> Value {
        if !was_on {
            return off;
        }
        self.is_switched = true;
        json!({ "Fn::If": ["SwitchedOn", on, off] })
    }

    /// Members of a document that the template has no place for.
    fn left_out(&mut self, id: &ResourceId, members: &Map<String, Value>, known: &[(&str, &str)], ignored: &[&str]) {
        for name in members.keys() {
            if !ignored.contains(&name.as_str()) && !known.iter().any(|(from, _)| from == name) {
                self.notes
                    .push(format!("{id}: {name} is not in the template: set it by hand"));
            }
        }
    }

    /// What has to be made first and is not seen from what a resource refers to.
    fn depend(&mut self, needs: &Needs, symbols: &Symbols, members: &[Member]) {
        let order = needs.clone().order();
        let places: BTreeMap<&ResourceId, usize> = order.made.iter().enumerate().map(|(at, id)| (id, at)).collect();
        for member in members {
            let Some(logical) = symbols.logical(&member.id) else {
                continue;
            };
            let earlier = needs.of_resource(&member.id).into_iter();
            let earlier = earlier.filter(|need| places.get(need) < places.get(&member.id));
            let mut wanted = BTreeSet::new();
            for need in earlier {
                let Some(name) = symbols.logical(&need) else { continue };
                wanted.insert(name.to_owned());
                // Services try what a role may do, so its policies come before what runs as that role. A table names it only.
                if need.kind == Kind::IamRole && acts(member.id.kind) {
                    let policies = self.resources.range(format!("{name}Policy")..);
                    let policies = policies
                        .map(|(name, _)| name)
                        .take_while(|found| found.starts_with(&format!("{name}Policy")));
                    wanted.extend(policies.cloned());
                }
            }
            wanted.retain(|need| self.resources.contains_key(need));
            self.depend_on(logical, &wanted);
        }
    }

    fn depend_on(&mut self, logical: &str, wanted: &BTreeSet<String>) {
        let Some(resource) = self.resources.get_mut(logical).and_then(Value::as_object_mut) else {
            return;
        };
        let mut named = BTreeSet::new();
        symbols::references(resource.get("Properties").unwrap_or(&Value::Null), &mut named);
        let unseen: Vec<&String> = wanted.difference(&named).collect();
        if !unseen.is_empty() {
            resource.insert("DependsOn".to_owned(), json!(unseen));
        }
    }

    fn finish(mut self, imports: Vec<Value>) -> Template {
        let mut body = Map::new();
        body.insert("AWSTemplateFormatVersion".to_owned(), json!("2010-09-09"));
        body.insert(
            "Description".to_owned(),
            json!("An application, as its recovery points hold it"),
        );
        if self.is_switched {
            let settings = json!({ "Default": "false", "AllowedValues": ["true", "false"] });
            self.parameter(
                SWITCH,
                settings,
                "Whether events flow: rules, schedules and mappings are on as they were",
            );
            body.insert(
                "Conditions".to_owned(),
                json!({ "SwitchedOn": { "Fn::Equals": [{ "Ref": SWITCH }, "true"] } }),
            );
        }
        let mut used = BTreeSet::new();
        for resource in self.resources.values() {
            symbols::references(resource, &mut used);
        }
        self.parameters.retain(|name, _| used.contains(name) || name == SWITCH);
        if !self.parameters.is_empty() {
            body.insert("Parameters".to_owned(), Value::Object(self.parameters));
        }
        body.insert(
            "Resources".to_owned(),
            Value::Object(self.resources.into_iter().collect()),
        );
        Template {
            body: Value::Object(body),
            imports,
            notes: self.notes,
        }
    }
}

/// Whether resources of a kind do something as a role.
fn acts(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::LambdaFunction | Kind::StateMachine | Kind::EventRule | Kind::Schedule
    )
}

/// How CloudFormation knows a resource that is there, where it can take such a one into a stack.
fn import(member: &Member, logical: &str, new: &ResourceId, account: &str) -> Option<Value> {
    let arn = || super::forms::arn_of(new, &member.arn, account);
    let leaf = new.leaf();
    let (resource_type, key, value) = match member.id.kind {
        Kind::DynamodbTable => ("AWS::DynamoDB::Table", "TableName", leaf.to_owned()),
        Kind::LambdaFunction => ("AWS::Lambda::Function", "FunctionName", leaf.to_owned()),
        Kind::SqsQueue => {
            let domain = super::forms::domain(&new.region);
            (
                "AWS::SQS::Queue",
                "QueueUrl",
                format!("https://sqs.{}.{domain}/{account}/{leaf}", new.region),
            )
        }
        Kind::SnsTopic => ("AWS::SNS::Topic", "TopicArn", arn()),
        Kind::KinesisStream => ("AWS::Kinesis::Stream", "Name", leaf.to_owned()),
        Kind::EventBus => ("AWS::Events::EventBus", "Name", leaf.to_owned()),
        Kind::EventRule => ("AWS::Events::Rule", "Arn", arn()),
        Kind::EventArchive => ("AWS::Events::Archive", "ArchiveName", leaf.to_owned()),
        Kind::ScheduleGroup => ("AWS::Scheduler::ScheduleGroup", "Name", leaf.to_owned()),
        Kind::StateMachine => ("AWS::StepFunctions::StateMachine", "Arn", arn()),
        Kind::IamRole => ("AWS::IAM::Role", "RoleName", leaf.to_owned()),
        _ => return None,
    };
    Some(json!({
        "ResourceType": resource_type,
        "LogicalResourceId": logical,
        "ResourceIdentifier": { key: value },
    }))
}

/// Members of a document under the template's names.
fn picked(members: &Map<String, Value>, names: &[(&str, &str)]) -> Map<String, Value> {
    let found = names
        .iter()
        .filter_map(|(from, to)| Some(((*to).to_owned(), members.get(*from)?.clone())));
    found.collect()
}

/// Tags as most resources take them.
fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// Adds tags under a name, where there are any.
fn add_tags(properties: &mut Map<String, Value>, tags: &BTreeMap<String, String>) {
    if !tags.is_empty() {
        properties.insert("Tags".to_owned(), tag_list(tags));
    }
}
