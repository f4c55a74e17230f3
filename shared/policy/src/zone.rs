use std::collections::BTreeSet;
use std::num::NonZeroU32;

use holdfast_catalog::Region;

use crate::amount::{Share, Size};
use crate::document::Document;

/// Regions to protect, and how gently; what is left out is not limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The regions; at least one. Each limit holds for each of them.
    pub regions: Vec<Region>,
    /// The most runs at a time.
    pub max_concurrent: Option<NonZeroU32>,
    /// The most bytes that are read from sources in a second.
    pub bytes_per_second: Option<Size>,
    /// The most of a provisioned table's read capacity that reading it may take.
    pub read_capacity_share: Option<Share>,
}

impl Document {
    /// The zone that a region is in. No region is in two.
    pub fn zone_of(&self, region: &Region) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.regions.contains(region))
    }

    /// The regions to protect: those of the zones and `home`, the stack's own.
    pub fn regions<'a>(&'a self, home: &'a Region) -> BTreeSet<&'a Region> {
        let zones = self.zones.iter().flat_map(|zone| &zone.regions);
        zones.chain([home]).collect()
    }
}
