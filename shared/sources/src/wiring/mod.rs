//! The wiring around functions: what is stored of each resource is one canonical document, no items and no code.
//!
//! A file for each kind says what it is, how it is read and how it is made. Documents are the services' own JSON, through the
//! one port [`Call`].

pub mod api_destination;
mod apis;
pub(crate) mod at;
pub mod bucket_notifications;
pub mod complete;
mod document;
pub mod event_archive;
pub mod event_bus;
pub mod event_connection;
pub mod event_rule;
pub mod event_source_mapping;
pub mod http_api;
pub mod iam_role;
pub mod kinesis_stream;
pub(crate) mod marked;
pub mod rest_api;
pub mod restore;
pub mod schedule;
pub mod schedule_group;
pub mod sns_topic;
pub mod sqs_queue;
pub mod state_machine;
pub(crate) mod trust;

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{Arn, BlobRef, BlobRole, CatalogError, Kind, Region, ResourceId};
use holdfast_vault::port::{Clock, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, put_blob};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use crate::application::ArnMap;
pub use document::{Difference, Document};
pub(crate) use document::{all_tags, as_text, own_tags, parsed, sorted, tag_list};

use crate::call::{Call, InAccount, tagging};
use crate::inventory::Found;
use at::{At, Making, Notes};

/// A resource's configuration as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its ARN.
    pub arn: Arn,
    /// Its configuration.
    pub document: Document,
    /// What could not be read, in words for a person; empty when all was.
    pub not_protected: Vec<String>,
}

impl Reading {
    fn new(arn: Arn, notes: Notes, document: Document) -> Self {
        Reading {
            arn,
            document: Document {
                unreadable: notes.settings,
                config: document
                    .config
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
                ..document
            },
            not_protected: notes.words,
        }
    }
}

/// The kinds of this module, each with its file: one line a kind.
macro_rules! kinds {
    ($($kind:ident $module:ident),+ $(,)?) => {
        /// What listing and reading wiring asks of the account.
        pub trait ReadWiring: InAccount + Call<tagging::GetResources> $(+ $module::Lists + $module::Reads)+ + Send + Sync {
            /// The IAM actions behind this trait, sorted.
            fn actions() -> std::collections::BTreeSet<&'static str>
            where
                Self: Sized,
            {
                let mut actions = std::collections::BTreeSet::from_iter(<Self as Call<tagging::GetResources>>::ACTIONS.iter().copied());
                $(
                    actions.extend(<Self as $module::Lists>::actions());
                    actions.extend(<Self as $module::Reads>::actions());
                )+
                actions
            }
        }

        impl<T: InAccount + Call<tagging::GetResources> $(+ $module::Lists + $module::Reads)+ + Send + Sync> ReadWiring for T {}

        /// What restoring wiring asks of the account: it makes and changes, it removes nothing.
        pub trait RestoreWiring: InAccount $(+ $module::Reads + $module::Makes)+ + Send + Sync {
            /// The IAM actions behind this trait, sorted.
            fn actions() -> std::collections::BTreeSet<&'static str>
            where
                Self: Sized,
            {
                let mut actions = std::collections::BTreeSet::new();
                $(
                    actions.extend(<Self as $module::Reads>::actions());
                    actions.extend(<Self as $module::Makes>::actions());
                )+
                actions
            }
        }

        impl<T: InAccount $(+ $module::Reads + $module::Makes)+ + Send + Sync> RestoreWiring for T {}

        /// The kinds whose recovery points are one configuration document.
        pub const KINDS: &[Kind] = &[$(Kind::$kind),+];

        /// What belongs to a resource of a kind and is not in its recovery points. Documents and reports name these.
        pub fn not_protected(kind: Kind) -> &'static [&'static str] {
            match kind {
                $(Kind::$kind => $module::NOT_PROTECTED,)+
                _ => &[],
            }
        }

        /// All resources of a kind in a region. Complete or an error.
        async fn arns<P: ReadWiring>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
            match at.id.kind {
                $(Kind::$kind => $module::list(at).await,)+
                kind => Err(no_wiring(kind)),
            }
        }

        async fn read_at<P: InAccount $(+ $module::Reads)+ + Send + Sync>(at: &At<'_, P>) -> Result<Reading, PortError> {
            match at.id.kind {
                $(Kind::$kind => $module::read(at).await,)+
                kind => Err(no_wiring(kind)),
            }
        }

        async fn make<P: RestoreWiring, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
            match making.at.id.kind {
                $(Kind::$kind => $module::make(making).await,)+
                kind => Err(no_wiring(kind)),
            }
        }
    };
}

kinds! {
    SqsQueue sqs_queue,
    SnsTopic sns_topic,
    EventBus event_bus,
    EventRule event_rule,
    ScheduleGroup schedule_group,
    Schedule schedule,
    EventSourceMapping event_source_mapping,
    StateMachine state_machine,
    KinesisStream kinesis_stream,
    EventArchive event_archive,
    BucketNotifications bucket_notifications,
    EventConnection event_connection,
    ApiDestination api_destination,
    RestApi rest_api,
    HttpApi http_api,
    IamRole iam_role,
}

fn no_wiring(kind: Kind) -> PortError {
    PortError::Invalid(format!("{kind} is no kind of wiring"))
}

