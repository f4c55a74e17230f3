//! What is to be made so that AWS Backup keeps continuous points of what plans cover: a pure decision.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, PlanName, Sha256};

use super::port::{BackupPlan, PlanDocument, PlanRule, SelectionContent};
use super::{PLAN_TAG, STACK_TAG, WANTED_TAG};

/// The most ARNs that a selection takes (`BackupSelection` of the API).
pub const MAX_SELECTED: usize = 500;

/// The longest name of a backup plan.
const MAX_NAME: usize = 50;

/// Hexadecimal digits of a hash in names and tags: enough that no two of an account's are the same.
const DIGITS: usize = 16;

/// The name of the rule that makes continuous points.
const RULE: &str = "continuous";

/// Once a day, when AWS Backup's own plans run. A continuous point follows its resource between runs too.
const DAILY: &str = "cron(0 5 ? * * *)";

/// Stands for no selections in a mark.
pub(super) const NONE: &str = "none";

/// What holds for all backup plans of a stack.
#[derive(Debug, Clone, Copy)]
pub struct Keeping<'a> {
    /// The vault that points go to; it has the stack's name.
    pub backup_vault: &'a str,
    /// The role that AWS Backup works with.
    pub role_arn: &'a Arn,
    /// The policy that what is wanted was read from.
    pub policy: &'a Sha256,
}

/// What is wanted for one plan of the policy, in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The plan.
    pub plan: PlanName,
    /// How far back points are to reach.
    pub days: u32,
    /// What is to be covered.
    pub covered: BTreeSet<Arn>,
    /// Of these nobody can tell now: they are covered if they were.
    pub unknown: BTreeSet<Arn>,
    /// Nor of any resource of these kinds.
    pub unlisted: BTreeSet<Kind>,
}

/// What to do about one backup plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// The plan of the policy.
    pub plan: PlanName,
    /// The backup plan itself.
    pub step: Step,
    /// Selections that it lacks.
    pub selections: Vec<SelectionContent>,
    /// How many resources it covers then.
    pub resources: usize,
    /// What to write on it when all changes of the region are made; nothing if that is written there.
    pub mark: Option<String>,
}

/// What to do about a backup plan itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make it.
    Create {
        /// What it says.
        document: PlanDocument,
        /// Its tags.
        tags: BTreeMap<String, String>,
        /// Makes the request the same however often it is sent.
        token: String,
    },
    /// It is there.
    There {
        /// Its id.
        id: String,
        /// Its ARN.
        arn: Arn,
        /// What it is to say instead of what it says.
        update: Option<PlanDocument>,
    },
}

/// How the names of a stack's backup plans begin. Others' may begin so too: the tags tell.
pub fn name_prefix(backup_vault: &str) -> String {
    let whole = format!("{backup_vault}-");
    whole.chars().take(MAX_NAME - DIGITS - 1).collect()
}

/// The name of the backup plan for a plan of the policy.
pub fn plan_name(backup_vault: &str, plan: &PlanName) -> String {
    let whole = format!("{backup_vault}-{plan}");
    if whole.len() <= MAX_NAME {
        return whole;
    }
    let start: String = whole.chars().take(MAX_NAME - DIGITS - 1).collect();
    format!("{start}-{}", short(&[&whole]))
}

/// Decides for a region. Deciding again when all is done changes nothing; the order of what is there is irrelevant.
pub fn decide(keeping: &Keeping<'_>, wanted: &[Wanted], there: &[BackupPlan]) -> Vec<PlanChange> {
    let mut ours: Vec<&BackupPlan> = there
        .iter()
        .filter(|plan| is_ours(plan, keeping.backup_vault))
        .collect();
    ours.sort_by(|a, b| a.id.cmp(&b.id));
    let open = Open::of(wanted);
    let mut changes = Vec::new();
    for wanted in wanted {
        // Of two, the first by id stays: everybody finds the same.
        let found = ours
            .iter()
            .position(|plan| plan_of(plan).as_ref() == Some(&wanted.plan));
        let found = found.map(|at| ours.remove(at));
        changes.extend(keep_one(keeping, wanted, &open, found));
    }
    let nothing = mark(keeping, NONE);
    // What it covers may be wanted of another plan, and nobody can tell now.
    let surplus = ours.into_iter().filter(|plan| open.of_plan(plan).next().is_none());
    let surplus = surplus.filter_map(|plan| {
        Some(PlanChange {
            plan: plan_of(plan)?,
            step: there_already(plan, None),
            selections: Vec::new(),
            resources: 0,
            mark: new_mark(plan, &nothing),
        })
    });
    changes.extend(surplus);
    changes.retain(PlanChange::is_one);
    changes
}

impl PlanChange {
    fn is_one(&self) -> bool {
        let is_made = !matches!(self.step, Step::There { update: None, .. });
        is_made || !self.selections.is_empty() || self.mark.is_some()
    }
}

fn keep_one(keeping: &Keeping<'_>, wanted: &Wanted, open: &Open<'_>, found: Option<&BackupPlan>) -> Option<PlanChange> {
    let selected = selected(wanted, open, found);
    let selections = selections(keeping.role_arn, &selected);
    let generation = generation(keeping.role_arn, &selected);
    let document = document(keeping, wanted);
    let change = match found {
        None if selected.is_empty() => return None,
        None => PlanChange {
            plan: wanted.plan.clone(),
            step: Step::Create {
                token: short(&["plan", &document.name]),
                document,
                tags: BTreeMap::from([
                    (STACK_TAG.to_owned(), keeping.backup_vault.to_owned()),
                    (PLAN_TAG.to_owned(), wanted.plan.to_string()),
                ]),
            },
            selections,
            resources: selected.len(),
            mark: Some(mark(keeping, &generation)),
        },
        Some(plan) => {
            let names: BTreeSet<&String> = plan.selections.iter().map(|one| &one.content.name).collect();
            let missing = selections.into_iter().filter(|one| !names.contains(&one.name));
            PlanChange {
                plan: wanted.plan.clone(),
                step: there_already(plan, (plan.document != document).then_some(document)),
                selections: missing.collect(),
                resources: selected.len(),
                mark: new_mark(plan, &mark(keeping, &generation)),
            }
        }
    };
    Some(change)
}

