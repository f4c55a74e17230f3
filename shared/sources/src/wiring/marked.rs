//! Resources that a restore knows again by a tag: AWS names some itself, and some are nobody's to change but those who made them.

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, PointId, ResourceId};
use serde_json::{Map, Value};

use super::at::At;
use super::document::all_tags;
use super::{ArnMap, Document};
use crate::application::domain;
use crate::call::InAccount;
use crate::lambda::RESTORE_MARK;

/// How an API's document says its own ARN for those who call it.
pub(crate) const THIS_ARN: &str = "this-api:arn";

/// How an API's document says its own address.
pub(crate) const THIS_URL: &str = "this-api:url";

/// The member of what was observed that says which point a resource was restored from.
const RESTORED_FROM: &str = "restored_from";

/// Whether what a restore makes of a kind bears a mark.
pub(super) fn is_marked(kind: Kind) -> bool {
    matches!(kind, Kind::RestApi | Kind::HttpApi | Kind::IamRole)
}

/// Says in a document which point it is restored from.
pub(super) fn mark(document: &mut Document, point: &PointId) {
    document
        .observed
        .insert(RESTORED_FROM.to_owned(), Value::from(point.to_string()));
}

/// The point that a resource, or what it shall become, comes from.
pub(super) fn mark_of(document: &Document) -> Option<&str> {
    document.observed.get(RESTORED_FROM)?.as_str()
}

/// The tags to make a resource with: its own and the mark.
pub(super) fn tags_of(document: &Document) -> BTreeMap<String, String> {
    let mut tags = document.tags.clone();
    if let Some(point) = mark_of(document) {
        tags.insert(RESTORE_MARK.to_owned(), point.to_owned());
    }
    tags
}

/// Tags without the mark.
pub(super) fn without_mark(mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.remove(RESTORE_MARK);
    tags
}

/// What was observed of a resource: its id, and the mark among its tags.
pub(super) fn observed(id: &str, tags: Option<&Value>) -> Map<String, Value> {
    let mut observed = Map::from_iter([("id".to_owned(), Value::from(id))]);
    if let Some(point) = all_tags(tags).remove(RESTORE_MARK) {
        observed.insert(RESTORED_FROM.to_owned(), Value::from(point));
    }
    observed
}

/// Of all resources of a kind that AWS names itself the id of the one that is meant: of those that are called as it shall be, the
/// one that comes from the same point, or has the same id, or the first.
pub(super) fn best(all: &[Value], id: &str, meant: &ResourceId, wanted: &Document) -> Option<String> {
    let name = wanted.text("name");
    let text = |one: &Value, member: &str| one.get(member).and_then(Value::as_str).map(str::to_owned);
    let named = all.iter().filter(|one| text(one, "name").as_deref() == name);
    let best = named.min_by_key(|one| {
        let point = all_tags(one.get("tags")).remove(RESTORE_MARK);
        let is_ours = point.is_some() && point.as_deref() == mark_of(wanted);
        let own = text(one, id);
        (!is_ours, own.as_deref() != Some(meant.name.as_str()), own)
    })?;
    text(best, id)
}

/// An API's ways to name itself, which change with its id.
pub(super) struct Itself {
    forms: [(&'static str, String); 2],
}

impl Itself {
    pub(super) fn new<P: InAccount>(at: &At<'_, P>, id: &str) -> Self {
        let (region, account) = (&at.id.region, at.port.account());
        let partition = region.partition();
        Itself {
            forms: [
                (THIS_ARN, format!("arn:{partition}:execute-api:{region}:{account}:{id}")),
                (
                    THIS_URL,
                    format!("https://{id}.execute-api.{region}.{}", domain(region)),
                ),
            ],
        }
    }

    /// A configuration that says "this API" where it said its id.
    pub(super) fn hidden(&self, config: Map<String, Value>) -> Map<String, Value> {
        self.replaced(config, |map, words, own| map.insert(own, words))
    }

    /// The other way about.
    pub(super) fn shown(&self, config: Map<String, Value>) -> Map<String, Value> {
        self.replaced(config, ArnMap::insert)
    }

    fn replaced(&self, config: Map<String, Value>, insert: fn(&mut ArnMap, &str, &str)) -> Map<String, Value> {
        let mut map = ArnMap::default();
        self.forms.iter().for_each(|(words, own)| insert(&mut map, words, own));
        match map.rewrite(&Value::Object(config)).0 {
            Value::Object(config) => config,
            _ => Map::new(),
        }
    }
}