/// All resources of a kind in a region, with their tags where the kind has any.
///
/// # Errors
/// Those of the services. A listing that broke off is never returned.
pub async fn list<P: ReadWiring>(port: &P, kind: Kind, region: &Region) -> Result<Vec<Found>, PortError> {
    let all = ResourceId {
        kind,
        region: region.clone(),
        name: "*".to_owned(),
    };
    let at = At { port, id: &all };
    let arns = arns(&at).await?;
    let mut tags = match tag_filter(kind) {
        _ if arns.is_empty() => BTreeMap::new(),
        // These tell the tags themselves, or nobody else does.
        _ if kind == Kind::IamRole => iam_role::tags(&at, &arns).await?,
        _ if kind == Kind::RestApi => rest_api::tags(&at).await?,
        _ if kind == Kind::HttpApi => http_api::tags(&at).await?,
        Some(filter) => tags(&at, filter).await?,
        None => BTreeMap::new(),
    };
    let found = arns.into_iter().filter_map(|arn| {
        // A bucket's ARN does not say where the bucket is.
        let id = ResourceId::from_arn_in(&arn, region).ok()?;
        let tags = tags.remove(arn.as_str()).unwrap_or_default();
        Some(Found { id, arn, tags })
    });
    Ok(found.collect())
}

/// What the tagging API calls a kind; none where resources of the kind carry no tags, or not there.
fn tag_filter(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::SqsQueue => Some("sqs"),
        Kind::SnsTopic => Some("sns"),
        Kind::KinesisStream => Some("kinesis:stream"),
        Kind::EventBus => Some("events:event-bus"),
        Kind::EventRule => Some("events:rule"),
        Kind::ScheduleGroup => Some("scheduler:schedule-group"),
        Kind::EventSourceMapping => Some("lambda:event-source-mapping"),
        Kind::StateMachine => Some("states:stateMachine"),
        // Selected by its bucket's tags.
        Kind::BucketNotifications => Some("s3"),
        _ => None,
    }
}

/// Resources a page of the tagging API; its maximum.
const TAGGED_PER_PAGE: u32 = 100;

async fn tags<P: Call<tagging::GetResources> + Sync>(
    at: &At<'_, P>,
    filter: &str,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, PortError> {
    let input = json!({ "ResourceTypeFilters": [filter], "ResourcesPerPage": TAGGED_PER_PAGE });
    let pages =
        at.pages::<tagging::GetResources>(input, "ResourceTagMappingList", "PaginationToken", "PaginationToken");
    let mapping = |mapping: &Value| {
        let arn = mapping.get("ResourceARN")?.as_str()?.to_owned();
        // All of them: a selection may look at AWS's own too.
        Some((arn, document::all_tags(mapping.get("Tags"))))
    };
    Ok(pages.await?.iter().filter_map(mapping).collect())
}

/// Reads a resource.
///
/// # Errors
/// `NotFound` when there is none; `Denied` when it may not be described. A refused detail is not an error: it is in
/// `not_protected`.
pub async fn read<P: ReadWiring>(port: &P, id: &ResourceId) -> Result<Reading, PortError> {
    read_at(&At { port, id }).await
}

/// The resource that a restore is about, if it is there.
async fn find<P: RestoreWiring>(port: &P, id: &ResourceId, wanted: &Document) -> Result<Reading, PortError> {
    let at = At { port, id };
    match id.kind {
        Kind::EventSourceMapping => event_source_mapping::find(&at, wanted).await,
        Kind::RestApi => rest_api::find(&at, wanted).await,
        Kind::HttpApi => http_api::find(&at, wanted).await,
        _ => read_at(&at).await,
    }
}

/// A resource as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct WiringSnapshot {
    /// Its ARN.
    pub arn: Arn,
    /// The configuration document.
    pub blob: BlobRef,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What could not be read, in words for a person; empty when all was.
    pub not_protected: Vec<String>,
}

/// Stores a resource's configuration. An unchanged one has an unchanged document, which is stored once.
///
/// # Errors
/// Those of the services and of the store. Storing again is harmless.
pub async fn snapshot<P, S>(port: &P, store: &S, now: Timestamp, id: &ResourceId) -> Result<WiringSnapshot, PortError>
where
    P: ReadWiring,
    S: ReadObjects + WriteObjects + LockObjects,
{
    let reading = read(port, id).await?;
    let body = Bytes::from(reading.document.to_bytes());
    Ok(WiringSnapshot {
        arn: reading.arn,
        blob: put_blob(store, now, BlobRole::Config, body).await?,
        tags: reading.document.tags,
        not_protected: reading.not_protected,
    })
}

/// An ARN in an answer.
fn arn_in(value: Option<&Value>, id: &ResourceId) -> Result<Arn, PortError> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let parsed = text.parse();
    parsed.map_err(|error: CatalogError| PortError::Unavailable(format!("{id}: the answer has no ARN: {error}")))
}

/// An answer's members but some.
pub(crate) fn without(answer: &Value, names: &[&str]) -> Map<String, Value> {
    let members = answer.as_object().into_iter().flatten();
    let kept = members.filter(|(name, value)| !names.contains(&name.as_str()) && !is_nothing(value));
    kept.map(|(name, value)| (name.clone(), document::present(value.clone())))
        .collect()
}

/// Services write what is not set as null, as an empty text, or not at all.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// A text in an answer.
fn text_in(answer: &Value, name: &str, id: &ResourceId) -> Result<String, PortError> {
    let text = answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let missing = || PortError::Unavailable(format!("{id}: the answer has no {name}"));
    text.map(str::to_owned).ok_or_else(missing)
}
