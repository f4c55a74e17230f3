use std::collections::BTreeMap;

use holdfast_catalog::layout::{self, HoldRecord};
use holdfast_catalog::{Hold, HoldName, LiftedHold, PointId};

use crate::PortError;
use crate::points::{keys, read_json, to_json};
use crate::port::{Created, ListObjects, ReadObjects, WriteObjects};

/// The legal holds of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holds {
    laid: BTreeMap<HoldName, Hold>,
    lifted: BTreeMap<HoldName, LiftedHold>,
    /// Records that cannot be read, with the hold where the key says it, and why.
    unreadable: Vec<(Option<HoldName>, String, String)>,
}

impl Holds {
    /// Reads all holds of a vault. A record that cannot be read is no error: it holds everything.
    ///
    /// # Errors
    /// The holds cannot be listed: then nothing is known of any.
    pub async fn read<S: ReadObjects + ListObjects>(store: &S) -> Result<Self, PortError> {
        let mut holds = Holds::default();
        for info in keys(store, layout::HOLDS).await? {
            let read = match layout::parse_hold(&info.key) {
                Ok((name, HoldRecord::Laid)) => read_json::<_, Hold>(store, &info.key).await.and_then(|hold| {
                    check_name(&info.key, &name, &hold.name)?;
                    holds.laid.insert(name, hold);
                    Ok(())
                }),
                Ok((name, HoldRecord::Lifted)) => {
                    read_json::<_, LiftedHold>(store, &info.key).await.and_then(|lifted| {
                        check_name(&info.key, &name, &lifted.name)?;
                        holds.lifted.insert(name, lifted);
                        Ok(())
                    })
                }
                Err(error) => Err(PortError::Corrupt(error.to_string())),
            };
            if let Err(error) = read {
                let name = layout::parse_hold(&info.key).ok().map(|(name, _)| name);
                holds.unreadable.push((name, info.key, error.to_string()));
            }
        }
        Ok(holds)
    }

    /// The same with what another vault knows: a hold that is laid in one of them is laid, one that is lifted in one of them is
    /// lifted. What cannot be read in the other holds nothing here.
    #[must_use]
    pub fn joined(mut self, other: &Holds) -> Self {
        for (name, hold) in &other.laid {
            self.laid.entry(name.clone()).or_insert_with(|| hold.clone());
        }
        for (name, lifted) in &other.lifted {
            self.lifted.entry(name.clone()).or_insert_with(|| lifted.clone());
        }
        self
    }

    /// Every hold that was ever laid, and when it was lifted if it was.
    pub fn all(&self) -> impl Iterator<Item = (&Hold, Option<&LiftedHold>)> {
        self.laid.values().map(|hold| (hold, self.lifted.get(&hold.name)))
    }

    /// A hold by its name.
    pub fn get(&self, name: &HoldName) -> Option<(&Hold, Option<&LiftedHold>)> {
        self.laid.get(name).map(|hold| (hold, self.lifted.get(name)))
    }

    /// The records that cannot be read, each with what is wrong. A lifted hold's is none: it holds nothing any more.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &str)> {
        let counts = |name: &Option<HoldName>| name.as_ref().is_none_or(|name| !self.lifted.contains_key(name));
        let records = self.unreadable.iter().filter(move |(name, _, _)| counts(name));
        records.map(|(_, key, why)| (key.as_str(), why.as_str()))
    }

    /// What holds a point, in words; `None` when nothing does.
    pub fn on(&self, point: &PointId) -> Option<String> {
        let laid = self
            .all()
            .filter(|(hold, lifted)| lifted.is_none() && hold.covers(point));
        let laid = laid.map(|(hold, _)| hold.name.to_string());
        let unread = self.unreadable().map(|(key, _)| format!("{key}, which cannot be read"));
        let holds: Vec<String> = laid.chain(unread).collect();
        (!holds.is_empty()).then(|| format!("held by {}", holds.join(", ")))
    }
}

/// Lays a hold.
///
/// # Errors
/// Those of the store.
pub async fn lay_hold<S: WriteObjects>(store: &S, hold: &Hold) -> Result<Created, PortError> {
    let key = layout::hold(&hold.name, HoldRecord::Laid);
    store.create(&key, to_json(hold)?).await
}

/// Lifts a hold.
///
/// # Errors
/// Those of the store.
pub async fn lift_hold<S: WriteObjects>(store: &S, lifted: &LiftedHold) -> Result<Created, PortError> {
    let key = layout::hold(&lifted.name, HoldRecord::Lifted);
    store.create(&key, to_json(lifted)?).await
}

fn check_name(key: &str, expected: &HoldName, found: &HoldName) -> Result<(), PortError> {
    if expected == found {
        Ok(())
    } else {
        Err(PortError::Corrupt(format!("{key} is a record of hold {found}")))
    }
}
