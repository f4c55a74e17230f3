//! What a restore of an application does, in order: a plan that can be read before anything is done.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_catalog::{Kind, ResourceId};
use serde_json::{Map, Value};

use super::order::{Needs, rank};
use super::{ArnMap, Member, Replaced};
use crate::wiring::trust::{TRUST, without_identities};

/// Everything that a restore will do, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What is left out or cannot be as it was, in words.
    pub notes: Vec<String>,
}

/// One thing to do. Doing it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The resource as it was.
    pub resource: ResourceId,
    /// What it will be.
    pub target: ResourceId,
    /// What it needs, and what was therefore made before.
    pub after: Vec<ResourceId>,
    /// What its document names under other names than before.
    pub replaced: Vec<Replaced>,
    /// Where its document names what is not there when it is made; a later step puts these on.
    pub later: Vec<String>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Makes the resource, with everything that starts something by itself switched off.
    Create,
    /// Puts on what named resources that were not there yet.
    Wire,
    /// Lets events flow.
    SwitchOn,
}

impl Action {
    /// The word for names and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Wire => "wire",
            Action::SwitchOn => "switch-on",
        }
    }
}

impl Step {
    /// A name that no other step of the plan has, and that is the same in every plan for the same resource.
    pub fn name(&self) -> String {
        format!("{}/{}", self.action.as_str(), self.resource)
    }
}

impl Plan {
    /// The steps that need nobody's word, and those that let events flow.
    pub fn phases(&self) -> (&[Step], &[Step]) {
        let is_quiet = |step: &&Step| step.action != Action::SwitchOn;
        self.steps.split_at(self.steps.iter().take_while(is_quiet).count())
    }
}

/// Decides what is done and in which order. The order of the members does not matter.
pub fn plan(members: &[Member], map: &ArnMap) -> Plan {
    let mut notes = Vec::new();
    let mut sorted: BTreeMap<&ResourceId, &Member> = members.iter().map(|member| (&member.id, member)).collect();
    sorted.retain(|_, member| match function_of(member, members) {
        Some(function) => {
            notes.push(format!("{} is part of {function} and comes back with it", member.id));
            false
        }
        None => true,
    });
    let list: Vec<&Member> = sorted.values().copied().collect();
    notes.extend(list.iter().flat_map(|member| foreign_mounts(member, map)));
    let needs = Needs::of(&list, map);
    let order = needs.clone().order();
    let step = |action, id: &ResourceId, later: Vec<String>| -> Option<Step> {
        let member = sorted.get(id)?;
        let (_, replaced) = match action {
            Action::SwitchOn => (Value::Null, Vec::new()),
            _ => map.rewrite_of(&member.id, &member.document),
        };
        Some(Step {
            action,
            resource: id.clone(),
            target: map.target(id)?.clone(),
            after: needs.of_resource(id),
            replaced,
            later,
        })
    };
    let later = |id: &ResourceId| order.later.get(id).cloned().unwrap_or_default();
    let created = order.made.iter().filter(|id| !is_only_loud(id.kind));
    let wired = order.later.keys().filter(|id| !is_only_loud(id.kind));
    let mut loud: Vec<&Member> = list.iter().copied().filter(|member| is_on(member)).collect();
    loud.sort_by_key(|member| (rank(member.id.kind), &member.id));
    let mut steps: Vec<Step> = created.filter_map(|id| step(Action::Create, id, later(id))).collect();
    steps.extend(wired.filter_map(|id| step(Action::Wire, id, later(id))));
    steps.extend(
        loud.iter()
            .filter_map(|member| step(Action::SwitchOn, &member.id, Vec::new())),
    );
    Plan { steps, notes }
}

/// A document without the settings that hold these places: what can be made before the rest of a ring is there.
pub fn without(document: &Value, paths: &[String]) -> Value {
    let mut document = document.clone();
    for path in paths {
        let words: Vec<&str> = path.split(['.', '[', ']']).filter(|word| !word.is_empty()).collect();
        let (holder, setting) = match words.as_slice() {
            ["config", "Attributes", setting, ..] => ("/config/Attributes".to_owned(), *setting),
            // A role cannot be without it.
            ["config", TRUST, ..] => {
                if let Some(trust) = document.pointer_mut(&format!("/config/{TRUST}")) {
                    *trust = without_identities(trust);
                }
                continue;
            }
            ["config", setting, ..] => ("/config".to_owned(), *setting),
            // A function's environment may name what is not there, and keeps the old name until then.
            ["beside", kind, qualifier, ..] => (format!("/beside/{kind}"), *qualifier),
            _ => continue,
        };
        if let Some(holder) = document.pointer_mut(&holder).and_then(Value::as_object_mut) {
            holder.remove(setting);
        }
    }
    document
}

