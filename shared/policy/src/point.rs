use holdfast_catalog::PointId;
use jiff::Timestamp;

/// What is known of a recovery point's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointStatus {
    /// Its manifest is committed, everything that it should hold is stored, and no damage is known.
    Good,
    /// Its manifest is committed and says that something is missing.
    Incomplete,
    /// Something that it needs was found to be missing or wrong.
    Damaged,
    /// It could not be told.
    Unknown,
}

/// A recovery point as decisions see it. Whoever observes the vault says [`PointStatus::Unknown`] rather than leave one out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointState {
    /// Which point; its slot is its place in time.
    pub id: PointId,
    /// What is known of its contents.
    pub status: PointStatus,
    /// A copy of it is under way.
    pub in_copy: bool,
    /// A legal hold lies on it.
    pub held: bool,
    /// Until when the store refuses to delete it, where it does.
    pub locked_until: Option<Timestamp>,
    /// It was decided to remove it, and its data is still there.
    pub tombstoned: bool,
}

impl PointState {
    /// A point about which nothing but its status is known.
    pub fn new(id: PointId, status: PointStatus) -> Self {
        PointState {
            id,
            status,
            in_copy: false,
            held: false,
            locked_until: None,
            tombstoned: false,
        }
    }

    /// Whether it is good and not dated after `now`.
    pub(crate) fn counts(&self, now: Timestamp) -> bool {
        self.status == PointStatus::Good && self.id.slot.instant() <= now
    }
}

/// The newest good point that has no tombstone and is not dated after `now`: what a restore of the latest state would take.
pub fn newest_good<'a>(points: impl IntoIterator<Item = &'a PointState>, now: Timestamp) -> Option<&'a PointState> {
    points
        .into_iter()
        .filter(|point| point.counts(now) && !point.tombstoned)
        .max_by_key(|point| (point.id.slot, &point.id))
}
