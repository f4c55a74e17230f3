use holdfast_catalog::{Arn, ResourceId};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Document;
use crate::SettingOutcome;
use crate::call::{Call, InAccount, Operation};
use crate::dynamodb::backoff::Backoff;

/// How long one call is made again while waiting may help. A queue's name is free a minute after its deletion, a new role is
/// known everywhere after some seconds.
const PATIENCE: SignedDuration = SignedDuration::from_secs(90);

/// The most pages of a listing that are read: more than any account has resources. A service whose pages never end must not keep
/// a run.
const MAX_PAGES: usize = 10_000;

/// A resource, and the account that is asked about it.
pub(crate) struct At<'a, P> {
    pub(crate) port: &'a P,
    pub(crate) id: &'a ResourceId,
}

impl<P: Sync> At<'_, P> {
    /// Makes a call in the resource's region.
    pub(crate) async fn ask<O: Operation>(&self, input: Value) -> Result<Value, PortError>
    where
        P: Call<O>,
    {
        let result = Call::<O>::call(self.port, &self.id.region, input).await;
        result.map_err(|error| error.doing(&self.id.to_string()))
    }

    /// All pages of a listing: `items` is the member that holds them, `token` the answer's member that leads to the next page,
    /// and `next` the input's member that takes it.
    pub(crate) async fn pages<O: Operation>(
        &self,
        input: Value,
        items: &str,
        token: &str,
        next: &str,
    ) -> Result<Vec<Value>, PortError>
    where
        P: Call<O>,
    {
        let mut all = Vec::new();
        let mut input = input;
        for _ in 0..MAX_PAGES {
            let page = self.ask::<O>(input.clone()).await?;
            all.extend(page.get(items).and_then(Value::as_array).cloned().unwrap_or_default());
            // An empty token is some services' way to say that there are no more pages.
            match page
                .get(token)
                .and_then(Value::as_str)
                .filter(|token| !token.is_empty())
            {
                None => return Ok(all),
                Some(token) => input[next] = Value::from(token),
            }
        }
        Err(PortError::Unavailable(format!("{}: {} has no end", self.id, O::NAME)))
    }

    /// The resource's ARN, where it follows from its name.
    pub(crate) fn arn(&self) -> Result<Arn, PortError>
    where
        P: InAccount,
    {
        let arn = self.id.arn(self.port.account());
        arn.ok_or_else(|| PortError::Invalid(format!("{}: its ARN does not follow from its name", self.id)))
    }
}

/// What was read, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) settings: Vec<String>,
    pub(crate) words: Vec<String>,
}

impl Notes {
    /// A refusal becomes a note and a missing detail nothing; everything else is as it was.
    pub(crate) fn detail<T>(&mut self, setting: &str, result: Result<T, PortError>) -> Result<Option<T>, PortError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(PortError::NotFound(_)) => Ok(None),
            Err(PortError::Denied(why)) => {
                self.settings.push(setting.to_owned());
                self.words.push(format!("{setting} could not be read: {why}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A resource that is being made as a document says.
pub(crate) struct Making<'a, P, C> {
    pub(crate) at: At<'a, P>,
    pub(crate) clock: &'a C,
    /// As it shall become.
    pub(crate) wanted: &'a Document,
    /// Whether it is there: made by an earlier try.
    pub(crate) exists: bool,
    /// What became of each setting.
    pub(crate) outcomes: Vec<SettingOutcome>,
    /// Whether it was made by this try.
    pub(crate) is_made: bool,
    /// Whether a call has failed that a later try may make: the restore is not finished then.
    pub(crate) is_open: bool,
}

impl<P: Sync, C: Clock> Making<'_, P, C> {
    /// Makes a call, again while waiting may help.
    pub(crate) async fn ask<O: Operation>(&self, input: Value) -> Result<Value, PortError>
    where
        P: Call<O>,
    {
        let began = self.clock.now();
        let mut backoff = Backoff::new(0);
        loop {
            match self.at.ask::<O>(input.clone()).await {
                Err(error) if error.is_retryable() => {
                    if self.clock.now().duration_since(began) > PATIENCE || !backoff.pause(self.clock).await {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }

    /// Makes the call that creates the resource. That it is there by now is an error unless an earlier try of ours made it.
    pub(crate) async fn create<O: Operation>(&mut self, input: Value) -> Result<Value, PortError>
    where
        P: Call<O>,
    {
        match self.ask::<O>(input).await {
            Err(PortError::AlreadyExists(_)) if self.exists => Ok(json!({})),
            // It was not there a moment ago. What we announced and nobody else has made is ours: the next try knows.
            Err(PortError::AlreadyExists(why)) => Err(PortError::Conflict(format!(
                "it came to be while it was being made, by a call whose answer was lost or by somebody else: {why}"
            ))),
            result => {
                self.is_made |= result.is_ok();
                result
            }
        }
    }

    /// Puts one setting back. What a person has to see to is told and stops no other setting.
    pub(crate) async fn set<O: Operation>(&mut self, setting: &str, input: Value) -> Result<Option<Value>, PortError>
    where
        P: Call<O>,
    {
        let result = self.ask::<O>(input).await;
        self.told(setting, result)
    }

    /// Records how putting a setting back ended.
    pub(crate) fn told<T>(&mut self, setting: &str, result: Result<T, PortError>) -> Result<Option<T>, PortError> {
        match result {
            Ok(value) => {
                self.outcomes.push(SettingOutcome::restored(setting));
                Ok(Some(value))
            }
            Err(error) if error.is_retryable() => Err(error),
            Err(error) => {
                self.is_open = true;
                let message = match &error {
                    PortError::AlreadyExists(_) => {
                        format!("{error}; it came to be meanwhile: restore again to compare it")
                    }
                    _ => format!("{error}; when that is set right, restore again"),
                };
                self.outcomes.push(SettingOutcome::needs_person(setting, message));
                Ok(None)
            }
        }
    }

    /// Says what a person has to see to.
    pub(crate) fn needs_person(&mut self, setting: &str, message: impl Into<String>) {
        self.outcomes.push(SettingOutcome::needs_person(setting, message));
    }
}
