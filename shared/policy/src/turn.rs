use std::collections::BTreeMap;

use holdfast_catalog::{PlanName, ResourceId, Sha256};
use jiff::SignedDuration;

/// A resource's place among those of its plan, by which the starts of a slot are spread over the jitter.
///
/// The turns of `n` resources come after 0, 1/n, 2/n and so on of the jitter: however many there are, their starts lie
/// evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    rank: u32,
    of: u32,
}

impl Turn {
    /// That of a resource which starts at the slot itself.
    pub const FIRST: Turn = Turn { rank: 0, of: 1 };

    /// Its share of a duration, in whole seconds; less than the whole.
    pub fn of(self, whole: SignedDuration) -> SignedDuration {
        let seconds = i128::from(whole.as_secs()) * i128::from(self.rank) / i128::from(self.of);
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))
    }
}

/// The turn of each of a plan's resources.
///
/// The order is that of a hash of resource and plan: it has nothing to do with names, is the same in every release and
/// another one for each plan. A resource that comes or goes moves the others by no more than one place.
pub fn turns<'a>(
    plan: &PlanName,
    resources: impl IntoIterator<Item = &'a ResourceId>,
) -> BTreeMap<&'a ResourceId, Turn> {
    let mut order: Vec<(Sha256, &ResourceId)> = resources
        .into_iter()
        .map(|resource| (Sha256::of(format!("{resource} {plan}").as_bytes()), resource))
        .collect();
    order.sort();
    order.dedup();
    let of = u32::try_from(order.len()).unwrap_or(u32::MAX).max(1);
    (0..of)
        .zip(order)
        .map(|(rank, (_, resource))| (resource, Turn { rank, of }))
        .collect()
}
