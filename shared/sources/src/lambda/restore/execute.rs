use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Sha256};
use holdfast_vault::port::{Clock, ReadObjects};
use holdfast_vault::{PortError, get_blob};
use jiff::SignedDuration;

use super::{CodeSource, RestorePlan, Step, Triggers};
use crate::SettingOutcome;
use crate::lambda::port::{
    Code, CreateFunction, FunctionState, NewFunction, PublishVersions, ReadFunction, ReleaseReading, WireFunction,
};
use crate::lambda::read::{RESTORE_MARK, read_release};
use crate::lambda::{Package, Release};

/// The mark's value while a restore is under way begins with this; afterwards it is the recovery point alone.
const UNDER_WAY: &str = "under-way:";

/// How long to wait between two looks at a function that is being made or changed, at first and at most.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(250);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(4);

/// How often a function is looked at before giving up: about ten minutes. Attaching a network takes a minute or two, a
/// snapshot of an initialised version some minutes.
const MAX_LOOKS: u32 = 150;

/// How often a function that was just made may be unknown.
const MAX_UNKNOWN_LOOKS: u32 = 8;

/// How often a change is tried that collides with another one.
const MAX_COLLISIONS: u32 = 5;

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
    /// Whether this restore had been completed before, so that nothing was changed now.
    pub was_done: bool,
}

/// Carries out a plan. Interrupted anywhere and run again, it takes up its own work and ends the same; once completed, it
/// changes nothing any more, whatever has become of the function since.
///
/// # Errors
/// `AlreadyExists` when there is a function of that name that this restore did not make: nothing was changed. Anything else:
/// the function may be half there, not yet reachable by its triggers, and running the restore again goes on with it.
/// A setting or an old version that cannot be put back is not an error but an outcome.
pub async fn execute<F, S, C>(functions: &F, store: &S, clock: &C, plan: &RestorePlan) -> Result<Restored, PortError>
where
    F: ReadFunction + CreateFunction + PublishVersions + WireFunction,
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
        versions: BTreeMap::new(),
        outcomes: Vec::new(),
    };
    run.claim().await?;
    let was_done = run.done;
    let mut published = run.published().await?;
    for step in &plan.steps {
        run.check_time()?;
        match step {
            Step::Version { was, release, code } => run.version(was, release, code, &mut published).await?,
            Step::Latest { release, code } => run.latest(release, code).await?,
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
        was_done,
    })
}

pub(super) struct Run<'a, F, S, C> {
    pub(super) functions: &'a F,
    store: &'a S,
    pub(super) clock: &'a C,
    pub(super) plan: &'a RestorePlan,
    exists: bool,
    /// Completed before: look, change nothing.
    pub(super) done: bool,
    /// Something failed that a person can set right: a further run has work to do.
    unfinished: bool,
    pub(super) versions: BTreeMap<u64, u64>,
    pub(super) outcomes: Vec<SettingOutcome>,
}

