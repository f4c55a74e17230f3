use std::collections::BTreeMap;

use holdfast_catalog::{CatalogError, Kind, Region, ResourceId};
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::port::FindFileSystem;
use crate::call::efs::DescribeFileSystems;
use crate::dynamodb::port::SCRATCH_PREFIX;
use crate::inventory::Found;
use crate::wiring::all_tags;
use crate::wiring::at::At;

/// Entries a page; the service's own number.
pub(super) const PAGE: u32 = 100;

/// A file system of a restore test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scratch {
    /// The id that AWS gave it.
    pub id: String,
    /// What the test calls it: [`scratch_target`](crate::managed::scratch_target).
    pub name: String,
}

/// All file systems of a region with their tags, but those of restore tests and those that are going.
///
/// # Errors
/// Those of EFS. A listing that broke off is never returned.
pub async fn list<P: FindFileSystem>(port: &P, region: &Region) -> Result<Vec<Found>, PortError> {
    let all = all(port, region).await?;
    let protected = all.iter().filter(|one| scratch_name(one).is_none());
    protected.map(found).collect()
}

/// The file systems of restore tests in a region.
///
/// # Errors
/// Those of EFS.
pub async fn scratch<P: FindFileSystem>(port: &P, region: &Region) -> Result<Vec<Scratch>, PortError> {
    let all = all(port, region).await?;
    let scratch = all.iter().filter_map(|one| {
        Some(Scratch {
            id: one["FileSystemId"].as_str()?.to_owned(),
            name: scratch_name(one)?.to_owned(),
        })
    });
    Ok(scratch.collect())
}

/// The ids of the file systems that were made with one of these creation tokens.
///
/// # Errors
/// Those of EFS.
pub async fn of_tokens<P: FindFileSystem>(
    port: &P,
    region: &Region,
    tokens: &[String],
) -> Result<Vec<String>, PortError> {
    let all = all(port, region).await?;
    let made_with = |one: &&Value| tokens.iter().any(|token| one["CreationToken"] == token.as_str());
    let ids = all
        .iter()
        .filter(made_with)
        .filter_map(|one| one["FileSystemId"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

/// A file system as EFS describes it; nothing when there is none, or it is going.
///
/// # Errors
/// Those of EFS.
pub async fn find<P: FindFileSystem>(port: &P, region: &Region, id: &str) -> Result<Option<Value>, PortError> {
    let id = ResourceId::new(Kind::EfsFileSystem, region.clone(), id);
    let id = id.map_err(|error| PortError::Invalid(error.to_string()))?;
    let at = At { port, id: &id };
    match at.ask::<DescribeFileSystems>(json!({ "FileSystemId": id.name })).await {
        Ok(page) => Ok(page["FileSystems"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| stays(one))
            .cloned()),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn all<P: FindFileSystem>(port: &P, region: &Region) -> Result<Vec<Value>, PortError> {
    let id = ResourceId {
        kind: Kind::EfsFileSystem,
        region: region.clone(),
        name: "*".to_owned(),
    };
    let at = At { port, id: &id };
    let input = json!({ "MaxItems": PAGE });
    let mut all = at
        .pages::<DescribeFileSystems>(input, "FileSystems", "NextMarker", "Marker")
        .await?;
    all.retain(stays);
    Ok(all)
}

/// A resource that is being deleted is none any more, here and among what belongs to a file system.
pub(super) fn stays(one: &Value) -> bool {
    !matches!(one["LifeCycleState"].as_str(), Some("deleting" | "deleted"))
}

/// The creation token of a test's file system is its name, a hyphen, and what tells its jobs apart.
fn scratch_name(file_system: &Value) -> Option<&str> {
    let token = file_system["CreationToken"].as_str()?;
    let (name, _) = token.rsplit_once('-')?;
    name.starts_with(SCRATCH_PREFIX).then_some(name)
}

fn found(file_system: &Value) -> Result<Found, PortError> {
    let text = file_system["FileSystemArn"].as_str().unwrap_or_default();
    let strange = |error: CatalogError| PortError::Unavailable(format!("listing file systems: {text:?}: {error}"));
    let arn = text.parse().map_err(strange)?;
    let id = ResourceId::from_arn(&arn).map_err(strange)?;
    let tags: BTreeMap<String, String> = all_tags(file_system.get("Tags"));
    Ok(Found { id, arn, tags })
}
