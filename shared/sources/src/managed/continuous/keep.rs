//! Making what is decided.

use holdfast_catalog::{Arn, PlanName};
use holdfast_vault::PortError;

use super::decide::{Keeping, PlanChange, Step, Wanted, decide, name_prefix, selection_token};
use super::port::{KeepBackupPlans, ReadBackupPlans};
use super::{WANTED_TAG, plan_name};

/// A backup plan that was made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The plan of the policy.
    pub plan: PlanName,
    /// The name of the backup plan.
    pub backup_plan: String,
    /// How many resources it covers now.
    pub resources: usize,
}

/// Makes backup plans of a region cover exactly what is wanted, and adds to what they cover already: what is covered no longer
/// stays until [`end_surplus`](super::end_surplus). Done again, by two at once, or after an error at any call it ends the same.
///
/// # Errors
/// Those of AWS Backup. No plan is marked then, so nothing can be taken for surplus.
pub async fn keep<P: ReadBackupPlans + KeepBackupPlans>(
    ports: &P,
    keeping: &Keeping<'_>,
    wanted: &[Wanted],
) -> Result<Vec<Kept>, PortError> {
    let (mut kept, is_marked) = keep_once(ports, keeping, wanted).await?;
    if is_marked {
        // By the mark before, something that is wanted again may have been ended meanwhile.
        kept.extend(keep_once(ports, keeping, wanted).await?.0);
    }
    Ok(kept)
}

/// What was made or changed, and whether a plan was marked anew.
async fn keep_once<P: ReadBackupPlans + KeepBackupPlans>(
    ports: &P,
    keeping: &Keeping<'_>,
    wanted: &[Wanted],
) -> Result<(Vec<Kept>, bool), PortError> {
    let there = ports.backup_plans(&name_prefix(keeping.backup_vault)).await?;
    let changes = decide(keeping, wanted, &there);
    let mut made: Vec<(Arn, String)> = Vec::new();
    for change in &changes {
        let (id, arn) = stand(ports, change).await?;
        for selection in &change.selections {
            // The name tells what is in it, so the same one again is the same plan's and the same selection.
            match ports
                .create_backup_selection(&id, selection, &selection_token(&id, selection))
                .await
            {
                Ok(()) | Err(PortError::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        made.extend(change.mark.clone().map(|mark| (arn, mark)));
    }
    // Last, and only when everything stands: what a plan gives up may have gone to another.
    for (arn, mark) in &made {
        ports.tag_backup_plan(arn, WANTED_TAG, mark).await?;
    }
    let is_told = |change: &&PlanChange| {
        !change.selections.is_empty() || !matches!(change.step, Step::There { update: None, .. })
    };
    let kept = changes.iter().filter(is_told).map(|change| Kept {
        plan: change.plan.clone(),
        backup_plan: plan_name(keeping.backup_vault, &change.plan),
        resources: change.resources,
    });
    Ok((kept.collect(), !made.is_empty()))
}

async fn stand<P: KeepBackupPlans>(ports: &P, change: &PlanChange) -> Result<(String, Arn), PortError> {
    match &change.step {
        Step::Create { document, tags, token } => ports.create_backup_plan(document, tags, token).await,
        Step::There { id, arn, update } => {
            if let Some(document) = update {
                ports.update_backup_plan(id, document).await?;
            }
            Ok((id.clone(), arn.clone()))
        }
    }
}
