use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use holdfast_vault::PortError;

use crate::lock;

/// When a scripted failure strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call is not carried out.
    Before,
    /// The call is carried out and its answer is lost.
    After,
}

/// What a call does to the outside world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// It makes or changes something.
    Writes,
    /// It removes something.
    Deletes,
}

/// How a recorded call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Not yet, or its caller stopped waiting.
    Open,
    /// With success.
    Done,
    /// With the port's own error.
    Failed(PortError),
    /// The script refused it; it was not carried out.
    Refused(PortError),
    /// It was carried out and the script lost the answer.
    Lost(PortError),
}

/// A recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its place among all calls, from 1.
    pub number: u64,
    /// The port's method.
    pub name: &'static str,
    /// What it was about: a key, a table, a function.
    pub subject: String,
    /// What it does.
    pub effect: Effect,
    /// How it ended.
    pub ending: Ending,
}

/// Which calls fail, and what was called. Clones are the same script; give one script to several [`crate::Faults`] to number the
/// calls of all of them together.
#[derive(Debug, Clone, Default)]
pub struct Script {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    counts: BTreeMap<&'static str, u64>,
    /// Seed of the pauses before calls; 0 is one pause each.
    shuffle: u64,
    trouble: Option<Trouble>,
    stop: Stop,
}

/// Failures at random.
#[derive(Debug)]
struct Trouble {
    random: u64,
    one_in: u64,
    struck: u64,
    /// The invocation is dead: nothing that it calls is carried out any more.
    is_dead: bool,
}

/// Whether callers are made to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stop {
    #[default]
    No,
    /// Once that call has ended.
    After(u64),
    /// They are.
    Now,
}

#[derive(Debug, Clone)]
struct Rule {
    which: Which,
    moment: Moment,
    error: PortError,
}

