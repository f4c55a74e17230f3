//! What a run measures of itself, both vaults together.

use std::collections::BTreeMap;

use holdfast_vault::sweep::Swept;

use crate::Seen;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Metrics {
    pub(crate) pruned_points: u64,
    pub(crate) limits_exceeded: u64,
    held_points: u64,
    removed_points: u64,
    swept_bytes: u64,
}

impl Metrics {
    pub(crate) fn note_holds<V>(&mut self, seen: &Seen<'_, V>) {
        let points = seen.observed.catalogue.points.iter();
        self.held_points += points
            .filter(|entry| seen.observed.holds.on(&entry.id).is_some())
            .count() as u64;
    }

    pub(crate) fn note_sweep(&mut self, swept: &Swept) {
        self.removed_points += swept.removed_points.len() as u64;
        self.swept_bytes += swept.removed_bytes;
    }

    /// By their names, which the README lists.
    #[expect(clippy::cast_precision_loss, reason = "CloudWatch keeps doubles")]
    pub(crate) fn named(self) -> BTreeMap<String, f64> {
        let named = [
            ("PrunedPoints", self.pruned_points),
            ("RemovedPoints", self.removed_points),
            ("SweptBytes", self.swept_bytes),
            ("HeldPoints", self.held_points),
            ("LimitExceeded", self.limits_exceeded),
        ];
        named.map(|(name, value)| (name.to_owned(), value as f64)).into()
    }
}
