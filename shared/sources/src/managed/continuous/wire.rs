//! AWS Backup's own JSON of backup plans and our shapes, both ways.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::port::{BackupPlan, PlanDocument, PlanRule, Selection, SelectionContent};
use crate::managed::wire::{arn, maybe, strange, text};

/// `CreateBackupPlan`'s input.
pub fn create_backup_plan(document: &PlanDocument, tags: &BTreeMap<String, String>, token: &str) -> Value {
    json!({ "BackupPlan": plan(document), "BackupPlanTags": tags, "CreatorRequestId": token })
}

/// `UpdateBackupPlan`'s input.
pub fn update_backup_plan(plan_id: &str, document: &PlanDocument) -> Value {
    json!({ "BackupPlanId": plan_id, "BackupPlan": plan(document) })
}

fn plan(document: &PlanDocument) -> Value {
    let rules: Vec<Value> = document.rules.iter().map(rule).collect();
    json!({ "BackupPlanName": document.name, "Rules": rules })
}

fn rule(rule: &PlanRule) -> Value {
    let mut written = json!({
        "RuleName": rule.name,
        "TargetBackupVaultName": rule.backup_vault,
        "EnableContinuousBackup": rule.is_continuous,
        "RecoveryPointTags": rule.tags,
    });
    if let Some(schedule) = &rule.schedule {
        written["ScheduleExpression"] = json!(schedule);
    }
    if let Some(days) = rule.delete_after_days {
        written["Lifecycle"] = json!({ "DeleteAfterDays": days });
    }
    written
}

/// `CreateBackupSelection`'s input.
pub fn create_backup_selection(plan_id: &str, selection: &SelectionContent, token: &str) -> Value {
    json!({
        "BackupPlanId": plan_id,
        "BackupSelection": {
            "SelectionName": selection.name,
            "IamRoleArn": selection.role_arn,
            "Resources": selection.resources,
        },
        "CreatorRequestId": token,
    })
}

/// What `CreateBackupPlan` answers: the plan's id and ARN.
///
/// # Errors
/// `Unavailable` when it is not what the service documents: the plan may have been made.
pub fn plan_created(answer: &Value) -> Result<(String, Arn), PortError> {
    Ok((text(answer, "BackupPlanId")?, arn(answer, "BackupPlanArn")?))
}

/// A plan as `GetBackupPlan` gives it, with what other calls tell of it.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn backup_plan(
    answer: &Value,
    tags: BTreeMap<String, String>,
    selections: Vec<Selection>,
) -> Result<BackupPlan, PortError> {
    let plan = &answer["BackupPlan"];
    let rules = plan["Rules"].as_array().ok_or_else(|| strange("Rules"))?;
    Ok(BackupPlan {
        id: text(answer, "BackupPlanId")?,
        arn: arn(answer, "BackupPlanArn")?,
        document: PlanDocument {
            name: text(plan, "BackupPlanName")?,
            rules: rules.iter().map(rule_of).collect::<Result<_, _>>()?,
        },
        tags,
        selections,
    })
}

fn rule_of(rule: &Value) -> Result<PlanRule, PortError> {
    let days = rule["Lifecycle"]["DeleteAfterDays"].as_u64();
    let tags = rule["RecoveryPointTags"].as_object().into_iter().flatten();
    let tags = tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Ok(PlanRule {
        name: text(rule, "RuleName")?,
        backup_vault: text(rule, "TargetBackupVaultName")?,
        schedule: maybe(rule, "ScheduleExpression"),
        delete_after_days: days.and_then(|days| u32::try_from(days).ok()),
        is_continuous: rule["EnableContinuousBackup"] == true,
        tags: tags.collect(),
    })
}

/// A selection as `GetBackupSelection` gives it.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn selection(answer: &Value) -> Result<Selection, PortError> {
    let content = &answer["BackupSelection"];
    let resources = content["Resources"].as_array().into_iter().flatten();
    let resources: BTreeSet<String> = resources.filter_map(|arn| Some(arn.as_str()?.to_owned())).collect();
    Ok(Selection {
        id: text(answer, "SelectionId")?,
        content: SelectionContent {
            name: text(content, "SelectionName")?,
            role_arn: text(content, "IamRoleArn")?,
            resources,
        },
    })
}
