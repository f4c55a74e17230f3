use holdfast_catalog::PointId;
use jiff::Timestamp;

/// What is known of a recovery point's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointStatus {
    /// Its manifest is committed and reads, everything that it should hold is stored, and no damage is known.
    Good,
    /// Its manifest is committed and says that something is missing.
    Incomplete,
    /// Something that it needs was found to be missing or wrong.
    Damaged,
    /// It could not be told: its manifest or its facts could not be read.
    Unknown,
}

/// A recovery point as decisions see it.
///
/// Whoever observes the vault fills it in, and says [`PointStatus::Unknown`] rather than leave a point out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointState {
    /// Which point; its slot is its place in time.
    pub id: PointId,
    /// When reading began, where that is known. The point is as old as this.
    pub started_at: Option<Timestamp>,
    /// What is known of its contents.
    pub status: PointStatus,
    /// A copy of it is under way.
    pub in_copy: bool,
    /// A legal hold lies on it.
    pub held: bool,
    /// Until when the store refuses to delete it, where it does.
    pub locked_until: Option<Timestamp>,
    /// A tombstone stands for it: it was decided to remove it, and its data is still there.
    pub tombstoned: bool,
}

impl PointState {
    /// A point about which nothing but its status is known.
    pub fn new(id: PointId, status: PointStatus) -> Self {
        PointState {
            id,
            started_at: None,
            status,
            in_copy: false,
            held: false,
            locked_until: None,
            tombstoned: false,
        }
    }

    /// From when on its age counts in minimum and maximum: its start or its slot, whichever is later. A run begins after its
    /// slot; if it did not, a clock was wrong, and a point that counts as too young stays.
    pub(crate) fn age_counts_from(&self) -> Timestamp {
        let slot = self.id.slot.instant();
        self.started_at.map_or(slot, |started| started.max(slot))
    }

    /// Two records of the same point, joined so that every doubt of either remains.
    pub(crate) fn joined(&self, other: &Self) -> Self {
        PointState {
            id: self.id.clone(),
            started_at: self.started_at.min(other.started_at),
            status: self.status.max(other.status),
            in_copy: self.in_copy || other.in_copy,
            held: self.held || other.held,
            locked_until: self.locked_until.max(other.locked_until),
            tombstoned: self.tombstoned && other.tombstoned,
        }
    }
}

/// The newest good point that has no tombstone and is not dated after `now`: the one that a restore of the latest
/// state would take, and whose age the recovery point objective is about.
pub fn newest_good<'a>(points: impl IntoIterator<Item = &'a PointState>, now: Timestamp) -> Option<&'a PointState> {
    points
        .into_iter()
        .filter(|point| point.status == PointStatus::Good && !point.tombstoned)
        .filter(|point| point.id.slot.instant() <= now && point.started_at.is_none_or(|started| started <= now))
        .max_by(|a, b| (a.id.slot, &a.id).cmp(&(b.id.slot, &b.id)))
}
