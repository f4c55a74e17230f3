//! What the bus is told of: every decision that removes or protects something.

use holdfast_catalog::{Outcome, OutcomeStatus, PointId};
use serde_json::{Value, json};

use crate::{Prune, Regions, SignalPorts, Vault, VaultPorts};

/// A point has a tombstone: its data goes after the grace period.
pub const TOMBSTONED: &str = "Recovery Point Tombstoned";
/// A tombstone was lifted, or will be.
pub const UNDELETED: &str = "Recovery Point Undeleted";
/// A point is gone.
pub const REMOVED: &str = "Recovery Point Removed";
/// A sweep of a vault, or an invocation's part of one, is over.
pub const SWEPT: &str = "Vault Swept";
/// A legal hold was laid.
pub const HOLD_LAID: &str = "Legal Hold Laid";
/// A legal hold was lifted.
pub const HOLD_LIFTED: &str = "Legal Hold Lifted";

/// What an event says of a point.
pub(crate) fn of_point<V>(vault: &Vault<V>, point: &PointId, why: &str) -> Value {
    json!({ "point": point, "bucket": vault.bucket, "region": vault.region, "why": why })
}

/// What an event says of a sweep: what its outcome says.
pub(crate) fn of_sweep<V>(vault: &Vault<V>, outcome: &Outcome) -> Value {
    json!({
        "bucket": vault.bucket,
        "region": vault.region,
        "status": outcome.status,
        "message": outcome.message,
        "details": outcome.details,
    })
}

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Tells the bus. What has been done has been done: a bus that does not answer stops nothing, but the report says that the
    /// audit has a gap.
    pub(crate) async fn announce(&self, detail_type: &str, details: Vec<Value>) -> Option<Outcome> {
        if details.is_empty() {
            return None;
        }
        let events = details.len();
        let bodies = details.iter().map(Value::to_string).collect();
        let error = self.signals.publish(detail_type, bodies).await.err()?;
        let message = format!(
            "{events} events \"{detail_type}\" were not published: {error}; what they tell of is done, and stands in this report"
        );
        Some(Outcome::new("events", OutcomeStatus::Partial, message).with("unpublished_events", events))
    }
}
