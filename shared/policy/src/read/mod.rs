//! Reading policy documents.

mod accounts;
mod compliance;
mod copies;
mod engine;
mod fields;
mod levels;
mod limits;
mod notifications;
mod objective;
mod plan;
mod residency;
mod retention;
mod schedule;
mod select;
mod suggest;
mod tier;
mod tree;
mod zones;

use holdfast_catalog::PlanName;

use crate::document::Document;
use crate::fault::{Collector, Faults, Problem};
use crate::plan::Plan;
use accounts::Accounts;
use fields::{Fields, Place};
use levels::DOCUMENT;
use plan::{Context, PlanFields};
use tier::Tiers;

pub use levels::FIELDS;
pub(crate) use suggest::closest;
pub use tier::BUILTIN;
pub use tree::MAX_BYTES;

/// The version of the policy language that this release reads.
const VERSION: u32 = 1;

/// The most plans that a document may have. Every resource is held against every plan.
pub const MAX_PLANS: usize = 100;

const PLANS: &str = "write a list of plans, each with name, schedule and retention";

/// Reads a policy document, in YAML or JSON. `POLICY.md` describes the language.
///
/// `tag_key` is the tag by which a plan without a selection picks its resources: those whose tag of this key has the
/// plan's name as its value.
///
/// The time and memory that this takes are bounded by the length of the text; texts above [`MAX_BYTES`] are refused.
///
/// # Errors
/// All faults of the document at once, each with its path, its line, the offending value and what to change. A text
/// that is no YAML has one fault.
pub fn parse(text: &str, tag_key: &str) -> Result<Document, Faults> {
    let root = tree::read(text)?;
    let tiers = tier::text()?;
    let mut faults = Collector::default();
    let document = document(&Place::root(&root), tag_key, &Tiers::of(&tiers), &mut faults);
    match (document, faults.finish()) {
        (Some(document), None) => Ok(document),
        (_, Some(faults)) => Err(faults),
        // Nothing is missing without a fault that says so; should it ever be, the document is refused all the same.
        (None, None) => Err(Place::root(&root).fault(Problem::new("not readable", PLANS)).into()),
    }
}

/// The policy that is in force where there is no document: [`BUILTIN`], a plan for each tier, for the resources whose
/// tag `tag_key` is the tier's name.
pub fn builtin(tag_key: &str) -> Document {
    match parse(BUILTIN, tag_key) {
        Ok(document) => document,
        // The text is a constant that the tests read, and no tag key is refused.
        Err(faults) => unreachable!("{faults}"),
    }
}

fn document(root: &Place<'_>, tag_key: &str, tiers: &Tiers<'_>, faults: &mut Collector) -> Option<Document> {
    let fields = root.fields(faults, &DOCUMENT, "write version: 1 and plans:")?;
    let version = version(&fields, faults);
    let accounts = fields.read(faults, "accounts", Accounts::read).unwrap_or_default();
    let residency = fields.read(faults, "residency", |place, faults| {
        residency::rules(place, &accounts, faults)
    });
    let residency = residency.unwrap_or_default();
    let zones = fields.read(faults, "zones", zones::zones).unwrap_or_default();
    let limits = fields.read(faults, "limits", limits::limits).unwrap_or_default();
    let context = Context {
        tag_key,
        accounts: &accounts,
        residency: &residency,
        tiers,
    };
    let (names, plans) = plans(&fields, &context, faults);
    let notifications = fields.read(faults, "notifications", |place, faults| {
        notifications::notifications(place, names.as_deref(), faults)
    });
    Some(Document {
        version: version?,
        accounts: accounts.named(),
        residency,
        zones,
        limits,
        notifications: notifications.unwrap_or_default(),
        plans: plans?,
    })
}

fn version(fields: &Fields<'_>, faults: &mut Collector) -> Option<u32> {
    let place = fields.require(faults, "version", "a policy without a version", "add version: 1")?;
    match place.count(faults)? {
        VERSION => Some(VERSION),
        newer if newer > VERSION => {
            place.refuse(faults, "newer than this release reads", "write 1, or upgrade holdfast");
            None
        }
        _ => {
            place.refuse(faults, "not a version of the language", "write 1");
            None
        }
    }
}

/// The names of the plans, and the plans; nothing where one of them cannot be read.
fn plans(
    fields: &Fields<'_>,
    context: &Context<'_, '_>,
    faults: &mut Collector,
) -> (Option<Vec<PlanName>>, Option<Vec<Plan>>) {
    let change = "add plans: with at least one plan";
    let place = fields.require(faults, "plans", "a policy without plans", change);
    let Some((place, items)) = place.and_then(|place| Some((place, place.items(faults, PLANS)?))) else {
        return (None, None);
    };
    if items.is_empty() || items.len() > MAX_PLANS {
        let what = format!("a list of {} plans", items.len());
        place.refuse(faults, what, format!("write 1 to {MAX_PLANS} plans"));
        return (None, None);
    }
    let mut names: Vec<(PlanName, String)> = Vec::new();
    let read = fields::every(&items, faults, |item, faults| {
        let fields = PlanFields::read(item, context.tiers, faults)?;
        let name = fields.name(faults);
        if let Some(name) = &name {
            if let Some((_, first)) = names.iter().find(|(other, _)| other == name) {
                let what = format!("the name of {first} too");
                let change = "give each plan a name of its own";
                fields.place_of_name().refuse(faults, what, change);
            }
            names.push((name.clone(), item.path().to_owned()));
        }
        plan::plan(&fields, name, context, faults)
    });
    let all_names = (names.len() == items.len()).then(|| names.into_iter().map(|(name, _)| name).collect());
    (all_names, read)
}
