//! What the roles have to be allowed, as questions that SimulatePrincipalPolicy can answer.
//!
//! The actions are the ports' own lists. What stands here is what they are done to: the vault, one resource of each kind that
//! plans protect, AWS Backup's points. The names that are made up stand where the template allows all of a kind.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, ManagedVault, Region};

/// What the roles work on.
#[derive(Debug, Clone)]
pub struct Estate<'a> {
    /// The stack's name, which its functions and queues begin with.
    pub stack: &'a str,
    /// The stack's region.
    pub region: &'a Region,
    /// The vault's bucket.
    pub bucket: &'a str,
    /// The vault's key. Its account is the stack's.
    pub key: &'a Arn,
    /// The first replica's region and bucket. Of further ones and of the one in another account no role has rights of its own
    /// kind.
    pub replica: Option<(&'a Region, &'a str)>,
    /// What plans protect: one resource of each kind in each region is enough.
    pub resources: &'a [(Region, Arn)],
    /// Where AWS Backup keeps points and works, with what; nothing while plans leave nothing to it.
    pub managed: Option<(&'a BTreeSet<Region>, &'a ManagedVault)>,
}

/// Actions that a role has to be allowed, each on at least one of these resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The actions.
    pub actions: BTreeSet<String>,
    /// The resources, as ARNs or `*`.
    pub resources: BTreeSet<String>,
    /// What conditions ask of the request: condition keys and their values.
    pub context: BTreeMap<&'static str, String>,
    /// Where, if it is about one region.
    pub region: Option<Region>,
}

/// Of the policies that AWS keeps for service roles (AWSBackupServiceRolePolicyForBackup and …ForRestores), what makes and
/// restores points, by the service whose they are.
const OF_AWS_BACKUP: [(&str, &str); 8] = [
    ("dynamodb", "dynamodb:RestoreTableFromAwsBackup"),
    ("dynamodb", "dynamodb:StartAwsBackupJob"),
    ("elasticfilesystem", "elasticfilesystem:Backup"),
    ("elasticfilesystem", "elasticfilesystem:Restore"),
    ("rds", "rds:CreateDBClusterSnapshot"),
    ("rds", "rds:CreateDBSnapshot"),
    ("rds", "rds:RestoreDBClusterFromSnapshot"),
    ("rds", "rds:RestoreDBInstanceFromDBSnapshot"),
];

/// Of the actions that a function's ports list, what each vault is worked with by every function.
const OF_EVERY_VAULT: [&str; 5] = [
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
];

/// A name that nothing has, and that does not begin as the names of a stack's own resources do: those the roles are kept from.
const NOTHING: &str = "preflight";

/// What a function's role has to be allowed, given all that its ports list.
pub fn questions(function: &str, listed: &BTreeSet<String>, estate: &Estate<'_>) -> Vec<Question> {
    let mut questions = vec![estate.of_the_vault(function, listed)];
    questions.extend(estate.of_aws_backup(listed));
    // Restore tests are made at home, and so is all that `verify` does to a resource.
    let regions: BTreeSet<&Region> = match function {
        "verify" => BTreeSet::from([estate.region]),
        _ => estate.resources.iter().map(|(region, _)| region).collect(),
    };
    for region in regions {
        let services: BTreeSet<&str> = estate.resources.iter().map(|(_, arn)| arn.service()).collect();
        questions.extend(
            services
                .into_iter()
                .filter_map(|service| estate.of_service(function, service, region, listed)),
        );
    }
    questions.retain(|question| !question.actions.is_empty());
    questions
}

