//! What is put on a resource after a restore has made it: settings that name what was not there yet, and the switch.

use holdfast_catalog::ResourceId;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::Value;

use super::at::{At, Making};
use super::restore::{switch, unexplained};
use super::{Difference, Document, Reading, RestoreWiring, find, make, read_at};
use crate::SettingOutcome;

/// A resource as it is now.
///
/// # Errors
/// Those of [`read`](super::read).
pub async fn current<P: RestoreWiring>(port: &P, id: &ResourceId) -> Result<Reading, PortError> {
    read_at(&At { port, id }).await
}

/// The resource that a restore has made of a document, where AWS names it itself; else the one of that name.
///
/// # Errors
/// Those of [`read`](super::read).
pub async fn made<P: RestoreWiring>(port: &P, id: &ResourceId, wanted: &Document) -> Result<Reading, PortError> {
    find(port, id, wanted).await
}

/// Gives a resource that a restore made all of its settings. Done again it changes nothing.
///
/// # Errors
/// `NotFound` when it is not there; those that may pass. What a person has to see to is in the outcomes.
pub async fn complete<P, C>(
    port: &P,
    clock: &C,
    target: &ResourceId,
    wanted: &Document,
) -> Result<Vec<SettingOutcome>, PortError>
where
    P: RestoreWiring,
    C: Clock,
{
    find(port, target, wanted).await?;
    let mut making = Making {
        at: At { port, id: target },
        clock,
        wanted,
        exists: true,
        is_made: false,
        outcomes: Vec::new(),
        is_open: false,
    };
    make(&mut making).await?;
    Ok(making.outcomes)
}

/// How what is there differs from what is wanted; a trigger's switch is nobody's difference.
///
/// # Errors
/// `NotFound` when it is not there; those of the services.
pub async fn changes<P: RestoreWiring>(
    port: &P,
    target: &ResourceId,
    wanted: &Document,
) -> Result<Vec<Difference>, PortError> {
    let found = find(port, target, wanted).await?;
    Ok(with_switch_of(target, wanted, &found.document).differences(&found.document))
}

/// Makes a resource that is there as it should be. It is not switched on or off by that, and loses nothing: what it has and should
/// not have is in the outcomes.
///
/// # Errors
/// `NotFound` when it is not there; those that may pass.
pub async fn change<P, C>(
    port: &P,
    clock: &C,
    target: &ResourceId,
    wanted: &Document,
) -> Result<Vec<SettingOutcome>, PortError>
where
    P: RestoreWiring,
    C: Clock,
{
    let found = find(port, target, wanted).await?;
    let wanted = with_switch_of(target, wanted, &found.document);
    let mut outcomes = complete(port, clock, target, &wanted).await?;
    let now = find(port, target, &wanted).await?;
    let left = unexplained(&wanted, &now.document, &outcomes);
    outcomes.extend(left);
    Ok(outcomes)
}

fn with_switch_of(target: &ResourceId, wanted: &Document, found: &Document) -> Document {
    let mut wanted = wanted.clone();
    if let Some((setting, _)) = switch(target.kind) {
        match found.config.get(setting) {
            Some(is) => wanted.config.insert(setting.to_owned(), is.clone()),
            None => wanted.config.remove(setting),
        };
    }
    wanted
}

/// What became of a switch.
#[derive(Debug, Clone, PartialEq)]
pub enum Switched {
    /// It is on now, and what became of each setting that had to be said again with it.
    On(Vec<SettingOutcome>),
    /// It was on.
    WasOn,
}

/// Switches a trigger on as `wanted` has it, and leaves everything else about it as it is there now.
///
/// # Errors
/// `NotFound` when it is not there; `Invalid` for a kind without a switch; those that may pass.
pub async fn switch_on<P, C>(port: &P, clock: &C, target: &ResourceId, wanted: &Document) -> Result<Switched, PortError>
where
    P: RestoreWiring,
    C: Clock,
{
    let no_switch = || PortError::Invalid(format!("{target} has no switch"));
    let (setting, off) = switch(target.kind).ok_or_else(no_switch)?;
    let on: Value = wanted
        .config
        .get(setting)
        .filter(|value| **value != off)
        .cloned()
        .ok_or_else(no_switch)?;
    let found = find(port, target, wanted).await?;
    if found.document.config.get(setting) == Some(&on) {
        return Ok(Switched::WasOn);
    }
    let mut document = found.document;
    document.config.insert(setting.to_owned(), on);
    complete(port, clock, target, &document).await.map(Switched::On)
}
