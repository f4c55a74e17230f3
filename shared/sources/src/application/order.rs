//! Which resource comes before which.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Kind, ResourceId};

use super::naming::{bucket_of, is_given, parent};
use super::{ArnMap, Member};
use crate::wiring::trust::TRUST;

/// What a document's naming of another resource asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    /// Nothing: the service takes the name whether or not there is such a resource.
    Mentions,
    /// The other resource has to be there first; where a ring of needs leaves no other way, this one can be put on later.
    Needs,
    /// The other resource has to be there first, always.
    Must,
}

/// Which resources need which, and where each says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs(BTreeMap<ResourceId, BTreeMap<ResourceId, Need>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    tie: Tie,
    paths: Vec<String>,
}

/// An order in which everything can be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// The resources, each after those that it needs.
    pub made: Vec<ResourceId>,
    /// What cannot be there when a resource is made, because it needs that resource in turn: where it is named.
    pub later: BTreeMap<ResourceId, Vec<String>>,
}

/// Where kinds stand when needs leave it open: what is polled and called before what polls and calls.
pub(super) fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::IamRole => 0,
        Kind::DynamodbTable | Kind::RdsInstance | Kind::RdsCluster | Kind::S3Bucket | Kind::EfsFileSystem => 1,
        Kind::SqsQueue => 2,
        Kind::SnsTopic => 3,
        Kind::KinesisStream => 4,
        Kind::EventBus => 5,
        Kind::EventConnection => 6,
        Kind::ApiDestination => 7,
        Kind::ScheduleGroup => 8,
        // An API names its functions before they are there; their policies name the API by an id that it gets when it is made.
        Kind::RestApi => 9,
        Kind::HttpApi => 10,
        Kind::LambdaFunction => 11,
        Kind::StateMachine => 12,
        Kind::EventArchive => 13,
        Kind::EventSourceMapping => 14,
        Kind::EventRule => 15,
        Kind::BucketNotifications => 16,
        Kind::Schedule => 17,
    }
}

/// What naming `to` at a path of a document of `kind` asks for. From what the services check when they are called: a queue's
/// policy may name a topic that is not there, a subscription may not name such a function.
fn tie(kind: Kind, path: &str, to: Kind) -> Tie {
    let has = |word: &str| path.contains(word);
    let is_role = to == Kind::IamRole && !has("environment") && !has("Environment");
    match kind {
        Kind::EventArchive | Kind::ApiDestination => Tie::Must,
        // A function is made with its mounts or refused.
        Kind::LambdaFunction if has("file_systems") => Tie::Must,
        Kind::EventSourceMapping | Kind::Schedule | Kind::BucketNotifications => Tie::Needs,
        // What is called, and who decides who may call, is called as a role.
        Kind::RestApi | Kind::HttpApi if to == Kind::IamRole => Tie::Needs,
        Kind::IamRole if has(TRUST) => Tie::Needs,
        Kind::IamRole => Tie::Mentions,
        // Whoever a policy allows something, or something is run as, has to be there.
        _ if is_role && has("Principal") => Tie::Needs,
        _ if is_role && (has("Role") || has("role")) => Tie::Must,
        Kind::EventRule if has("Targets") => Tie::Needs,
        Kind::SnsTopic if has("Subscriptions") => Tie::Needs,
        Kind::SqsQueue if has("RedrivePolicy") => Tie::Needs,
        Kind::LambdaFunction if has("dead_letter_target") || has("event_sources") || has("DestinationConfig") => {
            Tie::Needs
        }
        _ => Tie::Mentions,
    }
}

/// Whether a resource cannot get the setting at a path when it is there.
fn is_made_with(kind: Kind, path: &str) -> bool {
    kind == Kind::IamRole && path.contains("PermissionsBoundary")
}

impl Needs {
    /// Reads them from the documents.
    pub(super) fn of(members: &[&Member], map: &ArnMap) -> Self {
        let ids: BTreeSet<&ResourceId> = members.iter().map(|member| &member.id).collect();
        let mut needs = Needs::default();
        for member in members {
            needs.0.entry(member.id.clone()).or_default();
            let parent = parent(&member.id).or_else(|| bucket_of(&member.id));
            if let Some(parent) = parent.filter(|parent| ids.contains(parent) && !is_given(parent)) {
                needs.add(&member.id, parent, Tie::Must, String::new());
            }
            for reference in map.references(&member.document) {
                let named = &reference.resource;
                if *named == member.id || !ids.contains(named) || is_given(named) {
                    continue;
                }
                let tie = match tie(member.id.kind, &reference.path, reference.resource.kind) {
                    // What a resource is called by is known when it is made.
                    Tie::Mentions if reference.is_pending && is_made_with(member.id.kind, &reference.path) => Tie::Must,
                    Tie::Mentions if reference.is_pending => Tie::Needs,
                    tie => tie,
                };
                if tie != Tie::Mentions {
                    needs.add(&member.id, reference.resource, tie, reference.path);
                }
            }
        }
        needs
    }

    fn add(&mut self, from: &ResourceId, to: ResourceId, tie: Tie, path: String) {
        let needs = self.0.entry(from.clone()).or_default();
        let need = needs.entry(to).or_insert(Need { tie, paths: Vec::new() });
        need.tie = need.tie.max(tie);
        need.paths.push(path);
    }

    /// What a resource needs.
    pub(super) fn of_resource(&self, resource: &ResourceId) -> Vec<ResourceId> {
        self.0
            .get(resource)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .cloned()
            .collect()
    }

    /// An order, the same for the same needs.
    pub(super) fn order(mut self) -> Order {
        let mut order = Order::default();
        let mut open: BTreeSet<(u8, ResourceId)> = self.0.keys().map(|id| (rank(id.kind), id.clone())).collect();
        while !open.is_empty() {
            let ready = open
                .iter()
                .find(|(_, id)| self.0.get(id).is_none_or(BTreeMap::is_empty))
                .cloned();
            match ready {
                Some(next) => {
                    open.remove(&next);
                    for needs in self.0.values_mut() {
                        needs.remove(&next.1);
                    }
                    order.made.push(next.1);
                }
                None => {
                    let Some((from, to)) = self.weakest_of_a_ring(&open) else {
                        break;
                    };
                    let need = self.0.get_mut(&from).and_then(|needs| needs.remove(&to));
                    order
                        .later
                        .entry(from)
                        .or_default()
                        .extend(need.into_iter().flat_map(|need| need.paths));
                }
            }
        }
        order
    }

    /// The need to leave for later, of a ring of resources that each need the next.
    fn weakest_of_a_ring(&self, open: &BTreeSet<(u8, ResourceId)>) -> Option<(ResourceId, ResourceId)> {
        let mut way: Vec<&ResourceId> = vec![&open.first()?.1];
        let ring = loop {
            let next = self.0.get(way.last()?)?.keys().next()?;
            if let Some(at) = way.iter().position(|id| *id == next) {
                break way.split_off(at);
            }
            way.push(next);
        };
        let follows = ring.iter().cycle().skip(1);
        let pairs = ring.iter().zip(follows).map(|(from, to)| {
            let tie = self.0.get(*from).and_then(|needs| needs.get(*to)).map(|need| need.tie);
            (tie, rank(from.kind), (*from).clone(), (*to).clone())
        });
        pairs.min().map(|(_, _, from, to)| (from, to))
    }
}
