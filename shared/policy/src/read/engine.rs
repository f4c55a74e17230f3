//! Reading who makes a plan's points, and how AWS Backup is asked for them.

use jiff::SignedDuration;

use super::fields::{Fields, Place};
use crate::duration::in_words;
use crate::engine::{Engine, Managed};
use crate::fault::Collector;

pub(super) const AWS_BACKUP: [&str; 7] = [
    "cold_after",
    "delete_after",
    "continuous",
    "start_window",
    "complete_window",
    "acls",
    "object_tags",
];

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The shortest start window that AWS Backup takes (`StartWindowMinutes`).
const MIN_START_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How far back a continuous point of AWS Backup reaches at most (`EnableContinuousBackup`).
const MAX_CONTINUOUS_DAYS: u32 = 35;

/// The shortest stay in cold storage that AWS Backup takes (`Lifecycle`).
const MIN_COLD_DAYS: u32 = 90;

pub(super) fn engine(plan: &Fields<'_>, faults: &mut Collector) -> Engine {
    const WANTED: &str = "write vault or aws-backup, or leave the line out";
    let options = plan.get("aws_backup");
    let name = plan.read(faults, "engine", |place, faults| match place.text(faults, WANTED)? {
        name @ ("vault" | "aws-backup") => Some(name),
        _ => {
            place.refuse(faults, "not an engine", WANTED);
            None
        }
    });
    if name == Some("aws-backup") {
        let managed = options.and_then(|options| managed(options, faults));
        return Engine::AwsBackup(managed.unwrap_or_default());
    }
    if let Some(options) = options {
        let change = "write engine: aws-backup beside them, or leave them out";
        options.refuse_field(faults, "options for an engine that the plan does not have", change);
    }
    Engine::Vault
}

/// Whether records of streams are wanted, which only we store.
pub(super) fn records(plan: &Fields<'_>, engine: Engine, faults: &mut Collector) -> bool {
    let records = plan.read(faults, "records", Place::truth).unwrap_or_default();
    if records
        && engine != Engine::Vault
        && let Some(place) = plan.get("records")
    {
        let change = "write them in a plan with engine: vault, or leave the line out";
        place.refuse(faults, "records of streams, which AWS Backup does not store", change);
    }
    records
}

fn managed(place: &Place<'_>, faults: &mut Collector) -> Option<Managed> {
    let fields = place.fields(faults, &AWS_BACKUP, "write start_window: or delete_after:, for example")?;
    let otherwise = Managed::default();
    let managed = Managed {
        cold_after_days: fields.read(faults, "cold_after", whole_days),
        delete_after_days: fields.read(faults, "delete_after", whole_days),
        continuous_days: fields.read(faults, "continuous", continuous_days),
        start_window: fields
            .read(faults, "start_window", Place::duration)
            .unwrap_or(otherwise.start_window),
        complete_window: fields
            .read(faults, "complete_window", Place::duration)
            .unwrap_or(otherwise.complete_window),
        acls: fields.read(faults, "acls", Place::truth).unwrap_or(otherwise.acls),
        object_tags: fields
            .read(faults, "object_tags", Place::truth)
            .unwrap_or(otherwise.object_tags),
    };
    hold_lifecycle(&fields, managed, faults);
    hold_windows(&fields, managed, faults);
    Some(managed)
}

/// AWS Backup counts in days.
fn whole_days(place: &Place<'_>, faults: &mut Collector) -> Option<u32> {
    let duration = place.duration(faults)?;
    if duration.as_secs() % DAY.as_secs() != 0 {
        place.refuse(faults, "not a number of days", "write whole days, for example 30d");
        return None;
    }
    u32::try_from(duration.as_secs() / DAY.as_secs()).ok()
}

fn continuous_days(place: &Place<'_>, faults: &mut Collector) -> Option<u32> {
    const WANTED: &str =
        "write how far back any moment is to be restored, in whole days from 1d to 35d, for example 35d";
    let days = match place.text(faults, WANTED)? {
        "true" | "false" => None,
        _ => Some(whole_days(place, faults)?),
    };
    let is_in_reach = |days: &u32| (1..=MAX_CONTINUOUS_DAYS).contains(days);
    let days = days.filter(is_in_reach);
    if days.is_none() {
        place.refuse(faults, "not a reach that AWS Backup has", WANTED);
    }
    days
}

fn hold_lifecycle(fields: &Fields<'_>, managed: Managed, faults: &mut Collector) {
    if let (Some(cold), Some(delete), Some(place)) = (
        managed.cold_after_days,
        managed.delete_after_days,
        fields.get("delete_after"),
    ) && delete < cold.saturating_add(MIN_COLD_DAYS)
    {
        let least = cold.saturating_add(MIN_COLD_DAYS);
        let what = format!("too soon: what is in cold storage is paid for {MIN_COLD_DAYS} days at least");
        place.refuse(faults, what, format!("write {least}d or more, or leave cold_after out"));
    }
}

fn hold_windows(fields: &Fields<'_>, managed: Managed, faults: &mut Collector) {
    if let Some(place) = fields.get("start_window")
        && managed.start_window < MIN_START_WINDOW
    {
        place.refuse(faults, "shorter than AWS Backup takes", "write 1h or more");
    }
    if managed.complete_window <= managed.start_window {
        let start = in_words(managed.start_window);
        let what =
            format!("no time to work: both windows count from the same moment, and a job may begin after {start}");
        let written = fields.get("complete_window").or(fields.get("start_window"));
        if let Some(place) = written {
            place.refuse(faults, what, format!("write a complete_window of more than {start}"));
        }
    }
}
