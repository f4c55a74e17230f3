//! Versions and `$LATEST`: code and settings.
//!
//! Another run of the same restore may be at work at the same time, ahead or behind. So each change is decided on a fresh look
//! and made on the condition that the function is still at the revision that was seen; and the versions are listed after
//! that look, so that one that was published before the look's revision passed is seen.

use holdfast_catalog::Sha256;
use holdfast_vault::port::{Clock, ReadObjects};
use holdfast_vault::{PortError, get_blob};

use super::CodeSource;
use super::execute::{FIRST_PAUSE, LONGEST_PAUSE, MAX_COLLISIONS, MakeWhole, Run, UNDER_WAY};
use crate::SettingOutcome;
use crate::lambda::port::{Code, FunctionState, NewFunction, ReleaseReading};
use crate::lambda::read::{RESTORE_MARK, read_release};
use crate::lambda::{Package, Release, Settings};

/// How often a function that was just made may be unknown: reads may trail behind for a moment.
const MAX_UNKNOWN_LOOKS: u32 = 8;

/// How often a function may be refused for its role: one that was made just now is known everywhere after some seconds.
const MAX_ROLE_LOOKS: u32 = 12;

/// A release to be brought about in `$LATEST`, and what was done for it. Settings and code are each given once: a service that
/// keeps other values than it is given is not asked for ever.
struct Wanted<'a> {
    release: &'a Release,
    code: &'a CodeSource,
    settings_given: bool,
    code_given: bool,
    collisions: u32,
}

/// How far a step towards a release came.
enum Reached {
    /// `$LATEST` is as wanted.
    There,
    /// Something was changed, or somebody else changed something: look again.
    LookAgain,
}

impl<'a> Wanted<'a> {
    fn new(release: &'a Release, code: &'a CodeSource) -> Self {
        Wanted {
            release,
            code,
            settings_given: false,
            code_given: false,
            collisions: 0,
        }
    }

    /// Counts a collision.
    ///
    /// # Errors
    /// The collision itself, when there were too many.
    fn collided(&mut self, error: PortError) -> Result<Reached, PortError> {
        self.collisions += 1;
        if self.collisions > MAX_COLLISIONS {
            return Err(error);
        }
        Ok(Reached::LookAgain)
    }
}