/// The file systems that a function mounts and that nothing stands for: it goes on to mount them.
fn foreign_mounts(member: &Member, map: &ArnMap) -> Vec<String> {
    let settings = |release: &'_ Value| release.get("settings")?.get("file_systems")?.as_array().cloned();
    let versions = member.document.get("versions").and_then(Value::as_object);
    let releases = member.document.get("latest").into_iter();
    let releases = releases.chain(versions.into_iter().flat_map(Map::values));
    let arns: BTreeSet<String> = match member.id.kind {
        Kind::LambdaFunction => releases
            .filter_map(settings)
            .flatten()
            .filter_map(|mount| Some(mount.get("arn")?.as_str()?.to_owned()))
            .collect(),
        _ => BTreeSet::new(),
    };
    let is_foreign = |arn: &&String| !map.stands_for(arn);
    let note = |arn: &String| {
        format!(
            "{} mounts {arn}, which is not of this application, and goes on to do so: to mount another, say it in \"replace\"",
            member.id
        )
    };
    arns.iter().filter(is_foreign).map(note).collect()
}

/// Whether a kind has no state in which it is there and silent: it is made when events may flow.
fn is_only_loud(kind: Kind) -> bool {
    kind == Kind::BucketNotifications
}

/// Whether a resource, as it was, starts something by itself.
fn is_on(member: &Member) -> bool {
    let config = |name: &str| member.document.get("config").and_then(|config| config.get(name));
    let has = |name: &str| {
        config(name)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
    };
    match member.id.kind {
        Kind::EventRule | Kind::Schedule => config("State")
            .and_then(Value::as_str)
            .is_some_and(|state| state.starts_with("ENABLED")),
        Kind::EventSourceMapping => config("Enabled") == Some(&Value::Bool(true)),
        Kind::RestApi => has("basePathMappings"),
        Kind::HttpApi => has("apiMappings"),
        Kind::LambdaFunction => sources(member).any(|source| source.get("enabled") == Some(&Value::Bool(true))),
        kind if is_only_loud(kind) => {
            let config = member.document.get("config").and_then(Value::as_object);
            config.is_some_and(|config| !config.is_empty())
        }
        _ => false,
    }
}

fn sources(function: &Member) -> impl Iterator<Item = &Value> {
    function
        .document
        .get("event_sources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The function of the application with which a mapping is stored, if it is.
fn function_of<'a>(mapping: &Member, members: &'a [Member]) -> Option<&'a ResourceId> {
    if mapping.id.kind != Kind::EventSourceMapping {
        return None;
    }
    let text = |name: &str| mapping.document.get("config")?.get(name)?.as_str();
    let function = text("FunctionArn")?;
    let is_its = |member: &&Member| {
        let rest = function.strip_prefix(member.arn.as_str());
        let qualifier = rest.map(|rest| rest.strip_prefix(':'));
        member.id.kind == Kind::LambdaFunction
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            && sources(member).any(|source| {
                let is = |name: &str| source.get(name).and_then(Value::as_str);
                is("source_arn") == text("EventSourceArn")
                    && qualifier.is_some_and(|qualifier| is("qualifier") == qualifier)
            })
    };
    members.iter().find(is_its).map(|member| &member.id)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quiet, loud) = self.phases();
        for (number, step) in (1..).zip(quiet) {
            writeln!(f, "{number:>4}. {step}")?;
        }
        if !loud.is_empty() {
            writeln!(f, "then, when it is asked for:")?;
        }
        for (number, step) in (quiet.len() + 1..).zip(loud) {
            writeln!(f, "{number:>4}. {step}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.action {
            Action::Create => "create",
            Action::Wire => "complete",
            Action::SwitchOn => "switch on",
        };
        write!(f, "{verb} {}", self.target)?;
        if self.target != self.resource {
            write!(f, " (was {})", self.resource)?;
        }
        if self.action == Action::SwitchOn {
            return Ok(());
        }
        if !self.after.is_empty() {
            let after: Vec<String> = self.after.iter().map(ToString::to_string).collect();
            write!(f, "\n        after {}", after.join(", "))?;
        }
        for path in &self.later {
            let word = if self.action == Action::Wire { "now" } else { "later" };
            write!(f, "\n        {word} {path}")?;
        }
        for replaced in &self.replaced {
            let to = replaced.to.as_deref().unwrap_or("known when it is made");
            write!(f, "\n        {}: {} → {to}", replaced.path, replaced.from)?;
        }
        Ok(())
    }
}
