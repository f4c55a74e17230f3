use holdfast_catalog::PointId;
use jiff::Timestamp;

/// So many of a kind are named in a report; the others are counted.
const NAMED: usize = 10;

/// Things of one kind: how many, and the first of them in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Named {
    pub(super) fn add(&mut self, what: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(what);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All in one sentence: the first by name, the others by number.
    pub fn in_words(&self) -> String {
        let named = self.first.join("; ");
        match self.count.saturating_sub(self.first.len() as u64) {
            0 => named,
            others => format!("{named}; and {others} more"),
        }
    }
}

/// What a sweep found and removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Versions of packs, indexes and blobs that may go: nothing needs their content, or a newer version replaces them.
    pub garbage_versions: u64,
    /// Their bytes.
    pub garbage_bytes: u64,
    /// How many of them are only replaced by a newer version.
    pub superseded_versions: u64,
    /// Versions of any object that were asked to go.
    pub asked_versions: u64,
    /// Those of them that are gone: a listing afterwards did not show them.
    pub removed_versions: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Points whose manifest is gone.
    pub removed_points: Vec<PointId>,
    /// Versions that the store refuses to remove, with its reason.
    pub locked: Named,
    /// When the last of the locks that are known ends.
    pub locked_until: Option<Timestamp>,
    /// Points whose grace is over and that stay for all that, with the reason.
    pub kept: Named,
    /// Versions that the store said it removed, and lists all the same.
    pub still_there: Named,
    /// Keys that were written again since they were judged: they stay until the next sweep.
    pub renewed_keys: u64,
}
