//! Bringing a table back: make it, load its items, put back its settings.

use std::future::Future;

use holdfast_catalog::Manifest;
use holdfast_vault::port::{Clock, ReadObjects};
use holdfast_vault::{PortError, get_config};
use jiff::SignedDuration;

use super::TableConfig;
use super::backoff::Backoff;
use super::compare::differences;
pub use super::load::{Stop, Unwritten, load_items, write_all};
use super::port::{ApplyTableSettings, CreateTable, ReadTable, TableSetting, TableStatus};
use super::settings::while_loading;
use crate::SettingOutcome;

/// Reads and proves the settings that a point holds.
///
/// # Errors
/// `Corrupt` when the document is missing, damaged or no table's.
pub async fn read_config<S: ReadObjects>(store: &S, manifest: &Manifest) -> Result<TableConfig, PortError> {
    let body = get_config(store, manifest).await?;
    serde_json::from_slice(&body).map_err(|error| PortError::Corrupt(format!("configuration document: {error}")))
}

/// How often a table is looked at while it is being made or changed: DynamoDB takes some seconds to minutes.
const POLL: SignedDuration = SignedDuration::from_secs(2);

/// How long one step is waited for. Enabling a stream takes seconds, and continuous backups of a new table some minutes.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// How long a table that was just made may be unknown: DescribeTable is eventually consistent.
const UNKNOWN_AFTER_CREATE: SignedDuration = SignedDuration::from_secs(30);

/// What to do with a table that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and say so.
    Refuse,
    /// Go on with it: the caller knows that an earlier try of the same restore made it. It still has to have the keys, indexes
    /// and other settings of a table that this configuration makes.
    Adopt,
}

/// Makes a table with those of the settings that have to be there from the start, and waits until it can be written to. Its
/// capacity is that of [`while_loading`] until [`apply_settings`] puts its own back.
///
/// # Errors
/// `AlreadyExists` when there is a table of that name that is not to be adopted; nothing was changed, unless an earlier try of
/// this call, whose answer was lost, made it. `Unavailable` when it was not ready in time: it will be, and can be adopted.
pub async fn create_and_wait<P, C>(
    port: &P,
    clock: &C,
    name: &str,
    config: &TableConfig,
    existing: Existing,
) -> Result<(), PortError>
where
    P: CreateTable + ReadTable,
    C: Clock,
{
    let made = while_loading(config);
    let found = match patiently(clock, || port.table_status(name)).await {
        Ok(_) => true,
        Err(PortError::NotFound(_)) => match patiently(clock, || port.create_table(name, &made)).await {
            Ok(()) => false,
            Err(PortError::AlreadyExists(_)) => true,
            Err(error) => return Err(error),
        },
        Err(error) => return Err(error),
    };
    match (found, existing) {
        (false, _) => wait_for(port, clock, name, UNKNOWN_AFTER_CREATE).await,
        (true, Existing::Adopt) => adopt(port, clock, name, config).await,
        (true, Existing::Refuse) => Err(PortError::AlreadyExists(format!(
            "table {name} exists and is left as it is: choose another name, or delete it if it is what a restore that broke \
             off left behind"
        ))),
    }
}

async fn adopt<P, C>(port: &P, clock: &C, name: &str, config: &TableConfig) -> Result<(), PortError>
where
    P: CreateTable + ReadTable,
    C: Clock,
{
    wait_for(port, clock, name, UNKNOWN_AFTER_CREATE).await?;
    let found = patiently(clock, || port.read_table(name)).await?;
    // Its capacity is that of while it is loaded, or put back already.
    let found = found.config.at_creation().with_capacity(&config.capacity());
    match differences(&config.at_creation(), &found).first() {
        None => Ok(()),
        Some(difference) => Err(PortError::AlreadyExists(format!(
            "table {name} exists and is another one ({difference}): choose another name"
        ))),
    }
}

/// Waits until a table and its indexes are ready.
///
/// # Errors
/// `NotFound` when there is no such table, `Unavailable` when it was not ready in time.
pub async fn wait_until_active<P, C>(port: &P, clock: &C, name: &str) -> Result<(), PortError>
where
    P: CreateTable,
    C: Clock,
{
    wait_for(port, clock, name, SignedDuration::ZERO).await
}

async fn wait_for<P, C>(port: &P, clock: &C, name: &str, unknown: SignedDuration) -> Result<(), PortError>
where
    P: CreateTable,
    C: Clock,
{
    let began = clock.now();
    loop {
        match patiently(clock, || port.table_status(name)).await {
            Ok(TableStatus::Active) => return Ok(()),
            Ok(TableStatus::Busy) => {}
            Err(PortError::NotFound(_)) if clock.now().duration_since(began) < unknown => {}
            Err(error) => return Err(error),
        }
        // Up to the deadline and not only as long as patience: an index of a big table may take hours.
        if clock.remaining() <= POLL {
            return Err(PortError::Unavailable(format!(
                "table {name} is not ready yet and the time is up"
            )));
        }
        clock.sleep(POLL).await;
    }
}

/// Puts settings back, one after the other, and says what became of each. One that cannot be put back does not stop the others.
pub async fn apply_settings<P, C>(port: &P, clock: &C, table: &str, settings: &[TableSetting]) -> Vec<SettingOutcome>
where
    P: ApplyTableSettings + CreateTable,
    C: Clock,
{
    let mut outcomes = Vec::with_capacity(settings.len());
    for setting in settings {
        outcomes.push(match apply(port, clock, table, setting).await {
            Ok(()) => SettingOutcome::restored(setting.name()),
            Err(error) => {
                let message = format!("{error}; put back {setting} by hand");
                SettingOutcome::needs_person(setting.name(), message)
            }
        });
    }
    outcomes
}

async fn apply<P, C>(port: &P, clock: &C, table: &str, setting: &TableSetting) -> Result<(), PortError>
where
    P: ApplyTableSettings + CreateTable,
    C: Clock,
{
    // DynamoDB changes one thing at a time. Waiting after each setting too leaves the table as it is to be read back.
    wait_until_active(port, clock, table).await?;
    patiently(clock, || port.apply(table, setting)).await?;
    wait_until_active(port, clock, table).await
}

/// Makes a call again while waiting may help, for as long as [`PATIENCE`] or the deadline allows.
async fn patiently<C, T, F, R>(clock: &C, call: F) -> Result<T, PortError>
where
    C: Clock,
    F: Fn() -> R + Send + Sync,
    R: Future<Output = Result<T, PortError>> + Send,
    T: Send,
{
    let began = clock.now();
    let mut backoff = Backoff::new(0);
    loop {
        match call().await {
            Err(error) if error.is_retryable() => {
                if clock.now().duration_since(began) > PATIENCE || !backoff.pause(clock).await {
                    return Err(error);
                }
            }
            result => return result,
        }
    }
}
