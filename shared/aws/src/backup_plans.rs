//! Backup plans of AWS Backup in one region, over the generic calls.

use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_sources::call::backup;
use holdfast_sources::managed::continuous::port::{
    BackupPlan, EndBackupPlans, KeepBackupPlans, PlanDocument, ReadBackupPlans, Selection, SelectionContent,
};
use holdfast_sources::managed::continuous::wire;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use crate::AwsBackups;

impl AwsBackups {
    /// A plan with its tags and selections; nothing when it went between the calls.
    async fn whole_plan(&self, listed: &Value) -> Result<Option<BackupPlan>, PortError> {
        match self.read_plan(listed).await {
            Ok(plan) => Ok(Some(plan)),
            Err(PortError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_plan(&self, listed: &Value) -> Result<BackupPlan, PortError> {
        let id = &listed["BackupPlanId"];
        let plan = self
            .call::<backup::GetBackupPlan>(json!({ "BackupPlanId": id }))
            .await?;
        let tags = self.tags(&listed["BackupPlanArn"]).await?;
        let of_plan = json!({ "BackupPlanId": id });
        let selections = self
            .list::<backup::ListBackupSelections>(of_plan, "BackupSelectionsList")
            .await?;
        let mut whole: Vec<Selection> = Vec::new();
        for selection in selections {
            let input = json!({ "BackupPlanId": id, "SelectionId": selection["SelectionId"] });
            match self.call::<backup::GetBackupSelection>(input).await {
                Ok(selection) => whole.push(wire::selection(&selection)?),
                Err(PortError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        wire::backup_plan(&plan, tags, whole)
    }
}

impl ReadBackupPlans for AwsBackups {
    async fn backup_plans(&self, name_prefix: &str) -> Result<Vec<BackupPlan>, PortError> {
        let listed = self
            .list::<backup::ListBackupPlans>(json!({}), "BackupPlansList")
            .await?;
        let begins_so = |plan: &&Value| {
            plan["BackupPlanName"]
                .as_str()
                .is_some_and(|name| name.starts_with(name_prefix))
        };
        let mut plans = Vec::new();
        for plan in listed.iter().filter(begins_so) {
            plans.extend(self.whole_plan(plan).await?);
        }
        Ok(plans)
    }
}

impl KeepBackupPlans for AwsBackups {
    async fn create_backup_plan(
        &self,
        document: &PlanDocument,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<(String, Arn), PortError> {
        let input = wire::create_backup_plan(document, tags, token);
        wire::plan_created(&self.call::<backup::CreateBackupPlan>(input).await?)
    }

    async fn update_backup_plan(&self, plan_id: &str, document: &PlanDocument) -> Result<(), PortError> {
        let input = wire::update_backup_plan(plan_id, document);
        self.call::<backup::UpdateBackupPlan>(input).await.map(|_| ())
    }

    async fn create_backup_selection(
        &self,
        plan_id: &str,
        selection: &SelectionContent,
        token: &str,
    ) -> Result<(), PortError> {
        let input = wire::create_backup_selection(plan_id, selection, token);
        self.call::<backup::CreateBackupSelection>(input).await.map(|_| ())
    }

    async fn tag_backup_plan(&self, plan: &Arn, key: &str, value: &str) -> Result<(), PortError> {
        let input = json!({ "ResourceArn": plan, "Tags": { key: value } });
        self.call::<backup::TagResource>(input).await.map(|_| ())
    }
}

impl EndBackupPlans for AwsBackups {
    async fn delete_backup_selection(&self, plan_id: &str, selection_id: &str) -> Result<(), PortError> {
        let input = json!({ "BackupPlanId": plan_id, "SelectionId": selection_id });
        self.call::<backup::DeleteBackupSelection>(input).await.map(|_| ())
    }

    async fn delete_backup_plan(&self, plan_id: &str) -> Result<(), PortError> {
        let input = json!({ "BackupPlanId": plan_id });
        self.call::<backup::DeleteBackupPlan>(input).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reply, Server};

    const PLAN: &str = "arn:aws:backup:eu-central-1:111122223333:backup-plan:p1";

    fn backups(server: &Server) -> AwsBackups {
        AwsBackups::new(&server.aws(), "111122223333", &"eu-central-1".parse().unwrap())
    }

    fn refused(code: &str, message: &str) -> Reply {
        let body = format!(r#"{{"Code": "{code}", "Message": "{message}", "Type": "User"}}"#);
        Reply::new(400, &body).with("x-amzn-errortype", &format!("{code}:http://internal.amazon.com/"))
    }

    fn lines(server: &Server) -> Vec<String> {
        server.requests().iter().map(|request| request.line.clone()).collect()
    }

    #[tokio::test]
    async fn plans_of_the_name_are_read_whole_and_one_that_went_is_left_out() {
        let listed = format!(
            r#"{{"BackupPlansList": [{{"BackupPlanId": "p0", "BackupPlanName": "nightly"}},
            {{"BackupPlanId": "p1", "BackupPlanName": "holdfast-documents", "BackupPlanArn": "{PLAN}"}},
            {{"BackupPlanId": "p2", "BackupPlanName": "holdfast-gone", "BackupPlanArn": "{PLAN}2"}}]}}"#
        );
        let plan = format!(
            r#"{{"BackupPlanId": "p1", "BackupPlanArn": "{PLAN}", "VersionId": "v", "BackupPlan": {{"BackupPlanName": "holdfast-documents",
            "Rules": [{{"RuleName": "continuous", "TargetBackupVaultName": "holdfast", "ScheduleExpression": "cron(0 5 ? * * *)",
            "StartWindowMinutes": 480, "Lifecycle": {{"DeleteAfterDays": 35}}, "RecoveryPointTags": {{"a": "b"}},
            "EnableContinuousBackup": true}}]}}}}"#
        );
        let server = Server::replying([
            Reply::new(200, &listed),
            Reply::new(200, &plan),
            Reply::new(200, r#"{"Tags": {"holdfast:stack": "holdfast"}}"#),
            Reply::new(
                200,
                r#"{"BackupSelectionsList": [{"SelectionId": "s1", "SelectionName": "x"}]}"#,
            ),
            Reply::new(
                200,
                r#"{"SelectionId": "s1", "BackupSelection": {"SelectionName": "x", "IamRoleArn": "r", "Resources": ["arn:aws:s3:::photos"]}}"#,
            ),
            refused("ResourceNotFoundException", "There is no backup plan with ID p2"),
        ]);
        let plans = backups(&server).backup_plans("holdfast-").await.unwrap();
        assert_eq!(plans.len(), 1);
        let (rule, selection) = (&plans[0].document.rules[0], &plans[0].selections[0]);
        assert_eq!((rule.delete_after_days, rule.is_continuous), (Some(35), true));
        assert_eq!(selection.content.resources.first().unwrap(), "arn:aws:s3:::photos");
        assert_eq!(plans[0].tags["holdfast:stack"], "holdfast");
        let plan = "arn%3Aaws%3Abackup%3Aeu-central-1%3A111122223333%3Abackup-plan%3Ap1";
        assert_eq!(
            lines(&server),
            [
                "GET /backup/plans/?maxResults=1000".to_owned(),
                "GET /backup/plans/p1/".to_owned(),
                format!("GET /tags/{plan}/"),
                "GET /backup/plans/p1/selections/?maxResults=1000".to_owned(),
                "GET /backup/plans/p1/selections/s1".to_owned(),
                "GET /backup/plans/p2/".to_owned(),
            ]
        );
    }

    #[tokio::test]
    async fn what_is_made_is_made_with_its_token_and_what_ends_is_named_by_its_address() {
        let created = format!(r#"{{"BackupPlanId": "p1", "BackupPlanArn": "{PLAN}", "VersionId": "v"}}"#);
        let server = Server::replying([
            Reply::new(200, &created),
            Reply::new(200, r#"{"SelectionId": "s1", "BackupPlanId": "p1"}"#),
            Reply::new(200, ""),
            Reply::new(200, ""),
            Reply::new(200, &created),
        ]);
        let backups = backups(&server);
        let document = PlanDocument {
            name: "holdfast-documents".to_owned(),
            rules: Vec::new(),
        };
        let (id, arn) = backups
            .create_backup_plan(&document, &BTreeMap::new(), "token")
            .await
            .unwrap();
        assert_eq!((id.as_str(), arn.as_str()), ("p1", PLAN));
        let selection = SelectionContent {
            name: "x".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/backup".to_owned(),
            resources: ["arn:aws:s3:::photos".to_owned()].into(),
        };
        backups
            .create_backup_selection("p1", &selection, "other")
            .await
            .unwrap();
        backups.tag_backup_plan(&arn, "holdfast:wanted", "a/b").await.unwrap();
        backups.delete_backup_selection("p1", "s1").await.unwrap();
        backups.delete_backup_plan("p1").await.unwrap();
        let requests = server.requests();
        let body = |at: usize| serde_json::from_slice::<Value>(&requests[at].body).unwrap();
        assert_eq!(body(0)["CreatorRequestId"], "token");
        assert_eq!(body(1)["BackupSelection"]["Resources"], json!(["arn:aws:s3:::photos"]));
        assert_eq!(body(2), json!({ "Tags": { "holdfast:wanted": "a/b" } }));
        assert!(requests[3].body.is_empty() && requests[4].body.is_empty());
        let plan = "arn%3Aaws%3Abackup%3Aeu-central-1%3A111122223333%3Abackup-plan%3Ap1";
        assert_eq!(
            lines(&server),
            [
                "PUT /backup/plans/".to_owned(),
                "PUT /backup/plans/p1/selections/".to_owned(),
                format!("POST /tags/{plan}"),
                "DELETE /backup/plans/p1/selections/s1".to_owned(),
                "DELETE /backup/plans/p1".to_owned(),
            ]
        );
    }
}
