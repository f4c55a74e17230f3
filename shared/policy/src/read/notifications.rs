//! Reading who hears of what.

use holdfast_catalog::PlanName;

use super::fields::{MAX_ENTRIES, Place, every, named};
use super::suggest::closest;
use crate::fault::{Collector, Problem};
use crate::notification::{Notice, Notification};

pub(super) const NOTIFICATION: [&str; 3] = ["topic", "events", "plans"];

/// Reads `notifications`. `plans` are the names of the document's plans; nothing if one of them could not be read.
pub(super) fn notifications(
    place: &Place<'_>,
    plans: Option<&[PlanName]>,
    faults: &mut Collector,
) -> Option<Vec<Notification>> {
    let items = place.items_up_to(
        MAX_ENTRIES,
        faults,
        "write a list of topics, for example [{topic: arn:aws:sns:…}]",
    )?;
    every(&items, faults, |item, faults| notification(item, plans, faults))
}

fn notification(place: &Place<'_>, plans: Option<&[PlanName]>, faults: &mut Collector) -> Option<Notification> {
    const TOPIC: &str = "write the ARN of an SNS topic";
    let fields = place.fields(faults, &NOTIFICATION, "write topic:")?;
    let topic = fields
        .require(faults, "topic", "a notification without a topic", "add topic:")
        .and_then(|place| place.parsed(faults, TOPIC));
    let events = match fields.get("events") {
        Some(place) => place
            .one_or_more(faults, "write what to tell, for example [failed, rpo-breached]")
            .and_then(|items| every(&items, faults, event)),
        None => Some(
            Notice::ALL
                .into_iter()
                .filter(|notice| notice.is_told_by_default())
                .collect(),
        ),
    };
    let plans = match fields.get("plans") {
        Some(place) => place
            .one_or_more(faults, "write names of plans")
            .and_then(|items| every(&items, faults, |item, faults| plan(item, plans, faults))),
        None => Some(Vec::new()),
    };
    Some(Notification {
        topic: topic?,
        events: events?,
        plans: plans?,
    })
}

fn event(place: &Place<'_>, faults: &mut Collector) -> Option<Notice> {
    let words = Notice::ALL.map(Notice::as_str);
    let wanted = format!("write {}", words.join(", "));
    let text = place.text(faults, &wanted)?;
    let notice = Notice::ALL.into_iter().find(|notice| notice.as_str() == text);
    let read = notice.ok_or_else(|| match closest(text, words) {
        Some(near) => Problem::new("unknown event", format!("did you mean {near}?")),
        None => Problem::new("unknown event", wanted),
    });
    place.take(faults, read)
}

fn plan(place: &Place<'_>, plans: Option<&[PlanName]>, faults: &mut Collector) -> Option<PlanName> {
    let text = place.text(faults, "write the name of a plan")?;
    let name: PlanName = place.take(faults, named(text.parse()))?;
    if let Some(plans) = plans.filter(|plans| !plans.contains(&name)) {
        let change = match closest(text, plans.iter().map(PlanName::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "write the name of a plan of this document".to_owned(),
        };
        place.refuse(faults, "no plan of this name", change);
    }
    Some(name)
}
