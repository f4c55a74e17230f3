//! Several destinations: each on its own, so that trouble with one keeps no copy from the others.

use holdfast_catalog::{Outcome, OutcomeStatus, PointId, Report};
use holdfast_lambda::{Failure, Handler, InvocationClock};
use holdfast_sources::managed::CopyNews;
use holdfast_vault::port::Clock;
use serde_json::Value;

use crate::lag::is_longest;
use crate::{BackupVaults, HomePorts, MakerPorts, NAME, Regions, ReplicaPorts, Replicate, Request};

/// `replicate` to every replica region of a stack.
pub struct Everywhere<H, R, M, B> {
    /// The replicas, the stack's own first; none if the stack has none.
    pub destinations: Vec<Replicate<H, R, M, B>>,
    /// Where AWS Backup needs vaults beside those, if the stack has AWS Backup.
    pub vaults: Option<BackupVaults<H, M, B>>,
}

impl<H: HomePorts, R: ReplicaPorts, M: MakerPorts, B: Regions> Handler for Everywhere<H, R, M, B> {
    const NAME: &'static str = NAME;

    async fn tick(&self, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_all(clock).await
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_request(Request::parse(event)?, clock).await
    }
}

impl<H: HomePorts, R: ReplicaPorts, M: MakerPorts, B: Regions> Everywhere<H, R, M, B> {
    /// Makes the vaults that AWS Backup needs and copies everything everywhere, as far as time allows.
    ///
    /// # Errors
    /// No destination could be worked for, or the policy cannot be read.
    pub async fn run_all<C: Clock>(&self, clock: &C) -> Result<Report, Failure> {
        // First, because points wait for them, and quick.
        let vaults = match &self.vaults {
            Some(vaults) => vaults.run(clock).await?.outcomes,
            None => Vec::new(),
        };
        let mut reports = Vec::new();
        for destination in &self.destinations {
            reports.push(destination.run_all(clock).await);
        }
        self.joined(vaults, reports)
    }

    /// Does what a person, the bus or AWS Backup asks for.
    ///
    /// # Errors
    /// No destination could be worked for.
    pub async fn run_request<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        match request {
            Request::Point(wanted) => self.run_point(&wanted.point, clock).await,
            Request::News(news) => self.hear(&news, clock).await,
        }
    }

    /// Goes on with the copy of a job that has news. What is said of the job is not believed: the copy is followed as by a tick, so
    /// an event that comes twice, late, out of order or not at all changes nothing.
    async fn hear<C: Clock>(&self, news: &CopyNews, clock: &C) -> Result<Report, Failure> {
        let mut reports = Vec::new();
        for destination in &self.destinations {
            reports.push(match destination.point_of(news).await? {
                Some(point) => destination.run_point(&point, clock).await,
                None => Ok(Report::of(NAME, Vec::new())),
            });
        }
        let report = self.joined(Vec::new(), reports)?;
        if !report.outcomes.is_empty() {
            return Ok(report);
        }
        let message = "no copy that goes on here has this job of AWS Backup: nothing to do";
        let outcome = Outcome::new(&news.job.job_id, OutcomeStatus::Unchanged, message);
        Ok(Report::of(NAME, vec![outcome]))
    }

    /// Copies one point to wherever its plan wants it.
    ///
    /// # Errors
    /// No destination could be worked for: for example, there is no such point.
    pub async fn run_point<C: Clock>(&self, point: &PointId, clock: &C) -> Result<Report, Failure> {
        let mut reports = Vec::new();
        if self.destinations.is_empty() {
            let message = "the stack has no replica region: deploy it with the parameter ReplicaRegion";
            return Err(Failure::InvalidSettings(message.to_owned()));
        }
        for destination in &self.destinations {
            reports.push(destination.run_point(point, clock).await);
        }
        self.joined(Vec::new(), reports)
    }

    /// One report of all. The stack's own replica speaks plainly, of the others the region stands before each subject.
    fn joined(&self, vaults: Vec<Outcome>, reports: Vec<Result<Report, Failure>>) -> Result<Report, Failure> {
        let mut whole = Report::of(NAME, vaults);
        let mut failures = Vec::new();
        for (at, (destination, report)) in self.destinations.iter().zip(reports).enumerate() {
            let region = &destination.spec.region;
            let prefix = if at == 0 { String::new() } else { format!("{region}: ") };
            match report {
                Ok(report) => {
                    whole
                        .outcomes
                        .extend(report.outcomes.into_iter().map(|outcome| Outcome {
                            subject: format!("{prefix}{}", outcome.subject),
                            ..outcome
                        }));
                    let new = report.notes.into_iter().filter(|note| !whole.notes.contains(note));
                    let new: Vec<String> = new.collect();
                    whole.notes.extend(new);
                    for (name, value) in report.metrics {
                        let is_longest = is_longest(&name);
                        let known = whole.metrics.entry(name).or_insert(0.0);
                        // Points add up; of lags and waits the longest counts.
                        *known = match is_longest {
                            true => known.max(value),
                            false => *known + value,
                        };
                    }
                }
                Err(failure) => {
                    let message = format!("nothing was copied there: {failure}");
                    let outcome = Outcome::new(format!("{region}: vault"), OutcomeStatus::Failed, message);
                    whole.outcomes.push(outcome);
                    failures.push(failure);
                }
            }
        }
        match failures.pop() {
            Some(failure) if failures.len() + 1 == self.destinations.len() => Err(failure),
            _ => {
                let (notes, metrics) = (whole.notes, whole.metrics);
                whole = Report::of(NAME, whole.outcomes);
                (whole.notes, whole.metrics) = (notes, metrics);
                Ok(whole)
            }
        }
    }
}