impl<F, S, C> Run<'_, F, S, C>
where
    F: MakeWhole,
    S: ReadObjects,
    C: Clock,
{
    pub(super) async fn version(&mut self, was: &[u64], release: &Release, code: &CodeSource) -> Result<(), PortError> {
        let result = self.make_version(Wanted::new(release, code)).await;
        let settings = || was.iter().map(|number| format!("Version {number}")).collect();
        if let Some(number) = self.told(result, settings)? {
            self.newest = number;
            self.versions.extend(was.iter().map(|old| (*old, number)));
        }
        Ok(())
    }

    pub(super) async fn latest(&mut self, release: &Release, code: &CodeSource) -> Result<(), PortError> {
        let mut wanted = Wanted::new(release, code);
        loop {
            let now = self.look(&wanted).await?;
            if self.done {
                break;
            }
            if let Reached::There = self.approach(&now, &mut wanted).await? {
                self.change_tags(&now.tags).await?;
                self.check_latest(&now, release)?;
                break;
            }
        }
        for setting in ["Code", "Configuration", "Tags"] {
            let mut told = self.outcomes.iter().chain(&self.plan.needs_person);
            if told.all(|outcome| outcome.setting != setting) {
                self.outcomes.push(SettingOutcome::restored(setting));
            }
        }
        Ok(())
    }

    fn check_latest(&mut self, now: &ReleaseReading, release: &Release) -> Result<(), PortError> {
        if let FunctionState::Failed(why) = &now.state {
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
            let names = differences.join(", ");
            let message = format!("the service keeps other values than it was given: {names}");
            self.outcomes
                .push(SettingOutcome::needs_person("Configuration", message));
        }
        Ok(())
    }

    /// Finds or publishes a version; gives its number once it is ready.
    async fn make_version(&mut self, mut wanted: Wanted<'_>) -> Result<u64, PortError> {
        loop {
            let now = self.look(&wanted).await?;
            if let Some(number) = self.find_published(wanted.release).await? {
                return self.version_ready(number).await;
            }
            if self.done {
                return Err(PortError::NotFound("it is not there any more".to_owned()));
            }
            if let Reached::LookAgain = self.approach(&now, &mut wanted).await? {
                continue;
            }
            let sha256: Option<Sha256> = match wanted.release.package {
                Package::Zip { sha256, .. } => Some(sha256),
                Package::Image { .. } => None,
            };
            let revision = now.revision.as_deref();
            let published = self
                .functions
                .publish_version(self.name(), revision, sha256.as_ref())
                .await;
            match published {
                Ok(number) => return self.version_ready(number).await,
                Err(error @ PortError::Conflict(_)) => wanted.collided(error)?,
                Err(error) => return Err(error),
            };
        }
    }

    /// A version with a snapshot of its initialised environment is not ready at once.
    async fn version_ready(&self, number: u64) -> Result<u64, PortError> {
        match self.wait_for(Some(number)).await?.state {
            FunctionState::Failed(why) => Err(PortError::Invalid(format!("version {number}: {why}"))),
            FunctionState::Ready | FunctionState::Busy => Ok(number),
        }
    }

    /// The oldest published version after the one that was matched last which is as wanted. Versions are published in the order
    /// of the plan, so those of an earlier run are found in that order.
    async fn find_published(&mut self, release: &Release) -> Result<Option<u64>, PortError> {
        for number in self.functions.published_versions(self.name()).await? {
            if number <= self.newest {
                continue;
            }
            if !self.published.contains_key(&number) {
                let reading = read_release(self.functions, self.name(), Some(&number.to_string())).await?;
                self.published.insert(number, reading.release);
            }
            if self
                .published
                .get(&number)
                .is_some_and(|found| same_release(found, release))
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Looks at `$LATEST` when it is not being changed, making the function if there is none.
    async fn look(&mut self, wanted: &Wanted<'_>) -> Result<ReleaseReading, PortError> {
        if !self.exists {
            self.create(wanted.release, wanted.code).await?;
        }
        let now = self.wait_for(None).await?;
        // Another run of this restore may have completed it meanwhile.
        self.recognise(&now)?;
        Ok(now)
    }

    /// One change towards a release, if one is needed.
    async fn approach(&self, now: &ReleaseReading, wanted: &mut Wanted<'_>) -> Result<Reached, PortError> {
        let revision = now.revision.as_deref();
        let (from, to) = (&now.release.settings, &wanted.release.settings);
        let same_code =
            now.release.package.same_code(&wanted.release.package) && from.architectures == to.architectures;
        // Settings first: a new architecture may need the new runtime.
        let result = if !wanted.settings_given && !same_but_architectures(from, to) {
            let result = self.functions.update_settings(self.name(), revision, from, to).await;
            wanted.settings_given = result.is_ok();
            result
        } else if !wanted.code_given && !same_code {
            let code = self.load(wanted.code).await?;
            let call = self
                .functions
                .update_code(self.name(), revision, code, &to.architectures);
            let result = call.await;
            wanted.code_given = result.is_ok();
            result
        } else {
            return Ok(Reached::There);
        };
        match result {
            Ok(()) => self.changed().await.map(|()| Reached::LookAgain),
            Err(error @ PortError::Conflict(_)) => wanted.collided(error),
            Err(error) => Err(error),
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
        let (mut looks, mut pause) = (0, FIRST_PAUSE);
        loop {
            let new = NewFunction {
                name: self.name(),
                code: self.load(code).await?,
                settings: &release.settings,
                tags: &tags,
            };
            match self.functions.create_function(new).await {
                Ok(()) => {
                    self.exists = true;
                    break;
                }
                // Another try of ours, or somebody else's function.
                Err(PortError::AlreadyExists(_)) => break self.claim().await?,
                Err(PortError::Conflict(_)) if looks < MAX_ROLE_LOOKS => {
                    self.check_time()?;
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    looks += 1;
                }
                Err(error) => return Err(error),
            }
        }
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
}

fn same_release(left: &Release, right: &Release) -> bool {
    left.settings == right.settings && left.package.same_code(&right.package)
}

/// The architecture is changed together with the code, and how tenants are kept apart not at all.
fn same_but_architectures(left: &Settings, right: &Settings) -> bool {
    let differences = left.differences(right);
    differences
        .iter()
        .all(|name| name == "architectures" || name == "tenant_isolation")
}
