//! Recovery points that no run of ours made, but a backup plan of AWS Backup or a person: shown, counted, and never removed.

use std::collections::BTreeSet;

use holdfast_catalog::{Arn, CatalogError, MadeBy, ManagedPoint, PlanName, PointId, ResourceId, Slot};

use super::continuous::name_prefix;
use super::{PointStatus, RecoveryPoint};

/// The plan under which points of others are shown.
pub const CUSTOMER_PLAN: &str = "aws-backup";

/// A recovery point that a backup plan or a person made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerPoint {
    /// How it is shown: its plan is [`CUSTOMER_PLAN`] and its slot the second of its creation.
    pub id: PointId,
    /// Where it is.
    pub managed: ManagedPoint,
    /// The backup plan that made it, by its own name; none when a person did.
    pub backup_plan: Option<String>,
    /// Whether that plan is one that we keep for continuous points.
    pub is_of_our_plan: bool,
    /// Whether it moves on with time.
    pub is_continuous: bool,
    /// Whether it counts towards the recovery point objective: whole, and not on its way out.
    pub is_good: bool,
}

/// Those of a resource's recovery points that are not ours, oldest first. Ours are those that manifests name and, because a
/// manifest comes after its point, all that lie in our vault and were made by no plan.
///
/// A continuous point counts as old as its beginning, because AWS Backup does not say up to when it can be restored.
///
/// # Errors
/// None in practice: the plan's name is well-formed.
pub fn customer_points(
    resource: &ResourceId,
    points: &[RecoveryPoint],
    ours: &BTreeSet<Arn>,
    our_vault: &str,
) -> Result<Vec<CustomerPoint>, CatalogError> {
    let plan: PlanName = CUSTOMER_PLAN.parse()?;
    let is_ours =
        |point: &RecoveryPoint| ours.contains(&point.arn) || (point.backup_vault == our_vault && point.plan.is_none());
    // Only our plans have their points in our vault under a name of ours.
    let is_of_our_plan = |point: &RecoveryPoint| {
        let named = point
            .plan
            .as_ref()
            .is_some_and(|plan| plan.starts_with(&name_prefix(our_vault)));
        point.backup_vault == our_vault && named
    };
    let mut others: Vec<CustomerPoint> = points
        .iter()
        .filter(|point| !is_ours(point))
        .map(|point| CustomerPoint {
            id: PointId {
                resource: resource.clone(),
                slot: Slot::at(point.created_at),
                plan: plan.clone(),
            },
            managed: point.managed(None, MadeBy::Customer),
            backup_plan: point.plan.clone(),
            is_of_our_plan: is_of_our_plan(point),
            is_continuous: point.is_continuous(),
            is_good: point.status == PointStatus::Completed,
        })
        .collect();
    others.sort_by(|a, b| {
        (a.managed.created_at, &a.managed.recovery_point_arn)
            .cmp(&(b.managed.created_at, &b.managed.recovery_point_arn))
    });
    Ok(others)
}