/// What AWS Backup's role has to be allowed.
pub fn questions_to_aws_backup(estate: &Estate<'_>) -> Vec<Question> {
    let Some((regions, _)) = estate.managed else {
        return Vec::new();
    };
    let samples = estate.resources.iter().filter(|(region, _)| regions.contains(region));
    let mut questions: Vec<Question> = samples
        .map(|(region, arn)| Question {
            actions: OF_AWS_BACKUP
                .iter()
                .filter(|(service, _)| *service == arn.service())
                .map(|(_, action)| (*action).to_owned())
                .collect(),
            resources: BTreeSet::from([arn.to_string()]),
            context: estate.context(region),
            region: Some(region.clone()),
        })
        .collect();
    questions.retain(|question| !question.actions.is_empty());
    questions
}

impl Estate<'_> {
    fn context(&self, region: &Region) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("aws:RequestedRegion", region.to_string()),
            ("aws:ResourceAccount", self.key.account().to_owned()),
        ])
    }

    /// An ARN in the stack's partition and account.
    fn arn(&self, service: &str, region: &Region, resource: &str) -> String {
        let (partition, account) = (self.key.partition(), self.key.account());
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    fn bucket_and_objects(&self, bucket: &str) -> Vec<String> {
        let bucket = format!("arn:{}:s3:::{bucket}", self.key.partition());
        // Somewhere here each function may write.
        let keys = ["points", "facts", "runs/restore"].map(|folder| format!("{bucket}/{folder}/{NOTHING}"));
        keys.into_iter().chain([bucket]).collect()
    }

    /// What is done to the vault and its first replica, and what is told to the default bus.
    fn of_the_vault(&self, function: &str, listed: &BTreeSet<String>) -> Question {
        let touches_vaults_alone = matches!(function, "prune" | "replicate");
        let of_vault = |action: &&String| match action.split_once(':') {
            // Without a replica there is nothing to copy.
            _ if function == "replicate" && self.replica.is_none() => false,
            Some(("s3", _)) if touches_vaults_alone => true,
            Some(("tag", _)) => true,
            _ => OF_EVERY_VAULT.contains(&action.as_str()) || *action == "events:PutEvents",
        };
        let mut resources = BTreeSet::from([
            "*".to_owned(),
            self.key.to_string(),
            self.arn("events", self.region, "event-bus/default"),
        ]);
        resources.extend(self.bucket_and_objects(self.bucket));
        resources.extend(
            self.replica
                .iter()
                .flat_map(|(_, bucket)| self.bucket_and_objects(bucket)),
        );
        let mut context = self.context(self.region);
        context.insert("kms:ViaService", format!("s3.{}.amazonaws.com", self.region));
        context.insert("events:source", "holdfast".to_owned());
        Question {
            actions: listed.iter().filter(of_vault).cloned().collect(),
            resources,
            context,
            region: None,
        }
    }

    /// What is asked of AWS Backup and handed over to it.
    fn of_aws_backup(&self, listed: &BTreeSet<String>) -> Option<Question> {
        let (regions, managed) = self.managed?;
        let of_backup = |action: &&String| {
            matches!(action.split_once(':'), Some(("backup" | "backup-storage", _))) || *action == "iam:PassRole"
        };
        let mut resources = BTreeSet::from(["*".to_owned(), managed.role_arn.to_string()]);
        for region in regions.iter().chain(self.replica.map(|(region, _)| region)) {
            resources.insert(self.arn("backup", region, &format!("backup-vault:{}", managed.backup_vault)));
            resources.insert(self.arn("backup", region, &format!("recovery-point:{NOTHING}")));
            resources.insert(self.arn("backup", region, &format!("backup-plan:{NOTHING}")));
        }
        let mut context = self.context(self.region);
        context.insert("iam:PassedToService", "backup.amazonaws.com".to_owned());
        // Backup plans of ours bear it: those that are made, and those that are there.
        for key in ["aws:RequestTag/holdfast:stack", "aws:ResourceTag/holdfast:stack"] {
            context.insert(key, managed.backup_vault.clone());
        }
        Some(Question {
            actions: listed.iter().filter(of_backup).cloned().collect(),
            resources,
            context,
            region: None,
        })
    }

    /// What is done to a service's resources in a region.
    fn of_service(
        &self,
        function: &str,
        service: &str,
        region: &Region,
        listed: &BTreeSet<String>,
    ) -> Option<Question> {
        let is_test = function == "verify";
        // Roles are made only where a parameter says so, of buckets `verify` sees its own vaults, and of file systems only those of
        // its tests, which have their fence in a tag.
        if matches!(
            (function, service),
            ("restore", "iam") | ("verify", "s3" | "elasticfilesystem")
        ) {
            return None;
        }
        let samples = self.resources.iter();
        let samples = samples.filter(|(there, arn)| arn.service() == service && (is_test || there == region));
        let mut resources: BTreeSet<String> = samples.map(|(_, arn)| arn.to_string()).collect();
        if resources.is_empty() {
            return None;
        }
        resources.extend(self.beside(function, service, region));
        let of_service = |action: &&String| {
            action.split_once(':').is_some_and(|(whose, _)| whose == service)
                && !matches!(action.as_str(), "events:PutEvents" | "iam:PassRole")
        };
        let mut context = self.context(region);
        if service == "lambda" {
            let function = self.arn(service, region, &format!("function:{NOTHING}"));
            context.insert("lambda:FunctionArn", function);
        }
        Some(Question {
            actions: listed.iter().filter(of_service).cloned().collect(),
            resources,
            context,
            region: Some(region.clone()),
        })
    }

    /// What else a service's actions are done to: parts of its resources, what the stack has of its own, scratch resources.
    fn beside(&self, function: &str, service: &str, region: &Region) -> Vec<String> {
        let partition = self.key.partition();
        match (service, function) {
            ("apigateway", _) => ["apis", "restapis"]
                .map(|path| format!("arn:{partition}:apigateway:{region}::/{path}"))
                .to_vec(),
            ("dynamodb", "verify") => vec![self.arn(service, region, "table/holdfast-scratch-preflight")],
            ("iam", _) => vec![format!("arn:{partition}:iam::{}:policy/{NOTHING}", self.key.account())],
            ("lambda", _) => vec![
                self.arn(service, region, &format!("event-source-mapping:{NOTHING}")),
                self.arn(service, region, &format!("layer:{NOTHING}")),
                self.arn(service, self.region, &format!("function:{}-snapshot", self.stack)),
            ],
            ("rds", "verify") => ["cluster", "db"]
                .map(|kind| self.arn(service, region, &format!("{kind}:holdfast-scratch-preflight")))
                .to_vec(),
            ("s3", _) => self.bucket_and_objects(self.bucket),
            ("sqs", _) => vec![self.arn(service, self.region, &format!("{}-{function}", self.stack))],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    fn all(actions: &[&str]) -> BTreeSet<String> {
        actions.iter().map(|&action| action.to_owned()).collect()
    }

    /// What is asked of a role with these actions where a table is protected at home and a function elsewhere.
    fn asked(function: &str, listed: &[&str], has_replica: bool, is_managed: bool) -> Vec<Question> {
        let (home, away) = (region("eu-central-1"), region("eu-west-1"));
        let resources = [
            (home.clone(), "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"),
            (away.clone(), "arn:aws:lambda:eu-west-1:111122223333:function:shop"),
        ]
        .map(|(region, arn)| (region, arn.parse().unwrap()));
        let managed = ManagedVault {
            backup_vault: "holdfast".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/aws-backup".parse().unwrap(),
        };
        let regions = BTreeSet::from([home.clone()]);
        let estate = Estate {
            stack: "holdfast",
            region: &home,
            bucket: "vault",
            key: &"arn:aws:kms:eu-central-1:111122223333:key/1".parse().unwrap(),
            replica: has_replica.then_some((&away, "replica")),
            resources: &resources,
            managed: is_managed.then_some((&regions, &managed)),
        };
        match function {
            "AWS Backup" => questions_to_aws_backup(&estate),
            _ => questions(function, &all(listed), &estate),
        }
    }

    fn actions(questions: &[Question]) -> Vec<&str> {
        questions
            .iter()
            .flat_map(|question| &question.actions)
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn only_what_the_policy_needs_is_asked_for() {
        let listed = [
            "s3:GetObject",
            "dynamodb:Scan",
            "sqs:ListQueues",
            "backup:StartBackupJob",
        ];
        assert_eq!(
            actions(&asked("snapshot", &listed, true, false)),
            ["s3:GetObject", "dynamodb:Scan"]
        );
        assert_eq!(
            actions(&asked("snapshot", &listed, true, true)),
            ["s3:GetObject", "backup:StartBackupJob", "dynamodb:Scan"]
        );
    }

    #[test]
    fn backup_plans_are_asked_about_as_such_that_bear_the_stacks_mark() {
        let questions = asked("prune", &["backup:DeleteBackupPlan"], false, true);
        let question = questions.first().unwrap();
        let plan = "arn:aws:backup:eu-central-1:111122223333:backup-plan:preflight";
        assert!(question.resources.contains(plan), "{question:#?}");
        for key in ["aws:RequestTag/holdfast:stack", "aws:ResourceTag/holdfast:stack"] {
            assert_eq!(question.context[key], "holdfast");
        }
    }

    #[test]
    fn each_service_is_asked_about_where_something_of_it_is_protected() {
        let listed = ["dynamodb:Scan", "lambda:GetFunction"];
        let questions = asked("snapshot", &listed, false, false);
        let places: Vec<(Vec<&str>, &str)> = questions
            .iter()
            .map(|question| {
                let context = question.context.get("aws:RequestedRegion").unwrap();
                (actions(std::slice::from_ref(question)), context.as_str())
            })
            .collect();
        assert_eq!(
            places,
            [
                (vec!["dynamodb:Scan"], "eu-central-1"),
                (vec!["lambda:GetFunction"], "eu-west-1")
            ]
        );
        let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";
        assert!(questions.first().unwrap().resources.contains(table));
    }

    #[test]
    fn verify_is_asked_about_scratch_resources_at_home() {
        let questions = asked("verify", &["dynamodb:DeleteTable"], false, false);
        let scratch = "arn:aws:dynamodb:eu-central-1:111122223333:table/holdfast-scratch-preflight";
        assert!(questions.first().unwrap().resources.contains(scratch), "{questions:#?}");
        assert_eq!(questions.first().unwrap().region, Some(region("eu-central-1")));
    }

    #[test]
    fn what_the_roles_use_keys_and_roles_through_is_part_of_the_question() {
        let listed = ["kms:Decrypt", "iam:PassRole"];
        let questions = asked("snapshot", &listed, false, true);
        let context = |key| questions.iter().find_map(|question| question.context.get(key));
        assert_eq!(
            context("kms:ViaService").map(String::as_str),
            Some("s3.eu-central-1.amazonaws.com")
        );
        assert_eq!(
            context("iam:PassedToService").map(String::as_str),
            Some("backup.amazonaws.com")
        );
    }

    #[test]
    fn without_a_replica_nothing_has_to_be_allowed_to_make_one() {
        let listed = ["s3:CreateBucket", "s3:PutObject"];
        assert_eq!(actions(&asked("replicate", &listed, false, false)), Vec::<&str>::new());
        assert_eq!(actions(&asked("replicate", &listed, true, false)), listed);
    }

    #[test]
    fn aws_backup_is_asked_about_what_plans_leave_to_it() {
        assert_eq!(asked("AWS Backup", &[], false, false), []);
        assert_eq!(
            actions(&asked("AWS Backup", &[], false, true)),
            ["dynamodb:RestoreTableFromAwsBackup", "dynamodb:StartAwsBackupJob"]
        );
    }
}
