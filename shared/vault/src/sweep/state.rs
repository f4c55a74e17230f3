use std::collections::BTreeSet;
use std::io;

use bytes::Bytes;
use holdfast_catalog::{Sha256, Slot, layout};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Swept;
use super::marks::{Marks, Range};
use super::references;
use super::remove::remove_all;
use super::sketch::Sketch;
use crate::PortError;
use crate::points::{keys, read_json, to_json};
use crate::port::{DeleteObjects, ListObjects, ReadObjects, WriteObjects};

/// States of other versions are not gone on with.
const STATE_VERSION: u32 = 1;

/// Where contents lie, in order of key.
pub(super) const CONTENTS: [&str; 2] = [layout::BLOBS, layout::PACKS];

/// What a sweep is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// Reading everything that refers to contents, to see that all of it can be read, and to count the contents.
    Survey,
    /// Removing expired points and what is left of runs.
    Remove,
    /// Marking the contents of a range that are needed.
    Mark,
    /// Removing those of the range that are not.
    Sweep,
}

/// How far a sweep has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// When it began: everything is judged as of this instant.
    pub(super) began_at: Slot,
    pub(super) phase: Phase,
    /// Where it goes on: everything up to this key is done.
    pub(super) at: String,
    /// How many different contents are referred to, as far as counted.
    pub(super) contents: u64,
    /// The range that is marked or swept.
    pub(super) range: Range,
    /// What the count rests on, while it lasts.
    smallest: Vec<u64>,
    /// The name of the stored marks.
    marks: Option<Sha256>,
}

/// A sweep: its state, and what does not stand in the record.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) state: State,
    pub(super) sketch: Sketch,
    pub(super) marks: Option<Marks>,
    /// Something of it was stored, and has to go when it is over.
    is_stored: bool,
}

impl Sweep {
    /// A new one.
    pub(super) fn begin(now: Timestamp) -> Self {
        Sweep {
            state: State {
                version: STATE_VERSION,
                // To the second, like its folder: earlier never judges more.
                began_at: Slot::at(now),
                phase: Phase::Survey,
                at: references::PLACES[0].to_owned(),
                contents: 0,
                range: Range { index: 0, of: 1 },
                smallest: Vec::new(),
                marks: None,
            },
            sketch: Sketch::default(),
            marks: None,
            is_stored: false,
        }
    }

    /// The newest stored one that is whole, or a new one. What is left of others goes: a state that is damaged or not
    /// understood is never trusted, and two sweeps of one vault have no use for each other.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn take_up<S: ReadObjects + ListObjects + DeleteObjects>(
        store: &S,
        now: Timestamp,
        most_bytes: u64,
    ) -> Result<Self, PortError> {
        let stored: BTreeSet<Slot> = keys(store, layout::SWEEPS)
            .await?
            .iter()
            .filter_map(|info| info.key.strip_prefix(layout::SWEEPS)?.split_once('/')?.0.parse().ok())
            .collect();
        let mut taken: Option<Sweep> = None;
        for began_at in stored.into_iter().rev() {
            if taken.is_none() {
                taken = Self::read(store, began_at, now, most_bytes).await?;
                if taken.is_some() {
                    continue;
                }
            }
            forget(store, began_at).await?;
        }
        Ok(taken.unwrap_or_else(|| Self::begin(now)))
    }

    async fn read<S: ReadObjects>(
        store: &S,
        began_at: Slot,
        now: Timestamp,
        most_bytes: u64,
    ) -> Result<Option<Self>, PortError> {
        let state: State = match read_json(store, &layout::sweep_state(began_at)).await {
            Ok(state) => state,
            Err(PortError::NotFound(_) | PortError::Corrupt(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if state.began_at != began_at || !state.is_plausible(now) {
            return Ok(None);
        }
        let marks = match state.marks {
            None => None,
            Some(name) => match read_marks(store, &state, &name, most_bytes).await? {
                Some(marks) => Some(marks),
                None => return Ok(None),
            },
        };
        Ok(Some(Sweep {
            sketch: Sketch::of_numbers(&state.smallest),
            state,
            marks,
            is_stored: true,
        }))
    }

    /// Stores how far it has come: the marks first, under their content's name, so that the state never names others.
    ///
    /// # Errors
    /// Those of the store; then the state that was stored before stands.
    pub(super) async fn save<S: WriteObjects>(&mut self, store: &S) -> Result<(), PortError> {
        let began_at = self.state.began_at;
        // While a range is swept its marks stay as they are.
        if self.state.phase != Phase::Sweep || self.state.marks.is_none() {
            self.state.marks = None;
            if let Some(marks) = &self.marks {
                let body = pack(marks)?;
                let name = Sha256::of(&body);
                store.create(&layout::sweep_marks(began_at, &name), body).await?;
                self.state.marks = Some(name);
            }
        }
        self.state.smallest = match self.state.phase {
            Phase::Survey => self.sketch.numbers(),
            Phase::Remove | Phase::Mark | Phase::Sweep => Vec::new(),
        };
        store
            .overwrite(&layout::sweep_state(began_at), to_json(&self.state)?)
            .await
    }

    /// Forgets what was stored of it: it is over.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn end<S: ReadObjects + DeleteObjects>(self, store: &S) -> Result<(), PortError> {
        if self.is_stored {
            forget(store, self.state.began_at).await?;
        }
        Ok(())
    }

    /// Goes over to another phase.
    pub(super) fn enter(&mut self, phase: Phase, at: String) {
        self.state.phase = phase;
        self.state.at = at;
        // Marks that were stored in another phase are not these.
        self.state.marks = None;
    }
}

impl State {
    fn is_plausible(&self, now: Timestamp) -> bool {
        let places: &[&str] = match self.phase {
            Phase::Survey | Phase::Mark => &references::PLACES,
            Phase::Remove => &[""],
            Phase::Sweep => &CONTENTS,
        };
        let needs_marks = matches!(self.phase, Phase::Mark | Phase::Sweep);
        self.version == STATE_VERSION
            && self.began_at.instant() <= now
            && self.range.is_valid()
            && places.iter().any(|place| self.at.starts_with(place))
            && self.marks.is_some() == needs_marks
    }
}

/// Removes all that is stored of a sweep.
async fn forget<S: ReadObjects + DeleteObjects>(store: &S, began_at: Slot) -> Result<(), PortError> {
    // Not what a sweep removes: it counts for nothing.
    remove_all(store, &layout::sweep_of(began_at), &mut Swept::default())
        .await
        .map(|_| ())
}

async fn read_marks<S: ReadObjects>(
    store: &S,
    state: &State,
    name: &Sha256,
    most_bytes: u64,
) -> Result<Option<Marks>, PortError> {
    let body = match store.get(&layout::sweep_marks(state.began_at, name)).await {
        Ok(body) if Sha256::of(&body) == *name => body,
        Ok(_) | Err(PortError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let unpacked = zstd::stream::read::Decoder::new(body.as_ref());
    let marks = unpacked.and_then(|bytes| Marks::read_from(bytes, most_bytes, state.range, state.began_at));
    Ok(marks.ok())
}

fn pack(marks: &Marks) -> Result<Bytes, PortError> {
    let packed = || -> io::Result<Vec<u8>> {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1)?;
        marks.write_to(&mut encoder)?;
        encoder.finish()
    };
    let packed = packed().map_err(|error| PortError::Invalid(format!("writing marks: {error}")))?;
    Ok(packed.into())
}
