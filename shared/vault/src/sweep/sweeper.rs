use std::collections::BTreeSet;

use holdfast_catalog::PointId;
use jiff::SignedDuration;

use super::judge::{Garbage, judge_content};
use super::marks::{MARKS_BYTES, Marks, Range};
use super::points::{Expired, remove_expired};
use super::references::{self, read_page};
use super::remove::{Doomed, remove_contents};
use super::state::{CONTENTS, Phase, Sweep};
use super::walk::next_keys;
use super::{Margins, Swept};
use crate::PortError;
use crate::port::{Clock, DeleteObjects, ListObjects, ReadObjects, WriteObjects};

/// How long a sweep may go on.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a, C> {
    /// The invocation's clock.
    pub clock: &'a C,
    /// The sweep stops when no more than this is left of the invocation.
    pub stop_at: SignedDuration,
}

impl<C: Clock> Watch<'_, C> {
    fn is_over(&self) -> bool {
        self.clock.remaining() <= self.stop_at
    }
}

/// What a sweep does with its verdicts.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// Counts what would go if the points of this set were gone, and changes nothing, the sweep's own state included.
    Preview(&'a BTreeSet<PointId>),
    /// Removes it.
    Remove(Expired<'a>),
}

/// How an invocation's part of a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEnd {
    /// The sweep is over.
    Over,
    /// Time ran out. A sweep that removes is stored and goes on in another invocation; a preview is not.
    OutOfTime,
}

/// Sweeps a vault.
#[derive(Debug)]
pub struct Sweeper<'a, S> {
    store: &'a S,
    margins: Margins,
    marks_bytes: u64,
}

impl<'a, S: ReadObjects + ListObjects + WriteObjects + DeleteObjects> Sweeper<'a, S> {
    /// A sweeper of a vault.
    pub fn new(store: &'a S, margins: Margins) -> Self {
        Sweeper {
            store,
            margins,
            marks_bytes: MARKS_BYTES,
        }
    }

    /// The same with so much memory for marks; what does not fit is marked in more passes.
    #[must_use]
    pub fn with_marks_of(self, bytes: u64) -> Self {
        Sweeper {
            marks_bytes: bytes,
            ..self
        }
    }

    /// Goes on with the vault's sweep, or begins one, until it is over or time is. Takes one step at least.
    ///
    /// In order: everything that refers to contents is read, so that nothing is removed while any of it cannot be; expired
    /// points go; then, range by range of names, what is left is marked and contents without a mark go.
    ///
    /// # Errors
    /// Anything that cannot be listed, read, understood or removed. What was removed until then is in `swept`; the next
    /// invocation goes on from what was stored last.
    pub async fn run<C: Clock>(
        &self,
        act: Act<'_>,
        watch: &Watch<'_, C>,
        swept: &mut Swept,
    ) -> Result<SweepEnd, PortError> {
        let now = watch.clock.now();
        let (mut sweep, gone) = match act {
            Act::Preview(gone) => (Sweep::begin(now), gone.clone()),
            Act::Remove(expired) => {
                let sweep = Sweep::take_up(self.store, now, self.marks_bytes).await?;
                let gone = expired.tombstones.iter().map(|tombstone| tombstone.point.clone());
                (sweep, gone.collect())
            }
        };
        while !self.step(&mut sweep, act, &gone, watch, swept).await? {
            if watch.is_over() {
                if matches!(act, Act::Remove(_)) {
                    sweep.save(self.store).await?;
                }
                return Ok(SweepEnd::OutOfTime);
            }
        }
        if matches!(act, Act::Remove(_)) {
            sweep.end(self.store).await?;
        }
        Ok(SweepEnd::Over)
    }

