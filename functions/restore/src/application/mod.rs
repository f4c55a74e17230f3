//! Bringing an application back: plan, show, do, report.

mod act;
mod event;
mod files;
mod gather;
mod in_place;
mod managed;
mod progress;
mod streams;
mod wire;

use std::collections::BTreeSet;

use holdfast_catalog::{Kind, Outcome, OutcomeStatus, PointId, Report};
use holdfast_lambda::Failure;
use holdfast_sources::application::{self, ArnMap, CodeBucket, Member, Plan, Step, Word};
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use serde_json::json;

use crate::{Regions, Restore, VaultPorts, WorkPorts, advice};
use act::Act;
pub use event::{Chosen, EXAMPLE, Request};
use gather::{Gathered, Point};
use managed::LOOK_AGAIN_SECONDS;
use progress::Progress;

/// An invocation with less time than this begins no further resource: the rest is the next one's.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(60);

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Restores an application, as far as time allows; in a dry run it says what it would do.
    ///
    /// # Errors
    /// The request is not valid, a name cannot be as asked, or no vault could be read. What goes wrong with a resource is in the
    /// report.
    pub async fn run_application<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        let mut gathered = self.gather(&request, clock).await?;
        if !request.roles {
            leave_roles(&mut gathered);
        }
        if let Some(region) = &request.target.region {
            // All of it or nothing: half an application would be none.
            let manifests = gathered.points.iter().map(|point| &point.manifest);
            let note = self.check_residency(gathered.vault, manifests, region).await?;
            gathered.notes.extend(note);
        }
        let members: Vec<Member> = gathered.points.iter().map(|point| point.member.clone()).collect();
        let account = members
            .iter()
            .map(|member| member.arn.account())
            .max()
            .unwrap_or_default();
        let mut map = ArnMap::new(&members, &request.target, account).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Failure::InvalidRequest(faults.join("; "))
        })?;
        request.replace.iter().for_each(|(old, new)| map.insert(old, new));
        if request.template {
            return Ok(self.as_template(&request, &gathered, &members, account));
        }
        let plan = application::plan(&members, &map);
        let mut outcomes: Vec<Outcome> = gathered.missing.iter().map(missing).collect();
        if request.dry_run {
            outcomes.extend(plan.steps.iter().map(planned));
        } else {
            outcomes.extend(self.act(&request, &gathered, map, &plan, clock).await?);
        }
        let mut report = Report::of("restore", outcomes);
        report.dry_run = request.dry_run;
        report.notes = gathered.notes;
        report.notes.extend(plan.notes.iter().cloned());
        if request.dry_run {
            report.notes.extend(plan.to_string().lines().map(str::to_owned));
            if request.in_place {
                let note = "what is there and another is changed in place, after a point of it was taken; items are not touched";
                report.notes.push(note.to_owned());
            }
        } else if !request.switch_on && !plan.phases().1.is_empty() {
            report.notes.push(withheld(&plan));
        }
        Ok(report)
    }

    /// The application as a CloudFormation template; the names are good, as the map has shown.
    fn as_template(&self, request: &Request, gathered: &Gathered<'_, V>, members: &[Member], account: &str) -> Report {
        let code = CodeBucket(gathered.vault.location.place.to_string());
        let mut outcomes: Vec<Outcome> = gathered.missing.iter().map(missing).collect();
        let mut notes = gathered.notes.clone();
        match application::template(members, &request.target, account, &code) {
            Ok(template) => {
                notes.extend(template.notes);
                let written = Outcome::new("template", OutcomeStatus::Done, "for aws cloudformation deploy");
                outcomes.push(
                    written
                        .with("template", template.body)
                        .with("imports", template.imports),
                );
            }
            Err(faults) => {
                let faults = faults
                    .iter()
                    .map(|fault| Outcome::new("template", OutcomeStatus::Failed, fault.to_string()));
                outcomes.extend(faults);
            }
        }
        let mut report = Report::of("restore", outcomes);
        report.notes = notes;
        report
    }

    async fn act<C: Clock>(
        &self,
        request: &Request,
        gathered: &Gathered<'_, V>,
        map: ArnMap,
        plan: &Plan,
        clock: &C,
    ) -> Result<Vec<Outcome>, Failure> {
        let (quiet, loud) = plan.phases();
        let steps: Vec<&Step> = quiet.iter().chain(loud.iter().filter(|_| request.switch_on)).collect();
        let mut act = Act {
            restore: self,
            gathered,
            from: request.from.as_ref(),
            map,
            replace: &request.replace,
            ours: BTreeSet::new(),
            in_place: request.in_place,
            records: request.records,
            wait_seconds: 0,
        };
        let mut progress = Progress::new(request.given_up.clone());
        for (at, step) in steps.iter().enumerate() {
            if clock.remaining() < STOP_BEFORE_END {
                progress.left += steps.len() - at;
                break;
            }
            if !progress.is_due(step, at >= quiet.len()) {
                continue;
            }
            let is_managed = gathered.is_managed(&step.resource);
            let (outcome, may_pass) = match act.step(step, clock).await {
                Ok(outcome) => (outcome, false),
                Err(error) => {
                    let failed = Word::Failed(format!("{error}{}", advice(&error)));
                    (told(step, &failed), error.is_retryable())
                }
            };
            let goes_on = outcome.status == OutcomeStatus::Continuing;
            progress.done(step, outcome, is_managed && !may_pass);
            if goes_on && is_managed {
                act.wait_seconds = LOOK_AGAIN_SECONDS;
                progress.wait(step);
            } else if goes_on {
                progress.left += steps.len() - at;
                break;
            }
        }
        if progress.left > 0 {
            let rest = self.leave_rest(request, gathered, &progress, act.wait_seconds).await?;
            progress.outcomes.push(rest);
        }
        Ok(progress.outcomes)
    }

    /// Leaves the rest to the next invocation: the same request with the points that were chosen, so that what is meant does
    /// not change meanwhile.
    async fn leave_rest(
        &self,
        request: &Request,
        gathered: &Gathered<'_, V>,
        progress: &Progress<'_>,
        delay_seconds: u32,
    ) -> Result<Outcome, Failure> {
        let points: Vec<PointId> = gathered
            .points
            .iter()
            .map(|point| point.manifest.point.clone())
            .collect();
        let resolved = Request {
            application: Chosen {
                points: Some(points),
                ..Chosen::default()
            },
            given_up: progress.given_up.clone(),
            began_in: Some(gathered.vault.location.place.to_string()),
            ..request.clone()
        };
        self.work.send(vec![json!(resolved).to_string()], delay_seconds).await?;
        let message = format!("{} steps are left and go on by themselves", progress.left);
        Ok(Outcome::new("application", OutcomeStatus::Continuing, message))
    }
}