/// What nobody can tell now, of whichever plan it is wanted: a resource may have gone from one plan to another.
struct Open<'a> {
    unknown: BTreeSet<&'a Arn>,
    unlisted: BTreeSet<Kind>,
}

impl<'a> Open<'a> {
    fn of(wanted: &'a [Wanted]) -> Self {
        Open {
            unknown: wanted.iter().flat_map(|wanted| &wanted.unknown).collect(),
            unlisted: wanted.iter().flat_map(|wanted| &wanted.unlisted).copied().collect(),
        }
    }

    /// What of it a plan covers.
    fn of_plan(&self, plan: &'a BackupPlan) -> impl Iterator<Item = &'a String> {
        let is_open =
            |arn: &Arn| self.unknown.contains(arn) || kind_of(arn).is_some_and(|kind| self.unlisted.contains(&kind));
        let covered = plan
            .selections
            .iter()
            .flat_map(|selection| &selection.content.resources);
        covered.filter(move |text| text.parse().is_ok_and(|arn| is_open(&arn)))
    }
}

/// What the plan is to cover: of what nobody can tell, what it covers already.
fn selected(wanted: &Wanted, open: &Open<'_>, found: Option<&BackupPlan>) -> BTreeSet<String> {
    let covered = wanted.covered.iter().map(Arn::to_string);
    let stays = found.into_iter().flat_map(|plan| open.of_plan(plan)).cloned();
    covered.chain(stays).collect()
}

/// The kind of what AWS Backup makes continuous points of. A bucket's ARN does not say its region.
fn kind_of(arn: &Arn) -> Option<Kind> {
    match (arn.service(), arn.resource_type()) {
        ("s3", _) => Some(Kind::S3Bucket),
        ("rds", Some("db")) => Some(Kind::RdsInstance),
        ("rds", Some("cluster")) => Some(Kind::RdsCluster),
        _ => None,
    }
}

fn document(keeping: &Keeping<'_>, wanted: &Wanted) -> PlanDocument {
    PlanDocument {
        name: plan_name(keeping.backup_vault, &wanted.plan),
        rules: vec![PlanRule {
            name: RULE.to_owned(),
            backup_vault: keeping.backup_vault.to_owned(),
            schedule: Some(DAILY.to_owned()),
            delete_after_days: Some(wanted.days),
            is_continuous: true,
            tags: BTreeMap::from([(PLAN_TAG.to_owned(), wanted.plan.to_string())]),
        }],
    }
}

/// The selections for these resources. Their names tell what is in all of them together, because none of them can be changed.
fn selections(role_arn: &Arn, selected: &BTreeSet<String>) -> Vec<SelectionContent> {
    let generation = generation(role_arn, selected);
    let selected: Vec<&String> = selected.iter().collect();
    let chunks: Vec<&[&String]> = selected.chunks(MAX_SELECTED).collect();
    let count = chunks.len();
    let numbered = chunks.into_iter().enumerate();
    numbered
        .map(|(at, chunk)| SelectionContent {
            name: format!("{generation}-{}-of-{count}", at + 1),
            role_arn: role_arn.to_string(),
            resources: chunk.iter().map(|arn| (*arn).clone()).collect(),
        })
        .collect()
}

fn generation(role_arn: &Arn, selected: &BTreeSet<String>) -> String {
    if selected.is_empty() {
        return NONE.to_owned();
    }
    let mut parts = vec![role_arn.as_str()];
    parts.extend(selected.iter().map(String::as_str));
    short(&parts)
}

fn mark(keeping: &Keeping<'_>, generation: &str) -> String {
    format!("{}/{generation}", policy_mark(keeping.policy))
}

/// How a mark names a policy.
pub(super) fn policy_mark(policy: &Sha256) -> String {
    policy.to_string()[..DIGITS].to_owned()
}

fn new_mark(plan: &BackupPlan, mark: &str) -> Option<String> {
    let is_there = plan.tags.get(WANTED_TAG).is_some_and(|there| there == mark);
    (!is_there).then(|| mark.to_owned())
}

fn there_already(plan: &BackupPlan, update: Option<PlanDocument>) -> Step {
    Step::There {
        id: plan.id.clone(),
        arn: plan.arn.clone(),
        update,
    }
}

/// Whether a backup plan is one of this stack's.
pub(super) fn is_ours(plan: &BackupPlan, backup_vault: &str) -> bool {
    plan.tags.get(STACK_TAG).is_some_and(|stack| stack == backup_vault) && plan_of(plan).is_some()
}

/// The plan of the policy that a backup plan of ours is for.
pub(super) fn plan_of(plan: &BackupPlan) -> Option<PlanName> {
    plan.tags.get(PLAN_TAG)?.parse().ok()
}

/// The token of a selection: the service takes 50 characters at most.
pub(super) fn selection_token(plan_id: &str, selection: &SelectionContent) -> String {
    short(&["selection", plan_id, &selection.name])
}

fn short(parts: &[&str]) -> String {
    // No part holds a line end, so different parts never join to the same text.
    Sha256::of(parts.join("\n").as_bytes()).to_string()[..DIGITS].to_owned()
}
