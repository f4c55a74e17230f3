//! How far the steps of a plan have come in one invocation: what is done, what waits, and what came to nothing.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::application::{Step, Word};

use super::told;

pub(super) struct Progress<'p> {
    pub outcomes: Vec<Outcome>,
    /// How many steps are left to another invocation.
    pub left: usize,
    /// What this restore does not try again, and why.
    pub given_up: BTreeMap<String, String>,
    failed: BTreeSet<&'p ResourceId>,
    /// What AWS Backup is at, and what needs that.
    waiting: BTreeSet<&'p ResourceId>,
}

impl<'p> Progress<'p> {
    pub fn new(given_up: BTreeMap<String, String>) -> Self {
        Progress {
            outcomes: Vec::new(),
            left: 0,
            given_up,
            failed: BTreeSet::new(),
            waiting: BTreeSet::new(),
        }
    }

    /// Whether a step's turn has come: else it waits for what it needs, or it is told why it is not tried. What lets events flow
    /// waits for everything.
    pub fn is_due(&mut self, step: &'p Step, is_loud: bool) -> bool {
        let needs = || step.after.iter().chain([&step.resource]);
        if is_loud && !self.waiting.is_empty() || needs().any(|needed| self.waiting.contains(needed)) {
            self.wait(step);
            return false;
        }
        let why = match needs().find(|needed| self.failed.contains(needed)) {
            Some(needed) => Some(format!("not tried, because {needed} failed")),
            None => self.given_up.get(&step.resource.to_string()).cloned(),
        };
        let Some(why) = why else { return true };
        self.failed.insert(&step.resource);
        self.outcomes.push(told(step, &Word::Failed(why)).finally());
        false
    }

    /// Takes note of a step that AWS Backup is at: others go on meanwhile.
    pub fn wait(&mut self, step: &'p Step) {
        self.waiting.insert(&step.resource);
        self.left += 1;
    }

    /// Takes note of what became of a step; `is_final` says that trying it again costs more than it may bring.
    pub fn done(&mut self, step: &'p Step, outcome: Outcome, is_final: bool) {
        if outcome.status == OutcomeStatus::Failed {
            self.failed.insert(&step.resource);
            if is_final {
                // The word is said again with it.
                let why = outcome.message.trim_start_matches("failed: ");
                self.given_up.insert(step.resource.to_string(), why.to_owned());
            }
        }
        self.outcomes.push(outcome);
    }
}