/// Takes the roles out of an application: they are restored only for whom asks for that.
fn leave_roles<V>(gathered: &mut Gathered<'_, V>) {
    let is_role = |point: &Point| point.member.id.kind == Kind::IamRole;
    let roles: Vec<String> = gathered
        .points
        .iter()
        .filter(|point| is_role(point))
        .map(|point| point.member.id.to_string())
        .collect();
    gathered.points.retain(|point| !is_role(point));
    if !roles.is_empty() {
        gathered.notes.push(format!(
            "{} stay as they are: to restore them too, send the same event with \"roles\": true",
            roles.join(", ")
        ));
    }
}

/// What a step's outcome says: the word first.
fn told(step: &Step, word: &Word) -> Outcome {
    Outcome::new(&step.target, word.status(), word.to_string())
        .with("step", step.name())
        .with("word", word.as_str())
        .with("was", step.resource.to_string())
}

fn planned(step: &Step) -> Outcome {
    Outcome::new(&step.target, OutcomeStatus::Planned, "")
        .with("step", step.name())
        .with("was", step.resource.to_string())
}

fn missing((subject, why): &(String, String)) -> Outcome {
    Outcome::new(subject, OutcomeStatus::Failed, why.clone()).with("word", "failed")
}

fn withheld(plan: &Plan) -> String {
    let names: Vec<String> = plan.phases().1.iter().map(|step| step.target.to_string()).collect();
    format!(
        "events do not flow yet: {} stay off; send the same event with \"switch_on\": true when they may",
        names.join(", ")
    )
}