#[derive(Debug, Clone)]
enum Which {
    Number(u64),
    FromNumber(u64),
    Nth(&'static str, u64),
    Named(&'static str),
    About(&'static str, String),
    With(Effect),
}

impl Script {
    /// A script in which nothing fails.
    pub fn new() -> Self {
        Script::default()
    }

    /// The `number`th call (from 1, over all names) fails.
    pub fn fail(&self, number: u64, moment: Moment, error: PortError) {
        self.add(Which::Number(number), moment, error);
    }

    /// The `nth` call (from 1) of that name fails.
    pub fn fail_nth(&self, name: &'static str, nth: u64, moment: Moment, error: PortError) {
        self.add(Which::Nth(name, nth), moment, error);
    }

    /// Every call of that name fails and is not carried out.
    pub fn fail_named(&self, name: &'static str, error: PortError) {
        self.add(Which::Named(name), Moment::Before, error);
    }

    /// Every call of that name about that subject fails and is not carried out.
    pub fn fail_about(&self, name: &'static str, subject: &str, error: PortError) {
        self.add(Which::About(name, subject.to_owned()), Moment::Before, error);
    }

    /// The invocation dies at the `number`th call: that one fails before or after it was carried out, all later ones before.
    pub fn kill_at(&self, number: u64, moment: Moment) {
        let killed = || PortError::Unavailable(format!("killed at call {number}"));
        self.add(Which::FromNumber(number + 1), Moment::Before, killed());
        self.add(Which::Number(number), moment, killed());
    }

    /// Every call that removes something, scratch tables included, is refused for want of permission.
    pub fn deny_deletes(&self) {
        let denied = PortError::Denied("deletes are denied by the script".to_owned());
        self.add(Which::With(Effect::Deletes), Moment::Before, denied);
    }

    /// Every call that changes or removes something is refused for want of permission.
    pub fn deny_changes(&self) {
        let denied = PortError::Denied("changes are denied by the script".to_owned());
        self.add(Which::With(Effect::Writes), Moment::Before, denied);
        self.deny_deletes();
    }

    /// Makes concurrent tasks meet in another order: each call waits for none to three turns of the others, as the seed says.
    pub fn shuffle(&self, seed: u64) {
        lock(&self.state).shuffle = scrambled(seed);
    }

    /// From here on one call in `one_in` fails at random, before or after it was carried out: throttled, unavailable, in conflict,
    /// refused for expired credentials, or the invocation dies of it. The same seed gives the same failures.
    pub fn trouble(&self, seed: u64, one_in: u64) {
        lock(&self.state).trouble = Some(Trouble {
            random: scrambled(seed),
            one_in,
            struck: 0,
            is_dead: false,
        });
    }

    /// A new invocation begins: what was dead is not.
    pub fn revive(&self) {
        if let Some(trouble) = &mut lock(&self.state).trouble {
            trouble.is_dead = false;
        }
    }

    /// How many calls failed at random.
    pub fn struck(&self) -> u64 {
        lock(&self.state).trouble.as_ref().map_or(0, |trouble| trouble.struck)
    }

    /// Stops everybody once the `number`th call has ended: its caller, and whoever calls later, waits until
    /// [`Script::go_on`]. Give what is to happen meanwhile another script.
    pub fn stop_after(&self, number: u64) {
        lock(&self.state).stop = Stop::After(number);
    }

    /// Waits until everybody is stopped.
    pub async fn stopped(&self) {
        while lock(&self.state).stop != Stop::Now {
            tokio::task::yield_now().await;
        }
    }

    /// Lets everybody go on, for good.
    pub fn go_on(&self) {
        lock(&self.state).stop = Stop::No;
    }

    async fn wait_while_stopped(&self) {
        while lock(&self.state).stop == Stop::Now {
            tokio::task::yield_now().await;
        }
    }

    /// Forgets all failures, keeps the record.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.rules.clear();
        state.trouble = None;
    }

    /// Forgets the record, so that numbers begin at 1 again; keeps the failures.
    pub fn restart(&self) {
        let mut state = lock(&self.state);
        state.calls.clear();
        state.counts.clear();
    }

    /// All calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state).calls.clone()
    }

    /// The calls that change or remove something and were carried out, in order.
    pub fn changes(&self) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.effect != Effect::Reads && matches!(call.ending, Ending::Done | Ending::Lost(_)));
        calls
    }

    /// How many calls there were in all.
    pub fn total(&self) -> u64 {
        lock(&self.state).calls.len() as u64
    }

    /// How many calls of that name there were.
    pub fn count(&self, name: &str) -> u64 {
        lock(&self.state).counts.get(name).copied().unwrap_or_default()
    }

    fn add(&self, which: Which, moment: Moment, error: PortError) {
        lock(&self.state).rules.push(Rule { which, moment, error });
    }

    /// Carries out a call as the script says, and records it.
    ///
    /// # Errors
    /// The script's, or the call's own.
    pub async fn run<T>(
        &self,
        name: &'static str,
        subject: &str,
        effect: Effect,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        for _ in 0..self.turns_to_wait() {
            tokio::task::yield_now().await;
        }
        self.wait_while_stopped().await;
        let (at, fault) = self.begin(name, subject, effect);
        let (result, ending) = match fault {
            None => {
                let result = work.await;
                let failed = result.as_ref().err().map(|error| Ending::Failed(error.clone()));
                (result, failed.unwrap_or(Ending::Done))
            }
            Some((Moment::Before, error)) => (Err(error.clone()), Ending::Refused(error)),
            Some((Moment::After, error)) => {
                let ending = match work.await {
                    Ok(_) => Ending::Lost(error.clone()),
                    Err(own) => Ending::Failed(own),
                };
                (Err(error), ending)
            }
        };
        self.end(at, ending);
        self.wait_while_stopped().await;
        result
    }

    fn begin(&self, name: &'static str, subject: &str, effect: Effect) -> (usize, Option<(Moment, PortError)>) {
        let mut state = lock(&self.state);
        let at = state.calls.len();
        let number = at as u64 + 1;
        let count = state.counts.entry(name).or_default();
        *count += 1;
        let nth = *count;
        let strikes = |rule: &&Rule| match &rule.which {
            Which::Number(n) => *n == number,
            Which::FromNumber(n) => number >= *n,
            Which::Nth(of, n) => *of == name && *n == nth,
            Which::Named(of) => *of == name,
            Which::About(of, what) => *of == name && what == subject,
            Which::With(what) => *what == effect,
        };
        let fault = state
            .rules
            .iter()
            .find(strikes)
            .map(|rule| (rule.moment, rule.error.clone()));
        let fault = fault.or_else(|| state.trouble.as_mut()?.strike());
        state.calls.push(Call {
            number,
            name,
            subject: subject.to_owned(),
            effect,
            ending: Ending::Open,
        });
        (at, fault)
    }

    fn end(&self, at: usize, ending: Ending) {
        let mut state = lock(&self.state);
        if state.stop == Stop::After(at as u64 + 1) {
            state.stop = Stop::Now;
        }
        // A record that was restarted while the call ran no longer has it.
        if let Some(call) = state.calls.get_mut(at) {
            call.ending = ending;
        }
    }

    fn turns_to_wait(&self) -> u64 {
        let mut state = lock(&self.state);
        if state.shuffle == 0 {
            return 1;
        }
        next(&mut state.shuffle) % 4
    }
}

impl Trouble {
    fn strike(&mut self) -> Option<(Moment, PortError)> {
        if self.is_dead {
            return Some((
                Moment::Before,
                PortError::Unavailable("the invocation is dead".to_owned()),
            ));
        }
        if !next(&mut self.random).is_multiple_of(self.one_in) {
            return None;
        }
        self.struck += 1;
        let moment = [Moment::Before, Moment::After][usize::from(next(&mut self.random).is_multiple_of(2))];
        let error = match next(&mut self.random) % 8 {
            0 | 1 => PortError::Throttled("slow down".to_owned()),
            2..=4 => PortError::Unavailable("connection reset".to_owned()),
            5 => PortError::Conflict("conditional request conflict".to_owned()),
            6 => PortError::Denied("the security token included in the request is expired".to_owned()),
            _ => {
                self.is_dead = true;
                PortError::Unavailable("killed".to_owned())
            }
        };
        Some((moment, error))
    }
}

/// A state for [`next`]: an even seed and its odd successor must differ, and the generator must not start at 0.
fn scrambled(seed: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// xorshift64: enough to vary a test, and the same for the same seed.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 8
}
