use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{Outcome, OutcomeStatus, PlanName, PointId, Report, Sha256, layout};
use holdfast_policy::{Notice, TopicArn, audience};
use holdfast_vault::PortError;
use holdfast_vault::port::{ReadObjects, WriteObjects};
use holdfast_vault::signal::TellPeople;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Settings, policy_in_force};

/// The detail by which an outcome says what can be heard of it, where its status does not say enough.
pub const NOTICE: &str = "notice";

/// A message holds so many lines; the others are counted.
const MAX_LINES: usize = 100;

/// Something that people may hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    notice: Notice,
    plan: Option<PlanName>,
    subject: String,
    line: String,
}

/// Tells people what a run's report says, by the notifications of the policy in force.
#[derive(Debug, Clone)]
pub struct Notifier<V, T> {
    /// The vault, where the policy lies and where it is noted who was told of what.
    pub vault: V,
    /// The topics.
    pub topics: T,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V, T> Notifier<V, T> {
    /// Of a stack with these settings.
    pub fn new(vault: V, topics: T, settings: &Settings) -> Self {
        Notifier {
            vault,
            topics,
            policy_key: settings.policy_key.clone(),
            tag_key: settings.tag_key.clone(),
        }
    }
}

impl<V: ReadObjects + WriteObjects, T: TellPeople> Notifier<V, T> {
    /// Tells everybody who listens. Each of them hears of the same thing once a day (UTC), however often it happens.
    ///
    /// What keeps somebody from being told becomes a note of the report: it undoes nothing.
    pub async fn notify(&self, report: &mut Report, now: Timestamp) {
        let heard = heard(report);
        if report.dry_run || heard.is_empty() {
            return;
        }
        let policy = match policy_in_force(&self.vault, &self.policy_key, &self.tag_key).await {
            Ok(policy) => policy,
            Err(error) => {
                report.notes.push(format!("nobody was told: {error}"));
                return;
            }
        };
        let mut by_topic: BTreeMap<&TopicArn, Vec<Heard>> = BTreeMap::new();
        for heard in heard {
            for topic in audience(&policy.document, heard.notice, heard.plan.as_ref()) {
                by_topic.entry(topic).or_default().push(heard.clone());
            }
        }
        for (topic, heard) in by_topic {
            if let Err(error) = tell(&self.vault, &self.topics, topic, &report.function, heard, now).await {
                report.notes.push(format!("{topic} was not told: {error}"));
            }
        }
    }
}

async fn tell<V, T>(
    vault: &V,
    topics: &T,
    topic: &TopicArn,
    function: &str,
    heard: Vec<Heard>,
    now: Timestamp,
) -> Result<(), PortError>
where
    V: ReadObjects + WriteObjects,
    T: TellPeople,
{
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut new = Vec::new();
    for heard in heard {
        let what = format!("{topic}\n{}\n{}", heard.notice, heard.subject);
        let key = layout::notice(today, &Sha256::of(what.as_bytes()));
        match vault.head(&key).await {
            Ok(_) => {}
            Err(PortError::NotFound(_)) => new.push((key, heard)),
            Err(error) => return Err(error),
        }
    }
    let Some((_, first)) = new.first() else { return Ok(()) };
    let subject = match new.len() {
        1 => format!("holdfast {function}: {} {}", first.notice, first.subject),
        count => format!(
            "holdfast {function}: {count} notices, first {} {}",
            first.notice, first.subject
        ),
    };
    let mut lines: Vec<&str> = new
        .iter()
        .map(|(_, heard)| heard.line.as_str())
        .take(MAX_LINES)
        .collect();
    let more = format!("and {} more", new.len().saturating_sub(MAX_LINES));
    if new.len() > MAX_LINES {
        lines.push(&more);
    }
    // Told first, noted then: to be told twice is better than not at all.
    topics.tell(topic.arn(), &subject, &lines.join("\n")).await?;
    for (key, heard) in new {
        vault.create(&key, Bytes::from(heard.line)).await?;
    }
    Ok(())
}

fn heard(report: &Report) -> Vec<Heard> {
    let outcomes = report.outcomes.iter().filter_map(|outcome| {
        let notice = notice_of(outcome)?;
        Some(Heard {
            notice,
            plan: plan_of(outcome),
            subject: outcome.subject.clone(),
            line: format!("{notice} {}: {}", outcome.subject, outcome.message),
        })
    });
    let is_invalid = report
        .metrics
        .get("PolicyInvalid")
        .is_some_and(|invalid| *invalid > 0.0);
    let policy = is_invalid.then(|| Heard {
        notice: Notice::PolicyInvalid,
        plan: None,
        subject: "policy".to_owned(),
        line: format!("{}: {}", Notice::PolicyInvalid, report.notes.join("; ")),
    });
    outcomes.chain(policy).collect()
}

fn notice_of(outcome: &Outcome) -> Option<Notice> {
    let said = outcome.details.get(NOTICE).and_then(|word| word.as_str());
    let said = said.and_then(|word| Notice::ALL.into_iter().find(|notice| notice.as_str() == word));
    said.or(match outcome.status {
        OutcomeStatus::Failed => Some(Notice::Failed),
        OutcomeStatus::Partial => Some(Notice::Partial),
        OutcomeStatus::Done | OutcomeStatus::Unchanged | OutcomeStatus::Planned | OutcomeStatus::Continuing => None,
    })
}

/// The plan that an outcome concerns: that of its point, or the one that it names.
fn plan_of(outcome: &Outcome) -> Option<PlanName> {
    let named = || outcome.details.get("plan")?.as_str()?.parse().ok();
    // A point of the replica vault has the region before it.
    let subject = outcome.subject.rsplit(": ").next().unwrap_or_default();
    let of_point = subject.parse::<PointId>().ok().map(|point| point.plan);
    of_point.or_else(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(subject: &str, status: OutcomeStatus) -> Outcome {
        Outcome::new(subject, status, "words")
    }

    #[test]
    fn an_outcome_is_heard_of_by_what_it_says_it_is_or_else_by_its_status() {
        use OutcomeStatus::{Done, Failed, Partial, Unchanged};
        for (outcome, expected) in [
            (outcome("a", Failed), Some(Notice::Failed)),
            (outcome("a", Partial), Some(Notice::Partial)),
            (outcome("a", Done), None),
            (outcome("a", Unchanged), None),
            (outcome("a", Failed).with(NOTICE, "damaged"), Some(Notice::Damaged)),
            (outcome("a", Done).with(NOTICE, "pruned"), Some(Notice::Pruned)),
            (outcome("a", Failed).with(NOTICE, "of no kind"), Some(Notice::Failed)),
        ] {
            assert_eq!(notice_of(&outcome), expected, "{outcome:?}");
        }
    }

    #[test]
    fn an_outcome_concerns_the_plan_of_its_point_or_the_one_that_it_names() {
        let point = "dynamodb-table/eu-central-1/orders/20261121T030000Z-nightly";
        for (outcome, expected) in [
            (outcome(point, OutcomeStatus::Done), Some("nightly")),
            (
                outcome(&format!("eu-west-1: {point}"), OutcomeStatus::Done),
                Some("nightly"),
            ),
            (
                outcome("dynamodb-table/eu-central-1/orders", OutcomeStatus::Failed).with("plan", "standard"),
                Some("standard"),
            ),
            (outcome("sweep", OutcomeStatus::Failed), None),
        ] {
            assert_eq!(
                plan_of(&outcome).as_ref().map(PlanName::as_str),
                expected,
                "{outcome:?}"
            );
        }
    }
}
