use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, ReadObjects};
use jiff::SignedDuration;

use super::{ChangeFunction, RestorePlan, Step, Triggers};
use crate::SettingOutcome;
use crate::lambda::port::{CreateFunction, FunctionState, PublishVersions, ReadFunction, ReleaseReading, WireFunction};
use crate::lambda::read::{RESTORE_MARK, read_release};
use crate::lambda::{MakeBeside, MakeLayers, ReadBeside, Release};

/// The mark's value while a restore is under way begins with this; afterwards it is the recovery point alone.
pub(super) const UNDER_WAY: &str = "under-way:";

/// How long to wait between two looks at a function that is being made or changed, at first and at most.
pub(super) const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(250);
pub(super) const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(4);

/// How often a function is looked at before giving up: about ten minutes. Attaching a network takes a minute or two, a
/// snapshot of an initialised version some minutes.
const MAX_LOOKS: u32 = 150;

/// How often a change is tried that collides with another one.
pub(super) const MAX_COLLISIONS: u32 = 5;

/// How much time must be left for a step to be begun: more than the slowest call takes.
const LEAST_TIME: SignedDuration = SignedDuration::from_secs(10);

/// What a restore did.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    /// The function's ARN.
    pub arn: Arn,
    /// What became of each setting.
    pub outcomes: Vec<SettingOutcome>,
    /// The new number of each old version.
    pub versions: BTreeMap<u64, u64>,
    /// The new ARN of each layer's version that could not be used where the function is.
    pub layers: BTreeMap<String, String>,
    /// The addresses of its function URLs, by alias; `$LATEST` for the function's own.
    pub urls: BTreeMap<String, String>,
    /// Whether this restore had been completed before, so that nothing was changed now.
    pub was_done: bool,
}

/// Everything that making a function whole takes.
pub trait MakeWhole:
    ReadFunction + CreateFunction + PublishVersions + WireFunction + ChangeFunction + ReadBeside + MakeBeside + MakeLayers
{
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions: BTreeSet<_> = <Self as ReadFunction>::ACTIONS.iter().copied().collect();
        actions.extend(<Self as CreateFunction>::ACTIONS);
        actions.extend(<Self as PublishVersions>::ACTIONS);
        actions.extend(<Self as WireFunction>::ACTIONS);
        actions.extend(<Self as ChangeFunction>::actions());
        actions.extend(<Self as ReadBeside>::actions());
        actions.extend(<Self as MakeBeside>::actions());
        actions.extend(<Self as MakeLayers>::actions());
        actions
    }
}

impl<T> MakeWhole for T where
    T: ReadFunction
        + CreateFunction
        + PublishVersions
        + WireFunction
        + ChangeFunction
        + ReadBeside
        + MakeBeside
        + MakeLayers
{
}

/// Carries out a plan. Interrupted anywhere and run again, or run twice at once, it takes up its own work and ends the same;
/// once completed, it changes nothing any more, whatever has become of the function since.
///
/// # Errors
/// `AlreadyExists` when there is a function of that name that this restore did not make: nothing was changed. Anything else:
/// the function may be half there, not yet reachable by its triggers, and running the restore again goes on with it.
/// A setting or an old version that cannot be put back is not an error but an outcome.
pub async fn execute<F, S, C>(functions: &F, store: &S, clock: &C, plan: &RestorePlan) -> Result<Restored, PortError>
where
    F: MakeWhole,
    S: ReadObjects,
    C: Clock,
{
    let mut run = Run {
        functions,
        store,
        clock,
        plan,
        exists: false,
        done: false,
        unfinished: false,
        published: BTreeMap::new(),
        newest: 0,
        versions: BTreeMap::new(),
        layers: BTreeMap::new(),
        urls: BTreeMap::new(),
        outcomes: Vec::new(),
    };
    run.claim().await?;
    let was_done = run.done;
    for step in &plan.steps {
        run.check_time()?;
        match step {
            Step::Layer { was, layer, code } => run.layer(was, layer, code).await?,
            Step::Version { was, release, code } => run.version(was, &run.with_layers(release), code).await?,
            Step::Latest { release, code } => run.latest(&run.with_layers(release), code).await?,
            Step::Finish => run.finish().await?,
            wiring => run.wire(wiring).await?,
        }
    }
    let mut outcomes = run.outcomes;
    outcomes.extend(plan.needs_person.iter().cloned());
    Ok(Restored {
        arn: plan.arn.clone(),
        outcomes,
        versions: run.versions,
        layers: run.layers,
        urls: run.urls,
        was_done,
    })
}

