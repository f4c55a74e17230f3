//! Which copy of a recovery point to read: the nearest that is whole, then the next.

use holdfast_catalog::Region;

/// A copy of a recovery point, of either engine; the point itself in the home vault is one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyAt<P> {
    /// What the caller reads it with.
    pub place: P,
    /// Where it is.
    pub region: Region,
    /// Whether it is the point itself, in the vault where it was made.
    pub is_home: bool,
    /// Whether everything is there.
    pub is_complete: bool,
    /// Whether something of it is known to be damaged.
    pub is_damaged: bool,
}

/// The copies to read from, best first: those in the target's region, then the home vault, then the others in the given order of
/// regions, and those of regions that it does not name last. Only whole, undamaged copies are among them: when reading one shows
/// damage, the caller goes on with the next.
pub fn nearest<'a, P>(copies: &'a [CopyAt<P>], target: &Region, order: &[Region]) -> Vec<&'a CopyAt<P>> {
    let mut usable: Vec<&CopyAt<P>> = copies
        .iter()
        .filter(|copy| copy.is_complete && !copy.is_damaged)
        .collect();
    let place_of = |region: &Region| order.iter().position(|named| named == region).unwrap_or(order.len());
    usable.sort_by_key(|copy| (copy.region != *target, !copy.is_home, place_of(&copy.region)));
    usable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy(place: &'static str, region: &str) -> CopyAt<&'static str> {
        CopyAt {
            place,
            region: region.parse().unwrap(),
            is_home: place == "home",
            is_complete: true,
            is_damaged: false,
        }
    }

    fn places(copies: &[CopyAt<&'static str>], target: &str) -> Vec<&'static str> {
        let order = ["us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap()];
        nearest(copies, &target.parse().unwrap(), &order)
            .iter()
            .map(|copy| copy.place)
            .collect()
    }

    fn all() -> Vec<CopyAt<&'static str>> {
        vec![
            copy("far", "ap-south-1"),
            copy("west", "eu-west-1"),
            copy("home", "eu-central-1"),
            copy("us", "us-east-1"),
        ]
    }

    #[test]
    fn the_targets_region_comes_first_then_home_then_the_given_order() {
        assert_eq!(places(&all(), "eu-west-1"), ["west", "home", "us", "far"]);
        assert_eq!(places(&all(), "eu-central-1"), ["home", "us", "west", "far"]);
        assert_eq!(places(&all(), "sa-east-1"), ["home", "us", "west", "far"]);
    }

    #[test]
    fn a_damaged_or_unfinished_copy_is_never_read() {
        let mut copies = all();
        copies[1].is_damaged = true;
        copies[2].is_complete = false;
        assert_eq!(places(&copies, "eu-west-1"), ["us", "far"]);
    }

    proptest! {
        #[test]
        fn the_order_in_which_copies_are_found_does_not_matter(seed in any::<u64>()) {
            let mut copies = all();
            copies.rotate_left(usize::try_from(seed % 4).unwrap());
            if seed % 3 == 0 { copies.reverse(); }
            prop_assert_eq!(places(&copies, "eu-west-1"), places(&all(), "eu-west-1"));
        }
    }
}
