//! What services choose for a resource, and choose anew: addresses, ARNs of parts, and what people call what has an id for a name.

use holdfast_catalog::{Kind, ResourceId};
use serde_json::{Map, Value};

use super::naming::{fault, is_titled};
use super::{Member, NameFault, Target};

/// What the service chose for parts of a resource: the addresses of function URLs, the ARNs of access points.
pub(super) fn parts(document: &Value) -> impl Iterator<Item = &str> {
    let observed = |name: &str| document.get("observed").and_then(|observed| observed.get(name));
    let urls = observed("urls").and_then(Value::as_object);
    let points = observed("AccessPointArns").and_then(Value::as_array);
    let urls = urls.into_iter().flat_map(Map::values);
    urls.chain(points.into_iter().flatten()).filter_map(Value::as_str)
}

/// Where a document says what people call the resource.
pub(super) fn title_place(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::EfsFileSystem => ("tags", "Name"),
        _ => ("config", "name"),
    }
}

/// What people call a resource whose name the service chooses. A file system without a `Name` is called by its id.
pub(super) fn title_of<'a>(id: &'a ResourceId, document: &'a Value) -> Option<&'a str> {
    let (holder, name) = title_place(id.kind);
    let title = document.get(holder).and_then(|holder| holder.get(name)?.as_str());
    match id.kind {
        Kind::EfsFileSystem => Some(title.unwrap_or(id.leaf())),
        kind => title.filter(|_| is_titled(kind)),
    }
}

/// What people will call it, if that changes.
///
/// # Errors
/// A restore cannot be asked for under that name.
pub(super) fn new_title(member: &Member, target: &Target) -> Result<Option<String>, NameFault> {
    let id = &member.id;
    let Some(old) = title_of(id, &member.document) else {
        return Ok(None);
    };
    let new = target.title(id, old);
    if new == old {
        return Ok(None);
    }
    if id.kind == Kind::EfsFileSystem
        && let Err(error) = ResourceId::new(id.kind, id.region.clone(), &new)
    {
        return Err(fault(id, format!("{error}: give it a name of its own in \"names\"")));
    }
    Ok(Some(new))
}
