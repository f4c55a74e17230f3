//! Reading the document's names for accounts, and clauses that use them.

use super::fields::{MAX_ENTRIES, Place, every};
use super::suggest::closest;
use crate::account::{Account, AccountId};
use crate::fault::{Collector, Problem};

const DIGITS: &str = "write its 12 digits in quotes, for example \"111122223333\"";

/// The names that a document has for accounts. One whose digits cannot be read has its fault and is a name all the same.
#[derive(Debug, Default)]
pub(super) struct Accounts(Vec<(String, Option<AccountId>)>);

impl Accounts {
    pub(super) fn read(place: &Place<'_>, faults: &mut Collector) -> Option<Self> {
        const WANTED: &str = "write name: \"12 digits\", for example {prod: \"111122223333\"}";
        let entries = place.entries(faults, WANTED)?;
        if entries.is_empty() {
            place.refuse(faults, "empty", format!("{WANTED}, or leave the line out"));
        }
        if entries.len() > MAX_ENTRIES {
            let what = format!("{} accounts", entries.len());
            place.refuse(faults, what, format!("write at most {MAX_ENTRIES}"));
            return None;
        }
        let mut accounts = Vec::new();
        for (name, place) in entries {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(is_plain) {
                let change = "write letters, digits, _, . and -, beginning with a letter";
                place.refuse_field(faults, "not a name for an account", change);
            }
            accounts.push((name.to_owned(), id(&place, faults)));
        }
        Some(Accounts(accounts))
    }

    /// The accounts of a clause, by name or by their digits.
    pub(super) fn clause(&self, place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Account>> {
        let items = place.one_or_more(faults, "write an account's 12 digits in quotes, or a name of accounts:")?;
        every(&items, faults, |item, faults| {
            let text = item.text(faults, DIGITS)?;
            if text.starts_with(|c: char| c.is_ascii_digit()) {
                let id = id(item, faults)?;
                let named = self.0.iter().find(|(_, other)| other.as_ref() == Some(&id));
                let name = named.map(|(name, _)| name.clone());
                return Some(Account { name, id });
            }
            let Some((name, id)) = self.0.iter().find(|(name, _)| name == text) else {
                let change = match closest(text, self.0.iter().map(|(name, _)| name.as_str())) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("write its 12 digits in quotes, or add accounts: {{{text}: \"…\"}} at the top"),
                };
                return item.take(faults, Err(Problem::new("no account of this name", change)));
            };
            let (name, id) = (Some(name.clone()), id.clone()?);
            Some(Account { name, id })
        })
    }

    /// The accounts, each with its name.
    pub(super) fn named(self) -> Vec<Account> {
        let accounts = self.0.into_iter().filter_map(|(name, id)| {
            let name = Some(name);
            id.map(|id| Account { name, id })
        });
        accounts.collect()
    }
}

fn id(place: &Place<'_>, faults: &mut Collector) -> Option<AccountId> {
    let id = place.parsed(faults, DIGITS)?;
    // Many readers of YAML would take it for a number, and drop a zero at its beginning.
    if place.is_plain() {
        place.refuse(faults, "without quotes", format!("write \"{id}\""));
        return None;
    }
    Some(id)
}
