use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_catalog::{Kind, Region, ResourceId};
use serde::{Deserialize, Serialize};

/// The bus and the schedule group that every account has: nobody can make or rename them.
pub(super) const DEFAULT: &str = "default";

/// Where an application is restored to, and what its resources are called there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The region of everything that has one; each resource's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// What stands before each name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// What stands after each name (before `.fifo`, which must stay at the end).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// Names of their own, by resource (`sqs-queue/eu-central-1/jobs`) or by old name; they win over prefix and suffix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

/// Why a resource cannot have the name that it would get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameFault {
    /// Which resource, or which entry of `names`.
    pub subject: String,
    /// What is wrong and what to change.
    pub why: String,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.why)
    }
}

impl Target {
    /// What each resource will be. A resource whose name the service chooses keeps the old one here: the new one is known
    /// when it is made.
    ///
    /// # Errors
    /// Every name that the service would refuse, that two resources would share, or that is given to no resource.
    pub fn renamed(
        &self,
        resources: &BTreeSet<ResourceId>,
    ) -> Result<BTreeMap<ResourceId, ResourceId>, Vec<NameFault>> {
        let mut renamed = BTreeMap::new();
        let mut faults = self.unused(resources);
        for old in resources {
            match self.new_id(old, resources) {
                Ok(new) => {
                    renamed.insert(old.clone(), new);
                }
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(shared(&renamed));
        if faults.is_empty() { Ok(renamed) } else { Err(faults) }
    }

    fn new_id(&self, old: &ResourceId, resources: &BTreeSet<ResourceId>) -> Result<ResourceId, NameFault> {
        // Notifications go to the bucket that comes back with them.
        let bucket = bucket_of(old).filter(|bucket| resources.contains(bucket));
        let leaf = self.leaf(bucket.as_ref().unwrap_or(old));
        check(old, &leaf)?;
        // A rule goes to the new bus only if the bus is part of the application; else it stays on the one that is there.
        let name = match parent(old) {
            Some(parent) if resources.contains(&parent) => format!("{}/{leaf}", self.leaf(&parent)),
            Some(parent) => format!("{}/{leaf}", parent.name),
            None => leaf,
        };
        ResourceId::new(old.kind, self.region_of(old), &name).map_err(|error| fault(old, error.to_string()))
    }

    fn leaf(&self, old: &ResourceId) -> String {
        let leaf = old.leaf();
        if is_assigned(old.kind) || is_given(old) {
            return leaf.to_owned();
        }
        if let Some(name) = self.names.get(&old.to_string()).or_else(|| self.names.get(leaf)) {
            return name.clone();
        }
        let (stem, end) = split_fifo(old.kind, leaf);
        format!("{}{stem}{}{end}", self.prefix, self.suffix)
    }

    /// What people will call a resource that the service gives an id of its own.
    pub(super) fn title(&self, id: &ResourceId, old: &str) -> String {
        let own = self.names.get(&id.to_string()).or_else(|| self.names.get(id.leaf()));
        own.cloned()
            .unwrap_or_else(|| format!("{}{old}{}", self.prefix, self.suffix))
    }

    fn region_of(&self, old: &ResourceId) -> Region {
        match (&self.region, old.kind) {
            (_, Kind::IamRole) | (None, _) => old.region.clone(),
            (Some(region), _) => region.clone(),
        }
    }

    /// Entries of `names` that name nothing: a misspelt one would leave a resource under its old name.
    fn unused(&self, resources: &BTreeSet<ResourceId>) -> Vec<NameFault> {
        let is_used = |key: &str| {
            let can_be_named = |id: &&ResourceId| (!is_assigned(id.kind) || is_titled(id.kind)) && !is_given(id);
            let mut named = resources.iter().filter(can_be_named);
            named.any(|id| id.leaf() == key || id.to_string() == key)
        };
        let unused = self.names.keys().filter(|key| !is_used(key));
        unused
            .map(|key| NameFault {
                subject: format!("names.{key}"),
                why: "no resource of this application that can be named is called so: write its old name, or kind/region/name"
                    .to_owned(),
            })
            .collect()
    }
}

/// Whether the service chooses the name.
pub(super) fn is_assigned(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::EventSourceMapping | Kind::RestApi | Kind::HttpApi | Kind::EfsFileSystem
    )
}

/// Whether what people call it is a setting beside the name that the service chooses.
pub(super) fn is_titled(kind: Kind) -> bool {
    matches!(kind, Kind::RestApi | Kind::HttpApi | Kind::EfsFileSystem)
}

/// Whether the account has it without anybody having made it.
pub(super) fn is_given(id: &ResourceId) -> bool {
    matches!(id.kind, Kind::EventBus | Kind::ScheduleGroup) && id.name == DEFAULT
}

/// What a resource lies in: a rule's bus, a schedule's group.
pub(super) fn parent(id: &ResourceId) -> Option<ResourceId> {
    let kind = match id.kind {
        Kind::EventRule => Kind::EventBus,
        Kind::Schedule => Kind::ScheduleGroup,
        _ => return None,
    };
    ResourceId::new(kind, id.region.clone(), id.parent()?).ok()
}

/// The bucket that notifications are of.
pub(super) fn bucket_of(id: &ResourceId) -> Option<ResourceId> {
    let bucket = || ResourceId::new(Kind::S3Bucket, id.region.clone(), &id.name).ok();
    (id.kind == Kind::BucketNotifications).then(bucket).flatten()
}

/// A name's stem and the ending by which the service knows its type.
fn split_fifo(kind: Kind, name: &str) -> (&str, &'static str) {
    match name.strip_suffix(".fifo") {
        Some(stem) if matches!(kind, Kind::SqsQueue | Kind::SnsTopic) => (stem, ".fifo"),
        _ => (name, ""),
    }
}

/// What the services say about names, from their API references.
fn rule(kind: Kind) -> (usize, &'static [u8], &'static str) {
    match kind {
        Kind::DynamodbTable => (255, b"_.-", "letters, digits, '_', '.' and '-'"),
        Kind::LambdaFunction | Kind::Schedule | Kind::ScheduleGroup | Kind::EventRule => match kind {
            Kind::LambdaFunction => (64, b"_-", "letters, digits, '_' and '-'"),
            _ => (64, b"_.-", "letters, digits, '_', '.' and '-'"),
        },
        Kind::EventConnection | Kind::ApiDestination => (64, b"_.-", "letters, digits, '_', '.' and '-'"),
        Kind::SqsQueue => (80, b"_-", "letters, digits, '_' and '-'"),
        Kind::SnsTopic => (255, b"_-", "letters, digits, '_' and '-'"),
        Kind::KinesisStream => (128, b"_.-", "letters, digits, '_', '.' and '-'"),
        Kind::EventArchive => (48, b"_.-", "letters, digits, '_', '.' and '-'"),
        Kind::BucketNotifications | Kind::S3Bucket => (63, b".-", "lower-case letters, digits, '.' and '-'"),
        Kind::StateMachine => (80, b"_.-+=@!'()", "letters, digits and any of _.-+=@!'()"),
        Kind::IamRole => (64, b"_.-+=,@", "letters, digits and any of _.-+=,@"),
        Kind::RdsInstance | Kind::RdsCluster => (63, b"-", "letters, digits and '-'"),
        Kind::EventBus | Kind::EventSourceMapping | Kind::RestApi | Kind::HttpApi | Kind::EfsFileSystem => {
            (255, b"_.-", "letters, digits, '_', '.' and '-'")
        }
    }
}

fn check(old: &ResourceId, leaf: &str) -> Result<(), NameFault> {
    let (longest, others, words) = rule(old.kind);
    let (stem, end) = split_fifo(old.kind, leaf);
    if end != split_fifo(old.kind, old.leaf()).1 {
        let why = format!("{leaf:?} would change its type: '.fifo' ends the new name exactly if it ends the old one");
        return Err(fault(old, why));
    }
    let is_bucket = matches!(old.kind, Kind::BucketNotifications | Kind::S3Bucket);
    let is_allowed = |byte: u8| match byte {
        b'A'..=b'Z' => !is_bucket,
        byte => byte.is_ascii_alphanumeric() || others.contains(&byte),
    };
    let is_framed = !is_bucket
        || [stem.as_bytes().first(), stem.as_bytes().last()]
            .into_iter()
            .all(|byte| byte.is_some_and(u8::is_ascii_alphanumeric));
    if stem.is_empty() || !stem.bytes().all(is_allowed) || !is_framed {
        return Err(fault(old, format!("{leaf:?} is no name there: use {words}")));
    }
    let shortest = if is_bucket || old.kind == Kind::DynamodbTable {
        3
    } else {
        1
    };
    if leaf.len() > longest {
        let why = format!(
            "{leaf:?} has {} characters where {longest} are allowed: shorten prefix or suffix by {}, or give it a name of its own \
             in \"names\"",
            leaf.len(),
            leaf.len() - longest
        );
        return Err(fault(old, why));
    }
    if leaf.len() < shortest {
        return Err(fault(
            old,
            format!("{leaf:?} is too short: use {shortest} characters or more"),
        ));
    }
    Ok(())
}

/// Two resources that would be one.
fn shared(renamed: &BTreeMap<ResourceId, ResourceId>) -> Vec<NameFault> {
    let mut by_new: BTreeMap<&ResourceId, &ResourceId> = BTreeMap::new();
    let mut faults = Vec::new();
    for (old, new) in renamed
        .iter()
        .filter(|(old, _)| !is_assigned(old.kind) && !is_given(old))
    {
        if let Some(other) = by_new.insert(new, old) {
            let why = format!("{other} would become {new} too: give one of them a name of its own in \"names\"");
            faults.push(fault(old, why));
        }
    }
    faults
}

pub(super) fn fault(id: &ResourceId, why: String) -> NameFault {
    NameFault {
        subject: id.to_string(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: Kind, name: &str) -> ResourceId {
        ResourceId::new(kind, "eu-west-1".parse().unwrap(), name).unwrap()
    }

    fn renamed(target: &Target, ids: &[ResourceId]) -> Result<Vec<String>, Vec<NameFault>> {
        let ids: BTreeSet<ResourceId> = ids.iter().cloned().collect();
        let renamed = target.renamed(&ids)?;
        Ok(renamed.values().map(ToString::to_string).collect())
    }

    fn around(prefix: &str, suffix: &str) -> Target {
        Target {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            ..Target::default()
        }
    }

    #[test]
    fn fifo_stays_at_the_end() {
        let ids = [id(Kind::SqsQueue, "jobs.fifo"), id(Kind::DynamodbTable, "jobs.fifo")];
        let new = renamed(&around("a-", "-b"), &ids).unwrap();
        assert_eq!(
            new,
            [
                "dynamodb-table/eu-west-1/a-jobs.fifo-b",
                "sqs-queue/eu-west-1/a-jobs-b.fifo"
            ]
        );
        let mut target = around("", "");
        target.names = BTreeMap::from([("jobs.fifo".to_owned(), "plain".to_owned())]);
        assert!(renamed(&target, &ids[..1]).unwrap_err()[0].why.contains(".fifo"));
    }

    #[test]
    fn a_rule_follows_its_bus_only_if_the_bus_is_restored_too() {
        let rule = id(Kind::EventRule, "shop/paid");
        let target = around("x-", "");
        assert_eq!(
            renamed(&target, std::slice::from_ref(&rule)).unwrap(),
            ["event-rule/eu-west-1/shop/x-paid"]
        );
        let both = renamed(&target, &[rule, id(Kind::EventBus, "shop")]).unwrap();
        assert_eq!(
            both,
            ["event-bus/eu-west-1/x-shop", "event-rule/eu-west-1/x-shop/x-paid"]
        );
    }

    #[test]
    fn what_everybody_has_and_what_services_name_keeps_its_name() {
        let ids = [
            id(Kind::EventBus, "default"),
            id(Kind::EventRule, "default/paid"),
            id(Kind::RestApi, "a1b2"),
        ];
        let new = renamed(&around("x-", ""), &ids).unwrap();
        assert_eq!(
            new,
            [
                "event-bus/eu-west-1/default",
                "event-rule/eu-west-1/default/x-paid",
                "rest-api/eu-west-1/a1b2"
            ]
        );
    }

    #[test]
    fn roles_stay_where_the_partition_keeps_them() {
        let target = Target {
            region: Some("us-west-2".parse().unwrap()),
            ..around("x-", "")
        };
        let role = ResourceId::new(Kind::IamRole, "us-east-1".parse().unwrap(), "r").unwrap();
        let new = renamed(&target, &[role, id(Kind::SqsQueue, "q")]).unwrap();
        assert_eq!(new, ["sqs-queue/us-west-2/x-q", "iam-role/us-east-1/x-r"]);
    }

    #[test]
    fn a_name_of_its_own_wins_and_one_for_nothing_is_refused() {
        let mut target = around("x-", "");
        target.names = BTreeMap::from([("sqs-queue/eu-west-1/q".to_owned(), "other".to_owned())]);
        let ids = [id(Kind::SqsQueue, "q"), id(Kind::SnsTopic, "q")];
        assert_eq!(
            renamed(&target, &ids).unwrap(),
            ["sqs-queue/eu-west-1/other", "sns-topic/eu-west-1/x-q"]
        );
        target.names.insert("qq".to_owned(), "z".to_owned());
        assert_eq!(renamed(&target, &ids).unwrap_err()[0].subject, "names.qq");
    }

    #[test]
    fn names_that_a_service_would_refuse_say_what_to_change() {
        for (kind, name, suffix, expected) in [
            (Kind::LambdaFunction, "f", "-".repeat(64), "by 1"),
            (
                Kind::LambdaFunction,
                "f",
                ".x".to_owned(),
                "letters, digits, '_' and '-'",
            ),
            (Kind::SqsQueue, "q.fifo", "q".repeat(76), "by 2"),
            (Kind::EventRule, "default/r", "x".repeat(64), "by 1"),
            (Kind::IamRole, "r", "x".repeat(70), "by 7"),
            (Kind::DynamodbTable, "ttt", "x".repeat(253), "by 1"),
            (Kind::BucketNotifications, "photos", "-X".to_owned(), "lower-case"),
            (Kind::BucketNotifications, "photos", "-".to_owned(), "lower-case"),
            (Kind::BucketNotifications, "photos", "x".repeat(58), "by 1"),
        ] {
            let faults = renamed(&around("", &suffix), &[id(kind, name)]).unwrap_err();
            assert!(faults[0].why.contains(expected), "{kind}: {}", faults[0]);
        }
    }

    #[test]
    fn two_resources_do_not_become_one() {
        let west = id(Kind::SqsQueue, "q");
        let east = ResourceId::new(Kind::SqsQueue, "us-east-1".parse().unwrap(), "q").unwrap();
        let target = Target {
            region: Some("us-west-2".parse().unwrap()),
            ..Target::default()
        };
        assert!(renamed(&target, &[west, east]).unwrap_err()[0].why.contains("too"));
    }
}
