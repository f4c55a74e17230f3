use crate::amount::Share;

/// The most that one prune run may give up of each vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// As a share of the vault's points.
    pub remove_share: Share,
    /// As a number of points; at least one.
    pub remove_points: u32,
}

impl Default for Limits {
    /// Half of the points, and 10,000 of them: more than retention ever lets go at once, unless a policy was cut by
    /// mistake.
    fn default() -> Self {
        Limits {
            remove_share: Share::HALF,
            remove_points: 10_000,
        }
    }
}
