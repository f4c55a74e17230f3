//! Which point to restore: a pure decision.

use holdfast_vault::PointEntry;
use jiff::Timestamp;

use crate::event::Wanted;

/// The fact about a point that was taken so that a change in place can be undone: it holds what was to be changed.
pub(crate) const UNDO: &str = "undo";

/// The point that is meant, among those of one resource in one vault. A damaged or incomplete point, and one that
/// holds what a change in place did away with, is taken only when it is asked for by its id.
pub fn choose<'a>(entries: &'a [PointEntry], wanted: &Wanted, now: Timestamp) -> Option<&'a PointEntry> {
    let not_after = match wanted {
        Wanted::Latest => now,
        Wanted::At(instant) => *instant,
        Wanted::Exactly(point) => return entries.iter().find(|entry| entry.id == *point),
    };
    entries
        .iter()
        .filter(|entry| entry.is_good() && !entry.facts.contains_key(UNDO) && entry.id.slot.instant() <= not_after)
        .max_by_key(|entry| entry.id.slot)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entries() -> Vec<PointEntry> {
        let entry = |hour: u32, fact: Option<&str>| {
            let id = format!("dynamodb-table/eu-west-1/orders/20261121T{hour:02}0000Z-standard");
            let slot = "20261121T120000Z".parse().unwrap();
            PointEntry {
                id: id.parse().unwrap(),
                committed_at: Timestamp::UNIX_EPOCH,
                is_tombstoned: false,
                facts: fact
                    .map(|what| BTreeMap::from([(what.to_owned(), slot)]))
                    .unwrap_or_default(),
            }
        };
        vec![
            entry(1, None),
            entry(2, None),
            entry(3, Some("damaged")),
            entry(4, Some("partial")),
            entry(5, Some(UNDO)),
            entry(23, None),
        ]
    }

    fn chosen(wanted: &Wanted) -> Option<String> {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        choose(&entries(), wanted, now).map(|entry| entry.id.slot.to_string()[9..11].to_owned())
    }

    #[test]
    fn latest_is_the_newest_good_point_that_is_not_in_the_future() {
        assert_eq!(chosen(&Wanted::Latest).as_deref(), Some("02"));
    }

    #[test]
    fn a_time_takes_the_newest_good_point_at_or_before_it() {
        let at = |text: &str| Wanted::At(text.parse().unwrap());
        assert_eq!(chosen(&at("2026-11-21T01:59:59Z")).as_deref(), Some("01"));
        assert_eq!(chosen(&at("2026-11-21T02:00:00Z")).as_deref(), Some("02"));
        assert_eq!(chosen(&at("2026-11-21T00:59:59Z")), None);
    }

    #[test]
    fn a_damaged_point_and_one_that_undoes_a_change_are_taken_only_by_their_ids() {
        for hour in ["03", "05"] {
            let id = format!("dynamodb-table/eu-west-1/orders/20261121T{hour}0000Z-standard");
            assert_eq!(chosen(&Wanted::Exactly(id.parse().unwrap())).as_deref(), Some(hour));
        }
    }
}
