//! Backup plans: kept, and run when a test says so.

use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_sources::managed::continuous::port::{
    BackupPlan, EndBackupPlans, KeepBackupPlans, PlanDocument, ReadBackupPlans, Selection, SelectionContent,
};
use holdfast_sources::managed::{Lifecycle, PointStatus};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::Timestamp;

use super::{Data, MemoryBackups, Place, arn};
use crate::lock;

/// A backup plan, where it is, and with which token it was made.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    place: Place,
    token: String,
    plan: BackupPlan,
}

/// The longest `CreatorRequestId`.
const MAX_TOKEN: usize = 50;

/// The most ARNs that a selection takes.
const MAX_SELECTED: usize = 500;

impl MemoryBackups {
    /// Somebody makes a backup plan of that name with one selection and no tags.
    pub fn add_backup_plan(&self, name: &str, resource: &Arn) {
        let id = format!("plan-{}", self.number());
        let content = SelectionContent {
            name: "by-hand".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/other".to_owned(),
            resources: [resource.to_string()].into(),
        };
        let plan = BackupPlan {
            arn: self.plan_arn(&id),
            document: PlanDocument {
                name: name.to_owned(),
                rules: Vec::new(),
            },
            tags: BTreeMap::new(),
            selections: vec![Selection {
                id: format!("{id}-by-hand"),
                content,
            }],
            id,
        };
        lock(&self.cloud).plans.push(Plan {
            place: self.place.clone(),
            token: String::new(),
            plan,
        });
    }

    /// Changes a backup plan behind the service's back.
    ///
    /// # Panics
    /// There is no such plan here.
    pub fn change_plan(&self, name: &str, change: impl FnOnce(&mut BackupPlan)) {
        let mut cloud = lock(&self.cloud);
        let mut here = cloud.plans.iter_mut().filter(|plan| plan.place == self.place);
        let plan = here.find(|plan| plan.plan.document.name == name);
        change(&mut plan.unwrap_or_else(|| panic!("no backup plan {name}")).plan);
    }

    /// The backup plans here, in the order in which they were made.
    pub fn plans(&self) -> Vec<BackupPlan> {
        let cloud = lock(&self.cloud);
        let here = cloud.plans.iter().filter(|plan| plan.place == self.place);
        here.map(|plan| plan.plan.clone()).collect()
    }

    /// Backup plans here run: each resource has its continuous point, which holds what it holds now too. Those of resources that
    /// no plan covers any more are stopped.
    pub fn run_plans(&self) {
        let plans = self.plans();
        let mut covered = Vec::new();
        for plan in &plans {
            let rules = plan.document.rules.iter().filter(|rule| rule.is_continuous);
            for rule in rules {
                let selections = plan.selections.iter();
                for resource in selections.flat_map(|selection| &selection.content.resources) {
                    let resource = arn(resource);
                    self.follow(&rule.backup_vault, &resource, plan, rule.delete_after_days);
                    covered.push(resource);
                }
            }
        }
        let mut cloud = lock(&self.cloud);
        let here = cloud.vaults.iter_mut().filter(|((place, _), _)| *place == self.place);
        for stored in here.flat_map(|(_, vault)| vault.points.values_mut()) {
            let point = &mut stored.point;
            if point.is_continuous() && !covered.contains(&point.resource_arn) {
                point.status = PointStatus::Stopped;
            }
        }
    }

    fn follow(&self, vault: &str, resource: &Arn, plan: &BackupPlan, days: Option<u32>) {
        let now = self.clock.now();
        let held = self.points(vault).into_iter().find(|point| {
            point.is_continuous() && point.status == PointStatus::Completed && point.resource_arn == *resource
        });
        let point = held.unwrap_or_else(|| {
            let mut point = self.continuous(vault, resource, super::type_of(resource));
            point.plan = Some(plan.document.name.clone());
            self.put(point, Data::History(Vec::new()))
        });
        let mut cloud = lock(&self.cloud);
        let Some(Data::Bucket(objects)) = cloud.read(&self.place, resource) else {
            return;
        };
        let stored = cloud.vaults.get_mut(&self.vault_key(vault));
        let stored = stored.and_then(|vault| vault.points.get_mut(&point.arn));
        if let Some(stored) = stored {
            stored.point.lifecycle = Lifecycle {
                cold_after_days: None,
                delete_after_days: days,
            };
            if let Data::History(history) = &mut stored.data {
                history.push((now, objects));
            }
        }
    }

    fn plan_arn(&self, id: &str) -> Arn {
        arn(&format!(
            "arn:aws:backup:{}:{}:backup-plan:{id}",
            self.place.1, self.place.0
        ))
    }

