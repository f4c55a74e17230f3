//! What Holdfast asks of AWS Backup about backup plans, in one region.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;

/// Looking at backup plans.
pub trait ReadBackupPlans: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "backup:GetBackupPlan",
        "backup:GetBackupSelection",
        "backup:ListBackupPlans",
        "backup:ListBackupSelections",
        "backup:ListTags",
    ];

    /// All backup plans whose names begin so, whoever made them, with their tags and selections.
    ///
    /// # Errors
    /// Those of the service: a listing that broke off is never returned.
    fn backup_plans(&self, name_prefix: &str) -> impl Future<Output = Result<Vec<BackupPlan>, PortError>> + Send;
}

/// A backup plan as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPlan {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: Arn,
    /// What it says.
    pub document: PlanDocument,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it covers.
    pub selections: Vec<Selection>,
}

/// What a backup plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanDocument {
    /// Its name: 1 to 50 letters, digits and `-_.`.
    pub name: String,
    /// Its rules.
    pub rules: Vec<PlanRule>,
}

/// A rule of a backup plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRule {
    /// Its name: 1 to 50 letters, digits and `-_.`.
    pub name: String,
    /// The vault that its points go to.
    pub backup_vault: String,
    /// When it runs, as the service writes it, in UTC.
    pub schedule: Option<String>,
    /// The days after which a point is removed: of a continuous one, how far back it reaches.
    pub delete_after_days: Option<u32>,
    /// `EnableContinuousBackup`.
    pub is_continuous: bool,
    /// The tags of its points.
    pub tags: BTreeMap<String, String>,
}

/// Resources that a backup plan covers. Nobody can change one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Its id.
    pub id: String,
    /// What it says.
    pub content: SelectionContent,
}

/// What a selection says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionContent {
    /// Its name: 1 to 50 letters, digits and `-_.`.
    pub name: String,
    /// The role that AWS Backup works with.
    pub role_arn: String,
    /// The ARNs that it names, at most 500. People may write patterns.
    pub resources: BTreeSet<String>,
}

/// Making backup plans and what they cover.
pub trait KeepBackupPlans: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "backup:CreateBackupPlan",
        "backup:CreateBackupSelection",
        "backup:TagResource",
        "backup:UpdateBackupPlan",
        "iam:PassRole",
    ];

    /// Makes a plan and gives its id and ARN. The same token gives the plan that it made before.
    ///
    /// # Errors
    /// `Invalid` when the service refuses it. On `Unavailable` it may have been made: ask again with the same token.
    fn create_backup_plan(
        &self,
        document: &PlanDocument,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> impl Future<Output = Result<(String, Arn), PortError>> + Send;

    /// Makes a plan say something else.
    ///
    /// # Errors
    /// `NotFound` when there is no such plan.
    fn update_backup_plan(
        &self,
        plan_id: &str,
        document: &PlanDocument,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Lets a plan cover resources.
    ///
    /// # Errors
    /// `AlreadyExists` when the plan has a selection of that name; `NotFound` or `Invalid` when there is no such plan.
    fn create_backup_selection(
        &self,
        plan_id: &str,
        selection: &SelectionContent,
        token: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Puts a tag on a plan, in place of one of that key.
    ///
    /// # Errors
    /// `NotFound` when there is no such plan.
    fn tag_backup_plan(&self, plan: &Arn, key: &str, value: &str)
    -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Ending backup plans. Points that they made stay.
pub trait EndBackupPlans: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DeleteBackupPlan", "backup:DeleteBackupSelection"];

    /// Takes a selection from its plan.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn delete_backup_selection(
        &self,
        plan_id: &str,
        selection_id: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Removes a plan.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Invalid` while it has selections.
    fn delete_backup_plan(&self, plan_id: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}