pub(super) struct Run<'a, F, S, C> {
    pub(super) functions: &'a F,
    pub(super) store: &'a S,
    pub(super) clock: &'a C,
    pub(super) plan: &'a RestorePlan,
    /// Whether the function is there, and ours.
    pub(super) exists: bool,
    /// Completed before, or meanwhile by another run: look, change nothing.
    pub(super) done: bool,
    /// Something failed that a person can set right: a further run has work to do.
    unfinished: bool,
    /// The function's published versions, as far as they were read.
    pub(super) published: BTreeMap<u64, Release>,
    /// The newest published version that stands for one of the point's.
    pub(super) newest: u64,
    /// The new number of each old version.
    pub(super) versions: BTreeMap<u64, u64>,
    /// The new ARN of each layer's version that has one.
    pub(super) layers: BTreeMap<String, String>,
    /// The address of each function URL.
    pub(super) urls: BTreeMap<String, String>,
    pub(super) outcomes: Vec<SettingOutcome>,
}

impl<F, S, C> Run<'_, F, S, C>
where
    F: MakeWhole,
    S: ReadObjects,
    C: Clock,
{
    pub(super) fn name(&self) -> &str {
        &self.plan.target.name
    }

    /// Finds out whether the function is there and ours.
    pub(super) async fn claim(&mut self) -> Result<(), PortError> {
        match read_release(self.functions, self.name(), None).await {
            Ok(reading) => self.recognise(&reading),
            Err(PortError::NotFound(_)) => self.check_left_over().await,
            Err(error) => Err(error),
        }
    }

    /// Whose function it is, by its mark.
    pub(super) fn recognise(&mut self, reading: &ReleaseReading) -> Result<(), PortError> {
        let point = self.plan.point.to_string();
        match reading.tags.get(RESTORE_MARK) {
            Some(mark) if *mark == point => self.done = true,
            Some(mark) if mark.strip_prefix(UNDER_WAY) == Some(point.as_str()) => {}
            _ => {
                return Err(PortError::AlreadyExists(format!(
                    "function {}: it was not made by a restore of {point}; restore under another name, or remove it first",
                    self.name()
                )));
            }
        }
        self.exists = true;
        Ok(())
    }

    /// Mappings outlive their function and poll for the next one of its name. They would send events to a function that is
    /// half there, or against the wish that triggers stay off.
    async fn check_left_over(&self) -> Result<(), PortError> {
        let has_versions = self.plan.steps.iter().any(|step| matches!(step, Step::Version { .. }));
        if self.plan.triggers == Triggers::AsBefore && !has_versions {
            return Ok(());
        }
        let left_over = self.functions.event_sources(self.name()).await?;
        let switched_on: Vec<&str> = left_over
            .iter()
            .filter(|found| found.source.enabled)
            .map(|found| found.id.as_str())
            .collect();
        if switched_on.is_empty() {
            return Ok(());
        }
        let region = &self.plan.target.region;
        Err(PortError::Invalid(format!(
            "function {}: event source mappings of an earlier function of that name are still switched on and would send \
             events to a function that is half there; switch off {} (aws lambda update-event-source-mapping --region {region} \
             --no-enabled --uuid …) and restore again, or restore under another name",
            self.name(),
            switched_on.join(", "),
        )))
    }

    /// Waits until `$LATEST` or a version is no longer being made or changed.
    pub(super) async fn wait_for(&self, version: Option<u64>) -> Result<ReleaseReading, PortError> {
        let qualifier = version.map(|number| number.to_string());
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_LOOKS {
            let reading = read_release(self.functions, self.name(), qualifier.as_deref()).await?;
            if reading.state != FunctionState::Busy {
                return Ok(reading);
            }
            self.check_time()?;
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(PortError::Unavailable(format!(
            "function {} is still being made or changed; run the restore again to go on",
            self.name()
        )))
    }

    pub(super) fn check_time(&self) -> Result<(), PortError> {
        if self.clock.remaining() >= LEAST_TIME {
            return Ok(());
        }
        Err(PortError::Unavailable(format!(
            "restore of function {} stopped before its deadline; run it again to go on",
            self.name()
        )))
    }

    /// What a step's result means: put back, needs a person (and a further run), or the end of this run.
    pub(super) fn told<T>(
        &mut self,
        result: Result<T, PortError>,
        settings: impl FnOnce() -> Vec<String>,
    ) -> Result<Option<T>, PortError> {
        let (value, error) = match result {
            Ok(value) => (Some(value), None),
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => (None, Some(error)),
        };
        for setting in settings() {
            match &error {
                Some(error) => self
                    .outcomes
                    .push(SettingOutcome::needs_person(&setting, error.to_string())),
                // The plan may have more to say about it.
                None if self.plan.needs_person.iter().any(|outcome| outcome.setting == setting) => {}
                None => self.outcomes.push(SettingOutcome::restored(&setting)),
            }
        }
        self.unfinished |= error.is_some();
        Ok(value)
    }

    /// Notes on the function that all is done, so that a further run changes nothing. Not while a person has something to set
    /// right: then a further run is to try that again.
    async fn finish(&mut self) -> Result<(), PortError> {
        if self.done || self.unfinished {
            return Ok(());
        }
        let point = self.plan.point.to_string();
        self.functions.tag_function(&self.plan.arn, RESTORE_MARK, &point).await
    }
}
