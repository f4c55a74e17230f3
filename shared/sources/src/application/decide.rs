//! What to do about a resource, and what to say of it afterwards.

use std::fmt;

use holdfast_catalog::{OutcomeStatus, PointId};
use serde_json::Value;

use super::{Change, diff};

/// What may be done to a resource that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    Keep,
    /// It may be changed into what is wanted: this point was taken of it first, so that the change can be undone.
    InPlace(PointId),
}

/// What to do about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not there: make it.
    Create,
    /// It is there and equal: leave it.
    Adopt,
    /// It is there and another; it may be changed.
    Change(Vec<Change>),
    /// It is there and another: leave it, and say so.
    Refuse(Vec<Change>),
}

/// The members by which triggers are switched on and off.
const SWITCHES: [&str; 2] = ["State", "Enabled"];

/// Decides from the document that is wanted and the one that is there. Whether a trigger is on is no difference: the one that is
/// there may have been switched on since.
pub fn decide(wanted: &Value, there: Option<&Value>, existing: &Existing) -> Verdict {
    let Some(there) = there else { return Verdict::Create };
    // From what is there to what is wanted: that is the change that would be made.
    let changes = diff(&without_switches(there), &without_switches(wanted));
    match existing {
        _ if changes.is_empty() => Verdict::Adopt,
        Existing::InPlace(_) => Verdict::Change(changes),
        Existing::Keep => Verdict::Refuse(changes),
    }
}

fn without_switches(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(config) = document.get_mut("config").and_then(Value::as_object_mut) {
        config.retain(|name, _| !SWITCHES.contains(&name.as_str()));
    }
    let sources = document.get_mut("event_sources").and_then(Value::as_array_mut);
    for source in sources.into_iter().flatten().filter_map(Value::as_object_mut) {
        source.remove("enabled");
    }
    document
}

/// What became of a resource, in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It was made.
    Created,
    /// It was there and equal, and was left as it was.
    Adopted,
    /// It was made, and so many texts in it name new resources instead of old ones.
    RePointed(usize),
    /// It was there and another, and was made as it should be; this point holds what it was.
    Changed(PointId),
    /// Events flow.
    SwitchedOn,
    /// Something about it is left to a person: why, and the command where one does it.
    NeedsPerson(String),
    /// It was not made: why, and what to change.
    Failed(String),
}

impl Word {
    /// How the report counts it.
    pub fn status(&self) -> OutcomeStatus {
        match self {
            Word::Created | Word::RePointed(_) | Word::Changed(_) | Word::SwitchedOn => OutcomeStatus::Done,
            Word::Adopted => OutcomeStatus::Unchanged,
            Word::NeedsPerson(_) => OutcomeStatus::Partial,
            Word::Failed(_) => OutcomeStatus::Failed,
        }
    }

    /// The word alone, for machines.
    pub fn as_str(&self) -> &'static str {
        match self {
            Word::Created => "created",
            Word::Adopted => "adopted",
            Word::RePointed(_) => "re-pointed",
            Word::Changed(_) => "changed",
            Word::SwitchedOn => "switched on",
            Word::NeedsPerson(_) => "needs a person",
            Word::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Created => f.write_str("created"),
            Word::Adopted => f.write_str("adopted: it was there and is equal"),
            Word::RePointed(1) => f.write_str("created and re-pointed in one place"),
            Word::RePointed(places) => write!(f, "created and re-pointed in {places} places"),
            Word::Changed(undo) => write!(f, "changed in place: {undo} holds what it was"),
            Word::SwitchedOn => f.write_str("switched on"),
            Word::NeedsPerson(why) => write!(f, "needs a person: {why}"),
            Word::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn in_place() -> Existing {
        Existing::InPlace("dynamodb-table/eu-west-1/q/20261121T030000Z-standard".parse().unwrap())
    }

    #[test]
    fn what_is_there_is_adopted_only_if_it_is_equal_and_changed_only_if_asked() {
        let wanted = json!({"config": {"Attributes": {"DelaySeconds": "5"}}});
        let other = json!({"config": {"Attributes": {"DelaySeconds": "9"}}});
        assert_eq!(decide(&wanted, None, &Existing::Keep), Verdict::Create);
        assert_eq!(decide(&wanted, Some(&wanted), &Existing::Keep), Verdict::Adopt);
        assert_eq!(decide(&wanted, Some(&wanted), &in_place()), Verdict::Adopt);
        let Verdict::Refuse(why) = decide(&wanted, Some(&other), &Existing::Keep) else {
            panic!()
        };
        assert_eq!(why[0].to_string(), "~ config.Attributes.DelaySeconds: \"9\" → \"5\"");
        assert_eq!(decide(&wanted, Some(&other), &in_place()), Verdict::Change(why));
    }

    #[test]
    fn a_trigger_that_is_on_by_now_is_equal_to_one_that_is_off() {
        let rule = |state: &str| json!({"config": {"State": state, "ScheduleExpression": "rate(1 day)"}});
        assert_eq!(
            decide(&rule("DISABLED"), Some(&rule("ENABLED")), &Existing::Keep),
            Verdict::Adopt
        );
        let function = |enabled: bool| json!({"event_sources": [{"source_arn": "a", "enabled": enabled}]});
        assert_eq!(
            decide(&function(false), Some(&function(true)), &Existing::Keep),
            Verdict::Adopt
        );
    }
}
