//! What the stack's roles may do, held against what the policy in force needs.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, Outcome, Region};
use holdfast_lambda::PolicyInForce;
use holdfast_policy::Resource;
use holdfast_sources::preflight::rights::{Estate, Question, questions, questions_to_aws_backup};
use holdfast_sources::preflight::{Observed, ObservedRole, RoleState};
use holdfast_vault::PortError;

use super::{managed_regions, unseen};
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify};

/// What each function's ports ask of AWS: written by a test from the ports themselves, which holds the template against it too.
const LISTED: &str = include_str!("../../../permissions.json");

/// Actions by function.
type Listed = BTreeMap<String, BTreeSet<String>>;

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Asks what each role may do of what the policy in force needs.
    pub(super) async fn look_at_roles(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        let Some(key) = self.preflight.key.as_ref().filter(|_| !self.preflight.roles.is_empty()) else {
            return;
        };
        let listed: Listed = match serde_json::from_str(LISTED) {
            Ok(listed) => listed,
            Err(error) => return unseen_outcomes.push(unseen("roles", &PortError::Corrupt(error.to_string()))),
        };
        let samples = samples(policy, resources);
        let managed_regions = managed_regions(policy, resources);
        let replica = self.preflight.replicas.first();
        let estate = Estate {
            stack: &self.preflight.stack,
            region: &self.region,
            bucket: &self.preflight.bucket,
            key,
            replica: replica.map(|replica| (&replica.region, replica.bucket.as_str())),
            resources: &samples,
            managed: self
                .managed
                .as_ref()
                .filter(|_| !managed_regions.is_empty())
                .map(|managed| (&managed_regions, managed)),
        };
        let of_functions = self.preflight.roles.iter().map(|role| {
            let asked = listed.iter().find(|(function, _)| is_role_of(role, function));
            (
                role,
                asked.map_or_else(Vec::new, |(function, listed)| questions(function, listed, &estate)),
            )
        });
        let of_aws_backup = estate
            .managed
            .map(|(_, managed)| (&managed.role_arn, questions_to_aws_backup(&estate)));
        for (role, questions) in of_functions.chain(of_aws_backup) {
            match self.state_of(role, &questions).await {
                Ok(state) => observed.roles.push(ObservedRole {
                    arn: role.clone(),
                    state,
                }),
                Err(error) => unseen_outcomes.push(unseen(role, &error)),
            }
        }
    }

    /// One question after another: IAM takes few at a time.
    async fn state_of(&self, role: &Arn, questions: &[Question]) -> Result<RoleState, PortError> {
        let mut lacks = BTreeSet::new();
        for question in questions {
            match self.preflight.ports.denied(role, question).await {
                Ok(denied) => lacks.extend(denied.into_iter().map(|action| match &question.region {
                    Some(region) => format!("{action} in {region}"),
                    None => action,
                })),
                Err(PortError::NotFound(_)) => return Ok(RoleState::Missing),
                // Another look would see no more.
                Err(error @ (PortError::Denied(_) | PortError::Invalid(_))) => {
                    return Ok(RoleState::Unknown(error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(RoleState::Lacks(lacks))
    }
}

/// The template gives each function's role a path of its own.
fn is_role_of(role: &Arn, function: &str) -> bool {
    role.resource().starts_with(&format!("role/holdfast/{function}/"))
}

/// One resource under a plan of each kind in each region.
fn samples(policy: &PolicyInForce, resources: &[Resource]) -> Vec<(Region, Arn)> {
    let planned = resources
        .iter()
        .filter(|resource| !policy.document.plans_for(resource).is_empty());
    let mut found: BTreeMap<(&Region, Kind), &Arn> = BTreeMap::new();
    for resource in planned {
        found
            .entry((&resource.id.region, resource.id.kind))
            .or_insert(&resource.arn);
    }
    found
        .into_iter()
        .map(|((region, _), arn)| (region.clone(), arn.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_all_five_functions_are_at_hand() {
        let listed: Listed = serde_json::from_str(LISTED).unwrap();
        let functions: Vec<&str> = listed.keys().map(String::as_str).collect();
        assert_eq!(functions, ["prune", "replicate", "restore", "snapshot", "verify"]);
        assert!(listed.values().all(|actions| actions.contains("s3:GetObject")));
    }

    #[test]
    fn a_role_is_known_by_its_path() {
        let role = "arn:aws:iam::111122223333:role/holdfast/snapshot/any".parse().unwrap();
        assert!(is_role_of(&role, "snapshot") && !is_role_of(&role, "snap") && !is_role_of(&role, "restore"));
    }
}
