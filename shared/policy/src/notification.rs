//! Who hears of what.

use std::fmt;
use std::str::FromStr;

use holdfast_catalog::{Arn, PlanName, Region};

use crate::account::AccountId;
use crate::document::Document;
use crate::fault::Problem;

/// What can be heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// A run failed.
    Failed,
    /// A run did a part of its work only.
    Partial,
    /// A resource no longer meets its recovery point objective.
    RpoBreached,
    /// A recovery point is damaged.
    Damaged,
    /// A restore test failed.
    RestoreTestFailed,
    /// The policy document is not valid, and an older one is in force.
    PolicyInvalid,
    /// Recovery points were given up.
    Pruned,
    /// Data was removed for good.
    Swept,
    /// A legal hold was laid or lifted.
    Hold,
}

impl Notice {
    /// Every one.
    pub const ALL: [Notice; 9] = [
        Notice::Failed,
        Notice::Partial,
        Notice::RpoBreached,
        Notice::Damaged,
        Notice::RestoreTestFailed,
        Notice::PolicyInvalid,
        Notice::Pruned,
        Notice::Swept,
        Notice::Hold,
    ];

    /// Its word in policies and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Notice::Failed => "failed",
            Notice::Partial => "partial",
            Notice::RpoBreached => "rpo-breached",
            Notice::Damaged => "damaged",
            Notice::RestoreTestFailed => "restore-test-failed",
            Notice::PolicyInvalid => "policy-invalid",
            Notice::Pruned => "pruned",
            Notice::Swept => "swept",
            Notice::Hold => "hold",
        }
    }

    /// Whether those hear of it who do not say what they want to hear: of everything but the daily work of `prune`.
    pub fn is_told_by_default(self) -> bool {
        !matches!(self, Notice::Pruned | Notice::Swept)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ARN of a standard SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicArn(Arn);

impl TopicArn {
    /// The topic's ARN.
    pub fn arn(&self) -> &Arn {
        &self.0
    }
}

impl FromStr for TopicArn {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let misshapen = || {
            let change = "write it whole, for example arn:aws:sns:eu-central-1:111122223333:holdfast-ops";
            Problem::new("not the ARN of an SNS topic", change)
        };
        let arn: Arn = text.parse().map_err(|_| misshapen())?;
        let name = arn.resource();
        if arn.service() == "sns" && name.ends_with(".fifo") {
            return Err(Problem::new(
                "a FIFO topic",
                "write a standard topic: it reaches people",
            ));
        }
        let is_name = name.len() <= 256 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let is_whole = arn.region().parse::<Region>().is_ok() && arn.account().parse::<AccountId>().is_ok();
        if arn.service() == "sns" && arn.partition().starts_with("aws") && is_whole && is_name {
            Ok(TopicArn(arn))
        } else {
            Err(misshapen())
        }
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A topic, and what is told there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Where it is told.
    pub topic: TopicArn,
    /// What is told; at least one notice.
    pub events: Vec<Notice>,
    /// Of which plans it is told; of all of them if there are none here.
    pub plans: Vec<PlanName>,
}

/// The topics that hear of an event, each one once, in the order of the document.
///
/// What concerns no single plan, such as a policy that is not valid, all topics hear that listen to such events, whatever
/// plans they name: it concerns those plans too.
pub fn audience<'a>(document: &'a Document, event: Notice, plan: Option<&PlanName>) -> Vec<&'a TopicArn> {
    let mut topics = Vec::new();
    for notification in &document.notifications {
        let concerns = |plan| notification.plans.is_empty() || notification.plans.contains(plan);
        if notification.events.contains(&event) && plan.is_none_or(concerns) && !topics.contains(&&notification.topic) {
            topics.push(&notification.topic);
        }
    }
    topics
}