    fn with_plan<T>(
        &self,
        is_it: impl Fn(&BackupPlan) -> bool,
        work: impl FnOnce(&mut BackupPlan) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let mut cloud = lock(&self.cloud);
        let mut here = cloud.plans.iter_mut().filter(|plan| plan.place == self.place);
        match here.find(|plan| is_it(&plan.plan)) {
            Some(plan) => work(&mut plan.plan),
            None => Err(PortError::NotFound("backup plan".to_owned())),
        }
    }
}

impl Data {
    /// What a restore job brings back: of a continuous point, what was there at the moment that it names.
    pub(super) fn at(self, metadata: &BTreeMap<String, String>) -> Result<Data, String> {
        let moment = metadata.get("RestoreTime");
        match (self, moment) {
            (Data::History(history), Some(moment)) => {
                let moment: Timestamp = moment.parse().map_err(|_| "RestoreTime is no time".to_owned())?;
                let last = history.into_iter().rfind(|(at, _)| *at <= moment);
                let (_, objects) = last.ok_or("RestoreTime is before the point")?;
                Ok(Data::Bucket(objects))
            }
            (Data::History(_), None) => Err("RestoreTime is required for a continuous recovery point".to_owned()),
            (_, Some(_)) => Err("RestoreTime is only valid for continuous recovery points".to_owned()),
            (data, None) => Ok(data),
        }
    }
}

impl ReadBackupPlans for MemoryBackups {
    async fn backup_plans(&self, name_prefix: &str) -> Result<Vec<BackupPlan>, PortError> {
        let mut plans = self.plans();
        plans.retain(|plan| plan.document.name.starts_with(name_prefix));
        Ok(plans)
    }
}

impl KeepBackupPlans for MemoryBackups {
    async fn create_backup_plan(
        &self,
        document: &PlanDocument,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<(String, Arn), PortError> {
        if token.is_empty() || token.len() > MAX_TOKEN {
            return Err(PortError::Invalid("a token has 1 to 50 characters".to_owned()));
        }
        let id = format!("plan-{}", self.number());
        let mut cloud = lock(&self.cloud);
        let made = cloud
            .plans
            .iter()
            .find(|plan| plan.place == self.place && plan.token == token);
        if let Some(made) = made {
            return Ok((made.plan.id.clone(), made.plan.arn.clone()));
        }
        let plan = BackupPlan {
            arn: self.plan_arn(&id),
            document: document.clone(),
            tags: tags.clone(),
            selections: Vec::new(),
            id,
        };
        cloud.plans.push(Plan {
            place: self.place.clone(),
            token: token.to_owned(),
            plan: plan.clone(),
        });
        Ok((plan.id, plan.arn))
    }

    async fn update_backup_plan(&self, plan_id: &str, document: &PlanDocument) -> Result<(), PortError> {
        self.with_plan(
            |plan| plan.id == plan_id,
            |plan| {
                plan.document = document.clone();
                Ok(())
            },
        )
    }

    async fn create_backup_selection(
        &self,
        plan_id: &str,
        selection: &SelectionContent,
        token: &str,
    ) -> Result<(), PortError> {
        if token.is_empty() || token.len() > MAX_TOKEN {
            return Err(PortError::Invalid("a token has 1 to 50 characters".to_owned()));
        }
        if selection.resources.is_empty() || selection.resources.len() > MAX_SELECTED {
            return Err(PortError::Invalid("a selection names 1 to 500 resources".to_owned()));
        }
        let id = format!("{plan_id}-{}", selection.name);
        self.with_plan(
            |plan| plan.id == plan_id,
            |plan| {
                if plan.selections.iter().any(|there| there.id == id) {
                    return Err(PortError::AlreadyExists(format!("selection {}", selection.name)));
                }
                plan.selections.push(Selection {
                    id,
                    content: selection.clone(),
                });
                Ok(())
            },
        )
    }

    async fn tag_backup_plan(&self, plan: &Arn, key: &str, value: &str) -> Result<(), PortError> {
        self.with_plan(
            |there| there.arn == *plan,
            |there| {
                there.tags.insert(key.to_owned(), value.to_owned());
                Ok(())
            },
        )
    }
}

impl EndBackupPlans for MemoryBackups {
    async fn delete_backup_selection(&self, plan_id: &str, selection_id: &str) -> Result<(), PortError> {
        self.with_plan(
            |plan| plan.id == plan_id,
            |plan| {
                let before = plan.selections.len();
                plan.selections.retain(|selection| selection.id != selection_id);
                if plan.selections.len() == before {
                    return Err(PortError::NotFound(format!("selection {selection_id}")));
                }
                Ok(())
            },
        )
    }

    async fn delete_backup_plan(&self, plan_id: &str) -> Result<(), PortError> {
        self.with_plan(
            |plan| plan.id == plan_id,
            |plan| match plan.selections.is_empty() {
                true => Ok(()),
                false => Err(PortError::Invalid(
                    "its selections have to be deleted before it".to_owned(),
                )),
            },
        )?;
        lock(&self.cloud).plans.retain(|plan| plan.plan.id != plan_id);
        Ok(())
    }
}