impl<F, S, C> Run<'_, F, S, C>
where
    F: ReadFunction + CreateFunction + PublishVersions + WireFunction,
    S: ReadObjects,
    C: Clock,
{
    pub(super) fn name(&self) -> &str {
        &self.plan.target.name
    }

    /// Finds out whether the function is there and ours.
    async fn claim(&mut self) -> Result<(), PortError> {
        let reading = match read_release(self.functions, self.name(), None).await {
            Ok(reading) => reading,
            Err(PortError::NotFound(_)) => return self.check_left_over().await,
            Err(error) => return Err(error),
        };
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

    /// The published versions of the function as it is now.
    async fn published(&self) -> Result<Vec<(u64, Release)>, PortError> {
        let mut published = Vec::new();
        if self.exists {
            for number in self.functions.published_versions(self.name()).await? {
                let reading = read_release(self.functions, self.name(), Some(&number.to_string())).await?;
                published.push((number, reading.release));
            }
        }
        Ok(published)
    }

    async fn version(
        &mut self,
        was: &[u64],
        release: &Release,
        code: &CodeSource,
        published: &mut Vec<(u64, Release)>,
    ) -> Result<(), PortError> {
        // Versions are published in the order of the plan, so an earlier run's are found in that order.
        let found = published.iter().position(|(_, other)| same_release(release, other));
        let result = match found {
            Some(at) => {
                let (number, _) = published.remove(at);
                published.drain(..at);
                self.wait_for(Some(number)).await.map(|_| number)
            }
            None if self.done => Err(PortError::NotFound("it is not there any more".to_owned())),
            None => self.publish(release, code).await,
        };
        let number = self.told(result, || {
            was.iter().map(|number| format!("Version {number}")).collect()
        })?;
        if let Some(number) = number {
            self.versions.extend(was.iter().map(|old| (*old, number)));
        }
        Ok(())
    }

    async fn publish(&mut self, release: &Release, code: &CodeSource) -> Result<u64, PortError> {
        self.shape(release, code).await?;
        let sha256: Option<Sha256> = match release.package {
            Package::Zip { sha256, .. } => Some(sha256),
            Package::Image { .. } => None,
        };
        let mut collisions = 0;
        let number = loop {
            match self.functions.publish_version(self.name(), sha256.as_ref()).await {
                Err(PortError::Conflict(_)) if collisions < MAX_COLLISIONS => collisions += 1,
                result => break result?,
            }
            self.wait_for(None).await?;
        };
        // A version with a snapshot of its initialised environment is not ready at once.
        match self.wait_for(Some(number)).await?.state {
            FunctionState::Failed(why) => Err(PortError::Invalid(format!("version {number}: {why}"))),
            FunctionState::Ready | FunctionState::Busy => Ok(number),
        }
    }

    async fn latest(&mut self, release: &Release, code: &CodeSource) -> Result<(), PortError> {
        if !self.done {
            self.shape(release, code).await?;
            let now = self.wait_for(None).await?;
            if let FunctionState::Failed(why) = now.state {
                return Err(PortError::Invalid(format!("function {}: {why}", self.name())));
            }
            if !now.release.package.same_code(&release.package) {
                return Err(PortError::Corrupt(format!(
                    "function {}: its code is not that of the recovery point",
                    self.name()
                )));
            }
            let differences = now.release.settings.differences(&release.settings);
            if !differences.is_empty() {
                let message = format!(
                    "the service keeps other values than it was given: {}",
                    differences.join(", ")
                );
                self.outcomes
                    .push(SettingOutcome::needs_person("Configuration", message));
            }
        }
        for setting in ["Code", "Configuration", "Tags"] {
            if self
                .outcomes
                .iter()
                .chain(&self.plan.needs_person)
                .all(|outcome| outcome.setting != setting)
            {
                self.outcomes.push(SettingOutcome::restored(setting));
            }
        }
        Ok(())
    }

    /// Gives `$LATEST` code and settings, making the function if there is none.
    async fn shape(&mut self, release: &Release, code: &CodeSource) -> Result<(), PortError> {
        if !self.exists {
            self.create(release, code).await?;
        }
        // Settings first: a new architecture may need the new runtime. Each is changed once: a service that keeps other values
        // than it is given is not asked for ever.
        let (mut settings_given, mut code_given, mut collisions) = (false, false, 0);
        loop {
            let now = self.wait_for(None).await?;
            let revision = now.revision.as_deref();
            let (from, to) = (&now.release.settings, &release.settings);
            let same_code = now.release.package.same_code(&release.package) && from.architectures == to.architectures;
            let result = if !settings_given && !same_but_architectures(from, to) {
                let result = self.functions.update_settings(self.name(), revision, from, to).await;
                settings_given = result.is_ok();
                result
            } else if !code_given && !same_code {
                let code = self.load(code).await?;
                let result = self
                    .functions
                    .update_code(self.name(), revision, code, &to.architectures)
                    .await;
                code_given = result.is_ok();
                result
            } else {
                return Ok(());
            };
            match result {
                Ok(()) => self.changed().await?,
                Err(PortError::Conflict(_)) if collisions < MAX_COLLISIONS => collisions += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn changed(&self) -> Result<(), PortError> {
        match self.wait_for(None).await?.state {
            FunctionState::Failed(why) => Err(PortError::Invalid(format!("function {}: {why}", self.name()))),
            FunctionState::Ready | FunctionState::Busy => Ok(()),
        }
    }

    async fn create(&mut self, release: &Release, code: &CodeSource) -> Result<(), PortError> {
        let mut tags = self.plan.tags.clone();
        tags.insert(RESTORE_MARK.to_owned(), format!("{UNDER_WAY}{}", self.plan.point));
        let new = NewFunction {
            name: self.name(),
            code: self.load(code).await?,
            settings: &release.settings,
            tags: &tags,
        };
        match self.functions.create_function(new).await {
            Ok(()) => self.exists = true,
            // An earlier try of ours, or somebody else's function.
            Err(PortError::AlreadyExists(_)) => self.claim().await?,
            Err(error) => return Err(error),
        }
        // Reads may trail behind the making for a moment.
        for _ in 0..MAX_UNKNOWN_LOOKS {
            match self.changed().await {
                Err(PortError::NotFound(_)) => self.clock.sleep(FIRST_PAUSE).await,
                result => return result,
            }
        }
        self.changed().await
    }

    async fn load(&self, code: &CodeSource) -> Result<Code, PortError> {
        Ok(match code {
            CodeSource::Vault { bucket, key } => Code::S3 {
                bucket: bucket.clone(),
                key: key.clone(),
            },
            CodeSource::Upload(blob) => Code::Bytes(get_blob(self.store, blob).await?),
            CodeSource::Image(uri) => Code::Image(uri.clone()),
        })
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

    fn check_time(&self) -> Result<(), PortError> {
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

fn same_release(left: &Release, right: &Release) -> bool {
    left.settings == right.settings && left.package.same_code(&right.package)
}

/// The architecture is changed together with the code, the rest on its own.
fn same_but_architectures(left: &crate::lambda::Settings, right: &crate::lambda::Settings) -> bool {
    left.differences(right)
        .iter()
        .all(|name| name == "architectures" || name == "tenant_isolation")
}