    /// Takes a step: a page of a listing, or the points in `gone`. Says whether the sweep is over.
    async fn step<C: Clock>(
        &self,
        sweep: &mut Sweep,
        act: Act<'_>,
        gone: &BTreeSet<PointId>,
        watch: &Watch<'_, C>,
        swept: &mut Swept,
    ) -> Result<bool, PortError> {
        match sweep.state.phase {
            // A point that is about to go may be damaged: a person has given it up.
            Phase::Survey => self.survey(sweep, gone).await?,
            Phase::Remove => {
                let is_done = match act {
                    Act::Preview(_) => true,
                    Act::Remove(expired) => {
                        let is_late = || watch.is_over();
                        remove_expired(self.store, &expired, &self.margins, is_late, swept).await?
                    }
                };
                if is_done {
                    self.mark_range(sweep, Range::first_for(sweep.state.contents, self.marks_bytes));
                }
            }
            Phase::Mark => match act {
                Act::Preview(_) => self.mark(sweep, gone).await?,
                // What is there is needed: the points that were to go are gone by now, or they stay.
                Act::Remove(_) => self.mark(sweep, &BTreeSet::new()).await?,
            },
            Phase::Sweep => return self.sweep(sweep, act, swept).await,
        }
        Ok(false)
    }

    async fn survey(&self, sweep: &mut Sweep, except: &BTreeSet<PointId>) -> Result<(), PortError> {
        let sketch = &mut sweep.sketch;
        let next = read_page(self.store, &sweep.state.at, except, &mut |name| sketch.add(name)).await?;
        match next {
            Some(next) => sweep.state.at = next,
            None => {
                sweep.state.contents = sweep.sketch.count();
                sweep.enter(Phase::Remove, String::new());
            }
        }
        Ok(())
    }

    fn mark_range(&self, sweep: &mut Sweep, range: Range) {
        let state = &mut sweep.state;
        state.range = range;
        sweep.marks = Some(Marks::new(state.contents, self.marks_bytes, range, state.began_at));
        sweep.enter(Phase::Mark, references::PLACES[0].to_owned());
    }

    async fn mark(&self, sweep: &mut Sweep, except: &BTreeSet<PointId>) -> Result<(), PortError> {
        let Some(marks) = &mut sweep.marks else {
            return Err(lost_marks());
        };
        match read_page(self.store, &sweep.state.at, except, &mut |name| marks.add(name)).await? {
            Some(next) => sweep.state.at = next,
            None => {
                let first = first_key(CONTENTS[0], sweep.state.range);
                sweep.enter(Phase::Sweep, first);
            }
        }
        Ok(())
    }

    /// Judges the next keys of the range, and removes what is garbage.
    async fn sweep(&self, sweep: &mut Sweep, act: Act<'_>, swept: &mut Swept) -> Result<bool, PortError> {
        let (state, Some(marks)) = (&mut sweep.state, &sweep.marks) else {
            return Err(lost_marks());
        };
        let place = CONTENTS
            .iter()
            .position(|place| state.at.starts_with(place))
            .unwrap_or(0);
        let prefix = CONTENTS[place];
        let end = state.range.end_folder().map(|folder| format!("{prefix}{folder:02x}"));
        let page = next_keys(self.store, prefix, &state.at, end.as_deref()).await?;
        let mut doomed = Vec::new();
        for versions in page.keys {
            let garbage = judge_content(&versions, marks, &self.margins, state.began_at.instant());
            for (version, why) in &garbage {
                swept.garbage_versions += 1;
                swept.garbage_bytes += version.info.bytes;
                swept.superseded_versions += u64::from(*why == Garbage::Superseded);
            }
            if let (Some(newest), false) = (versions.into_iter().next(), garbage.is_empty()) {
                let versions = garbage.into_iter().map(|(version, _)| version).collect();
                doomed.push(Doomed { newest, versions });
            }
        }
        if matches!(act, Act::Remove(_)) {
            let began_at = state.began_at.instant();
            remove_contents(self.store, prefix, &state.at, doomed, began_at, swept).await?;
        }
        match (page.next, CONTENTS.get(place + 1)) {
            (Some(next), _) => state.at = next,
            (None, Some(next)) => state.at = first_key(next, state.range),
            (None, None) => match state.range.next() {
                Some(range) => self.mark_range(sweep, range),
                None => return Ok(true),
            },
        }
        Ok(false)
    }
}

/// What stands before the first key of a range.
fn first_key(prefix: &str, range: Range) -> String {
    match range.first_folder() {
        0 => prefix.to_owned(),
        folder => format!("{prefix}{folder:02x}"),
    }
}

/// A sweep without marks would find everything to be garbage.
fn lost_marks() -> PortError {
    PortError::Invalid("a sweep lost its marks".to_owned())
}
