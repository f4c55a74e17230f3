//! Ending what is wanted no longer.

use std::collections::BTreeSet;

use holdfast_catalog::{PlanName, Sha256};
use holdfast_vault::PortError;

use super::WANTED_TAG;
use super::decide::{NONE, is_ours, name_prefix, plan_of, policy_mark};
use super::port::{BackupPlan, EndBackupPlans, ReadBackupPlans, Selection};

/// What of a backup plan is wanted no longer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surplus<'a> {
    /// Its selections that are not.
    pub selections: Vec<&'a Selection>,
    /// Whether nothing of it is.
    pub is_whole: bool,
}

/// What is wanted no longer of a backup plan of ours, by what is written on it. Nothing in every doubt: no mark, one that was
/// made under another policy than the one in force, or selections of which one is missing.
pub fn surplus<'a>(plan: &'a BackupPlan, policy: &Sha256) -> Surplus<'a> {
    let mark = plan.tags.get(WANTED_TAG).and_then(|mark| mark.split_once('/'));
    let Some((_, generation)) = mark.filter(|(of, _)| *of == policy_mark(policy)) else {
        return Surplus::default();
    };
    if generation == NONE {
        return Surplus {
            selections: plan.selections.iter().collect(),
            is_whole: true,
        };
    }
    let (wanted, others): (Vec<&Selection>, Vec<&Selection>) = plan
        .selections
        .iter()
        .partition(|one| number_of(one, generation).is_some());
    let numbers: BTreeSet<(usize, usize)> = wanted.iter().filter_map(|one| number_of(one, generation)).collect();
    let is_complete = numbers.first().is_some_and(|(_, count)| numbers.len() == *count);
    Surplus {
        selections: if is_complete { others } else { Vec::new() },
        is_whole: false,
    }
}

/// Which of how many selections of a generation it is.
fn number_of(selection: &Selection, generation: &str) -> Option<(usize, usize)> {
    let rest = selection.content.name.strip_prefix(generation)?.strip_prefix('-')?;
    let (number, count) = rest.split_once("-of-")?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

/// What ended of a backup plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The plan of the policy.
    pub plan: PlanName,
    /// The name of the backup plan.
    pub backup_plan: String,
    /// Whether the backup plan is gone.
    pub is_whole: bool,
    /// The ARNs of which AWS Backup makes no continuous points any more.
    pub resources: BTreeSet<String>,
    /// What a call was refused with: the rest is still there, and the next run goes on.
    pub error: Option<PortError>,
}

/// Ends what is wanted no longer in a region, and nothing else: neither a point nor anything of others. Done again, or after an
/// error at any call, it goes on.
///
/// # Errors
/// Those of looking: nothing was ended then.
pub async fn end_surplus<P: ReadBackupPlans + EndBackupPlans>(
    ports: &P,
    backup_vault: &str,
    policy: &Sha256,
) -> Result<Vec<Ended>, PortError> {
    let mut there = ports.backup_plans(&name_prefix(backup_vault)).await?;
    there.retain(|plan| is_ours(plan, backup_vault));
    let surpluses: Vec<(&BackupPlan, Surplus<'_>)> = there.iter().map(|plan| (plan, surplus(plan, policy))).collect();
    let goes = |selection: &Selection| {
        surpluses
            .iter()
            .any(|(_, one)| one.selections.iter().any(|gone| gone.id == selection.id))
    };
    let stays: BTreeSet<&String> = there
        .iter()
        .flat_map(|plan| &plan.selections)
        .filter(|selection| !goes(selection))
        .flat_map(|selection| &selection.content.resources)
        .collect();
    let mut ended = Vec::new();
    for (plan, surplus) in &surpluses {
        let Some(of) = plan_of(plan) else { continue };
        if surplus.selections.is_empty() && !surplus.is_whole {
            continue;
        }
        let mut one = Ended {
            plan: of,
            backup_plan: plan.document.name.clone(),
            is_whole: false,
            resources: BTreeSet::new(),
            error: None,
        };
        one.error = match is_as_it_was(ports, plan).await {
            Ok(false) => continue,
            Ok(true) => end_one(ports, plan, surplus, &mut one.resources).await.err(),
            Err(error) => Some(error),
        };
        one.is_whole = surplus.is_whole && one.error.is_none();
        one.resources.retain(|arn| !stays.contains(arn));
        ended.push(one);
    }
    Ok(ended)
}

/// Whether a plan still says what it said: what was surplus may be wanted by now.
async fn is_as_it_was<P: ReadBackupPlans>(ports: &P, plan: &BackupPlan) -> Result<bool, PortError> {
    let now = ports.backup_plans(&plan.document.name).await?;
    let is_same = |other: &BackupPlan| other.id == plan.id && other.tags.get(WANTED_TAG) == plan.tags.get(WANTED_TAG);
    Ok(now.iter().any(is_same))
}

/// Selections first: a plan that has some cannot be removed.
async fn end_one<P: EndBackupPlans>(
    ports: &P,
    plan: &BackupPlan,
    surplus: &Surplus<'_>,
    resources: &mut BTreeSet<String>,
) -> Result<(), PortError> {
    for selection in &surplus.selections {
        gone(ports.delete_backup_selection(&plan.id, &selection.id).await)?;
        resources.extend(selection.content.resources.iter().cloned());
    }
    if surplus.is_whole {
        gone(ports.delete_backup_plan(&plan.id).await)?;
    }
    Ok(())
}

/// An earlier run was cut short, or another one was first.
fn gone(answer: Result<(), PortError>) -> Result<(), PortError> {
    match answer {
        Err(PortError::NotFound(_)) => Ok(()),
        answer => answer,
    }
}
