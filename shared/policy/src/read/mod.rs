//! Reading policy documents.

mod fields;
mod objective;
mod plan;
mod retention;
mod schedule;
mod select;
mod suggest;
mod tree;

use holdfast_catalog::PlanName;

use crate::document::Document;
use crate::fault::{Collector, Faults, Problem};
use crate::plan::Plan;
use fields::{Fields, Place};

pub(crate) use suggest::closest;
pub use tree::MAX_BYTES;

/// The version of the policy language that this release reads.
const VERSION: u32 = 1;

/// The most plans that a document may have. Every resource is held against every plan.
pub const MAX_PLANS: usize = 100;

const PLANS: &str = "write a list of plans, each with name, schedule and retention";

/// The built-in policy, in the language that [`parse`] reads.
pub const BUILTIN: &str = "\
version: 1
plans:
  - name: standard
    schedule: {every: 1h}
    retention: {keep_last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, minimum_good: 3}
    objectives: {rpo: 2h}
    verification: {restore_test_every: 7d}
";

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
    let mut faults = Collector::default();
    let document = document(&Place::root(&root), tag_key, &mut faults);
    match (document, faults.finish()) {
        (Some(document), None) => Ok(document),
        (_, Some(faults)) => Err(faults),
        // Nothing is missing without a fault that says so; should it ever be, the document is refused all the same.
        (None, None) => Err(Place::root(&root).fault(Problem::new("not readable", PLANS)).into()),
    }
}

/// The policy that is in force where there is no document: [`BUILTIN`], one plan `standard` for the resources whose
/// tag `tag_key` is `standard`.
pub fn builtin(tag_key: &str) -> Document {
    match parse(BUILTIN, tag_key) {
        Ok(document) => document,
        // The text is a constant that the tests read, and no tag key is refused.
        Err(faults) => unreachable!("{faults}"),
    }
}

fn document(root: &Place<'_>, tag_key: &str, faults: &mut Collector) -> Option<Document> {
    let fields = root.fields(faults, &["version", "plans"], "write version: 1 and plans:")?;
    let version = version(&fields, faults);
    let plans = plans(&fields, tag_key, faults);
    Some(Document {
        version: version?,
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

fn plans(fields: &Fields<'_>, tag_key: &str, faults: &mut Collector) -> Option<Vec<Plan>> {
    let place = fields.require(
        faults,
        "plans",
        "a policy without plans",
        "add plans: with at least one plan",
    )?;
    let items = place.items(faults, PLANS)?;
    if items.is_empty() || items.len() > MAX_PLANS {
        let what = format!("a list of {} plans", items.len());
        place.refuse(faults, what, format!("write 1 to {MAX_PLANS} plans"));
        return None;
    }
    let mut names: Vec<(PlanName, String)> = Vec::new();
    let mut plans = Vec::with_capacity(items.len());
    for item in &items {
        let Some(fields) = plan::fields(item, faults) else {
            continue;
        };
        let name = plan::name(&fields, faults);
        if let Some(name) = &name {
            match names.iter().find(|(other, _)| other == name) {
                Some((_, first)) => {
                    let place = fields.get("name").unwrap_or(item);
                    let what = format!("the name of {first} too");
                    place.refuse(faults, what, "give each plan a name of its own");
                }
                None => names.push((name.clone(), item.path().to_owned())),
            }
        }
        plans.extend(plan::plan(&fields, name, tag_key, faults));
    }
    (plans.len() == items.len()).then_some(plans)
}
