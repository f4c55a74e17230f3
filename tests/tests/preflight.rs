//! Keys and destinations are looked at once a day, after each deployment and on request; what is wrong is said with what to change.

use holdfast_catalog::{Arn, OutcomeStatus, Report};
use holdfast_lambda::Replica;
use holdfast_sources::key::KeyState;
use holdfast_sources::managed::port::AccountCopies;
use holdfast_tests::{BACKUP_VAULT, KEY, World, home_region, managed, order, replica_region, role_of, table_config};
use holdfast_vault::PortError;
use jiff::SignedDuration;

fn key(region: &str) -> Arn {
    KEY.replace("eu-central-1", region).parse().unwrap()
}

async fn asked(world: &World) -> Report {
    world
        .verify()
        .run_request(verify::Request::Preflight, &world.clock)
        .await
        .unwrap()
}

async fn ticked(world: &World) -> Report {
    world.verify().run_all(&world.clock).await.unwrap()
}

fn said(report: &Report) -> Vec<(OutcomeStatus, String)> {
    let ours = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.subject.starts_with("preflight: "));
    ours.map(|outcome| (outcome.status, format!("{} {}", outcome.subject, outcome.message)))
        .collect()
}

async fn copied() -> World {
    let world = World::with_orders(10);
    world.tick().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world
}

#[tokio::test]
async fn where_all_is_well_it_says_nothing_and_measures_nothing_at_risk() {
    let world = copied().await;
    let report = asked(&world).await;
    assert_eq!(report.outcomes, []);
    assert_eq!(
        (report.metrics["KeysAtRisk"], report.metrics["PreflightFindings"]),
        (0.0, 0.0)
    );
}

#[tokio::test]
async fn a_key_that_goes_and_protects_points_is_at_risk_wherever_it_is() {
    for region in ["eu-central-1", "eu-west-1"] {
        let world = copied().await;
        let at = "2026-12-01T00:00:00Z".parse().unwrap();
        world
            .surroundings
            .set_key(&key(region), KeyState::PendingDeletion { at });
        let report = asked(&world).await;
        let said = said(&report);
        assert_eq!(report.metrics["KeysAtRisk"], 1.0, "{report:#?}");
        assert!(
            said[0].1.contains("cancel-key-deletion") && said[0].1.contains(region),
            "{said:?}"
        );
        assert!(said[0].1.contains("1 recovery points"), "{said:?}");
    }
}

#[tokio::test]
async fn a_disabled_key_and_a_weakened_bucket_are_found() {
    let world = copied().await;
    world.surroundings.set_key(&key("eu-west-1"), KeyState::Disabled);
    world.surroundings.weaken("replica", "versioning");
    let said = said(&asked(&world).await);
    let statuses: Vec<OutcomeStatus> = said.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [OutcomeStatus::Failed, OutcomeStatus::Partial], "{said:?}");
    assert!(
        said[0].1.contains("enable-key") && said[1].1.contains("switch on versioning"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_replica_that_is_not_made_is_said_only_after_replicate_has_had_its_time() {
    let world = World::with_orders(10);
    world.tick().await;
    let mut verify = world.verify();
    verify.preflight.replicas[0].bucket = "nowhere".to_owned();
    let ask = async || {
        let report = verify
            .run_request(verify::Request::Preflight, &world.clock)
            .await
            .unwrap();
        said(&report)
    };
    assert_eq!(ask().await, []);
    world.later(SignedDuration::from_hours(2));
    let late = ask().await;
    assert!(
        late.iter()
            .any(|(_, words)| words.contains("nowhere") && words.contains("does not exist")),
        "{late:?}"
    );
}

#[tokio::test]
async fn it_is_made_once_a_day_and_once_in_a_deployment() {
    let world = copied().await;
    world.surroundings.set_key(&key("eu-west-1"), KeyState::Disabled);
    let looks = || world.script.count("describe_key");
    assert_eq!(said(&ticked(&world).await).len(), 1);
    let first = looks();
    assert!(first > 0);
    world.later(SignedDuration::from_mins(15));
    assert_eq!(said(&ticked(&world).await), []);
    assert_eq!(looks(), first);
    // The same day, but another deployment.
    let mut verify = world.verify();
    verify.preflight.deployment = "second".to_owned();
    assert_eq!(said(&verify.run_all(&world.clock).await.unwrap()).len(), 1);
    world.later(SignedDuration::from_hours(24));
    assert_eq!(said(&ticked(&world).await).len(), 1);
}

#[tokio::test]
async fn what_could_not_be_looked_at_is_said_and_looked_at_by_the_next_tick() {
    let world = copied().await;
    for name in ["describe_key", "look_at_replica"] {
        world.script.restart();
        world
            .script
            .fail_named(name, PortError::Unavailable("planted".to_owned()));
        let report = ticked(&world).await;
        let said_now = said(&report);
        assert!(
            said_now
                .iter()
                .all(|(status, words)| *status == OutcomeStatus::Failed && words.contains("planted"))
        );
        assert!(!said_now.is_empty(), "{name}: {report:#?}");
        world.script.heal();
    }
    world.script.restart();
    assert_eq!(said(&ticked(&world).await), []);
    assert!(world.script.count("describe_key") > 0);
}

const LEFT_TO_AWS_BACKUP_AND_NOT_COPIED: &str = "
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1h}
    retention: {keep_last: 2, minimum_good: 1}
    copies: none
";

#[tokio::test]
async fn a_region_in_which_aws_backup_may_not_protect_what_plans_leave_to_it_is_found() {
    let world = managed::with_orders(1);
    world.backups.opt_out("DynamoDB");
    let said = said(&asked(&world).await);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].0, OutcomeStatus::Failed);
    let words = &said[0].1;
    assert!(
        words.contains("update-region-settings") && words.contains("DynamoDB=true --region eu-central-1"),
        "{words}"
    );
}

#[tokio::test]
async fn what_our_own_engine_makes_needs_nothing_of_aws_backup() {
    let world = World::with_orders(1);
    world.backups.opt_out("DynamoDB");
    assert_eq!(said(&asked(&world).await), []);
    assert_eq!(world.script.count("region_settings"), 0);
}

#[tokio::test]
async fn points_that_cannot_be_copied_are_found_only_where_a_plan_wants_copies() {
    let world = managed::with_orders(1);
    world.backups.without_advanced_features();
    let copied = said(&asked(&world).await);
    assert!(copied.len() == 1 && copied[0].1.contains("cannot be"), "{copied:?}");
    world.set_policy(LEFT_TO_AWS_BACKUP_AND_NOT_COPIED);
    assert_eq!(said(&asked(&world).await), []);
}

#[tokio::test]
async fn settings_that_may_not_be_read_are_a_finding_and_those_that_could_not_be_are_looked_at_again() {
    for (error, status, is_done) in [
        (PortError::Denied("planted".to_owned()), OutcomeStatus::Partial, true),
        (
            PortError::Unavailable("planted".to_owned()),
            OutcomeStatus::Failed,
            false,
        ),
    ] {
        let world = managed::with_orders(1);
        world.script.fail_named("region_settings", error);
        let said = said(&ticked(&world).await);
        assert!(said.len() == 1 && said[0].0 == status, "{said:?}");
        world.script.heal();
        world.script.restart();
        ticked(&world).await;
        assert_eq!(world.script.count("region_settings") == 0, is_done, "{status:?}");
    }
}

fn own_key(n: u32) -> Arn {
    format!("arn:aws:kms:eu-central-1:111122223333:key/{n}")
        .parse()
        .unwrap()
}

/// A table under its own key.
fn add_encrypted(world: &World, name: &str, key: &Arn) -> Arn {
    let mut config = table_config();
    config.kms_key_arn = Some(key.to_string());
    world.tables.add(name, &config, [order(1)]);
    let arn: Arn = world.tables.arn(name).parse().unwrap();
    world.resources.add(&arn, &[("backup", "standard")]);
    arn
}

#[tokio::test]
async fn each_key_of_resources_under_a_plan_is_looked_at_once_and_what_it_encrypts_is_said() {
    let world = World::default();
    for name in ["orders", "payments"] {
        add_encrypted(&world, name, &own_key(1));
    }
    world.tick().await;
    world.script.restart();
    world.surroundings.set_key(&own_key(1), KeyState::Disabled);
    let report = asked(&world).await;
    let said = said(&report);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0]
            .1
            .contains("dynamodb-table/eu-central-1/orders and 1 other resources"),
        "{said:?}"
    );
    // The vault's, its replica's and the tables'.
    assert_eq!(world.script.count("describe_key"), 3);
}

#[tokio::test]
async fn a_key_that_goes_is_no_alarm_where_the_points_lie_under_the_vaults() {
    let world = World::default();
    add_encrypted(&world, "orders", &own_key(1));
    world.tick().await;
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    world
        .surroundings
        .set_key(&own_key(1), KeyState::PendingDeletion { at });
    let report = asked(&world).await;
    assert_eq!(
        (report.metrics["KeysAtRisk"], said(&report).len()),
        (0.0, 1),
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_key_that_goes_is_an_alarm_where_aws_backup_keeps_points_under_it_also_when_the_database_is_gone() {
    let world = managed::with_orders(1);
    let arn = world.add_database("ledger");
    world.ticks().await;
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    world
        .surroundings
        .set_key(&key("eu-central-1"), KeyState::PendingDeletion { at });
    for _ in 0..2 {
        let report = asked(&world).await;
        let said = said(&report);
        let alarm = said
            .iter()
            .find(|(_, words)| words.contains("rds-instance/eu-central-1/ledger and 1 recovery points"));
        assert!(alarm.is_some(), "{said:?}");
        world.resources.remove(&arn);
    }
}

#[tokio::test]
async fn the_key_of_a_table_that_is_gone_is_nobodys_concern() {
    let world = World::default();
    let arn = add_encrypted(&world, "orders", &own_key(1));
    world.tick().await;
    world.surroundings.set_key(&own_key(1), KeyState::Disabled);
    world.resources.remove(&arn);
    assert_eq!(said(&asked(&world).await), []);
}

#[tokio::test]
async fn the_key_of_a_replica_in_another_account_is_looked_at_instead_of_ours_there() {
    let world = copied().await;
    let theirs: Arn = "arn:aws:kms:eu-west-1:444455556666:key/theirs".parse().unwrap();
    let mut verify = world.verify();
    verify.preflight.replicas[0].key_arn = Some(theirs.clone());
    let ask = async || {
        let report = verify
            .run_request(verify::Request::Preflight, &world.clock)
            .await
            .unwrap();
        said(&report)
    };
    world.surroundings.set_key(&key("eu-west-1"), KeyState::Disabled);
    assert_eq!(ask().await, []);
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    world.surroundings.set_key(&theirs, KeyState::PendingDeletion { at });
    let said = ask().await;
    assert!(
        said.len() == 1 && said[0].1.contains("vault replica and 1 recovery points"),
        "{said:?}"
    );
}

#[tokio::test]
async fn what_the_organisation_does_not_allow_is_said_where_plans_copy_into_another_account() {
    let world = managed::with_orders(1);
    let mut verify = world.verify();
    for (account, answer, words) in [
        ("111122223333", AccountCopies::NotAllowed, None),
        ("444455556666", AccountCopies::Allowed, None),
        (
            "444455556666",
            AccountCopies::NotAllowed,
            Some("isCrossAccountBackupEnabled=true"),
        ),
        ("444455556666", AccountCopies::NoOrganization, Some("one organisation")),
    ] {
        verify.preflight.replicas[0].account = account.to_owned();
        world.backups.answer_account_copies(answer);
        let report = verify.run_request(verify::Request::Preflight, &world.clock).await;
        let mut said = said(&report.unwrap());
        said.retain(|(_, words)| words.contains("copies in account"));
        match words {
            None => assert_eq!(said, []),
            Some(words) => assert!(said.len() == 1 && said[0].1.contains(words), "{said:?}"),
        }
    }
    world
        .script
        .fail_named("account_copies", PortError::Denied("planted".to_owned()));
    let said = said(
        &verify
            .run_request(verify::Request::Preflight, &world.clock)
            .await
            .unwrap(),
    );
    let denied = said
        .iter()
        .find(|(_, words)| words.contains("backup:DescribeGlobalSettings"));
    assert_eq!(denied.map(|found| found.0), Some(OutcomeStatus::Partial), "{said:?}");
}

#[tokio::test]
async fn a_role_that_may_not_do_what_the_policy_needs_is_found_with_the_action() {
    let world = copied().await;
    for (function, action) in [
        ("snapshot", "dynamodb:Scan"),
        ("prune", "s3:DeleteObjectVersion"),
        // Nothing that plans protect needs these.
        ("snapshot", "kinesis:GetRecords"),
        ("replicate", "backup:StartCopyJob"),
    ] {
        world.surroundings.deny(&role_of(function), action);
    }
    let said = said(&asked(&world).await);
    assert_eq!(said.len(), 2, "{said:?}");
    for (words, found) in [
        ("holdfast/prune/r may not s3:DeleteObjectVersion,", &said[0]),
        ("holdfast/snapshot/r may not dynamodb:Scan in eu-central-1,", &said[1]),
    ] {
        assert!(found.0 == OutcomeStatus::Failed && found.1.contains(words), "{found:?}");
    }
}

#[tokio::test]
async fn what_aws_backup_works_with_is_looked_at_where_plans_leave_something_to_it() {
    for (world, expected) in [(World::with_orders(1), 0), (managed::with_orders(1), 1)] {
        let role = holdfast_tests::managed_vault().role_arn;
        world.surroundings.deny(&role, "dynamodb:StartAwsBackupJob");
        world.surroundings.deny(&role_of("replicate"), "backup:StartCopyJob");
        let said = said(&asked(&world).await);
        let of_role = |role: &Arn| said.iter().filter(|(_, words)| words.contains(role.as_str())).count();
        assert_eq!((of_role(&role), of_role(&role_of("replicate"))), (expected, expected));
    }
}

#[tokio::test]
async fn a_role_that_could_not_be_asked_is_a_warning_and_one_that_is_gone_a_finding() {
    for (error, status, word, is_done) in [
        (
            PortError::Denied("planted".to_owned()),
            OutcomeStatus::Partial,
            "could not be asked",
            true,
        ),
        (
            PortError::NotFound("planted".to_owned()),
            OutcomeStatus::Failed,
            "does not exist",
            true,
        ),
        (
            PortError::Unavailable("planted".to_owned()),
            OutcomeStatus::Failed,
            "could not be looked at",
            false,
        ),
    ] {
        let world = World::with_orders(1);
        world.script.fail_named("denied", error);
        let said = said(&ticked(&world).await);
        assert_eq!(said.len(), 5, "one for each role: {said:?}");
        assert!(
            said.iter()
                .all(|(found, words)| *found == status && words.contains(word)),
            "{said:?}"
        );
        world.script.heal();
        world.script.restart();
        ticked(&world).await;
        assert_eq!(world.script.count("denied") == 0, is_done, "{word}");
    }
}

#[tokio::test]
async fn a_vault_of_aws_backup_that_is_nearly_full_is_found_wherever_it_is() {
    for region in [home_region(), replica_region()] {
        let world = managed::with_orders(1);
        world.backups.in_region(&region).add_vault(BACKUP_VAULT, None);
        world.backups.in_region(&region).fill_vault(BACKUP_VAULT, 899_999);
        assert_eq!(said(&asked(&world).await), [], "{region}");
        world.backups.in_region(&region).fill_vault(BACKUP_VAULT, 900_000);
        let said = said(&asked(&world).await);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].1.contains("900000 of 1000000") && said[0].1.contains(region.as_str()),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn an_account_that_lets_few_functions_run_is_told_so() {
    let world = copied().await;
    world.surroundings.set_concurrency(10);
    let found = said(&asked(&world).await);
    assert!(
        found.len() == 1 && found[0].0 == OutcomeStatus::Partial && found[0].1.contains("Lambda in eu-central-1"),
        "{found:?}"
    );
    world
        .script
        .fail_named("free_concurrency", PortError::Denied("planted".to_owned()));
    assert_eq!(said(&asked(&world).await), []);
}

#[test]
fn the_template_lets_as_many_functions_run_at_once_as_a_pre_flight_counts_with() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let of_queues = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("MaximumConcurrency: "));
    let at_once: u64 = of_queues.map(|number| number.parse::<u64>().unwrap()).sum();
    let schedules = template.matches("Type: AWS::Scheduler::Schedule\n").count() as u64;
    assert_eq!(at_once + schedules, holdfast_sources::preflight::FUNCTIONS_AT_ONCE);
}

const COPIED_TO_THE_OTHER_ACCOUNT: &str = "
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1h}
    retention: {keep_last: 2, minimum_good: 1}
    copies:
      - {region: eu-north-1}
";

#[tokio::test]
async fn a_databases_key_has_to_name_the_account_that_its_snapshots_are_to_be_copied_to() {
    let world = managed::with_orders(1);
    world.add_database("ledger");
    world.ticks().await;
    let mut verify = world.verify();
    verify.preflight.replicas.push(Replica {
        region: "eu-north-1".parse().unwrap(),
        bucket: "elsewhere".to_owned(),
        account: "444455556666".to_owned(),
        key_arn: Some("arn:aws:kms:eu-north-1:444455556666:key/1".parse().unwrap()),
        backup_vault: None,
    });
    let ask = async || {
        let report = verify
            .run_request(verify::Request::Preflight, &world.clock)
            .await
            .unwrap();
        let mut said = said(&report);
        said.retain(|(_, words)| words.contains("444455556666") && words.contains("ledger"));
        said
    };
    assert_eq!(ask().await, [], "no copy leaves the account");
    world.set_policy(COPIED_TO_THE_OTHER_ACCOUNT);
    let found = ask().await;
    assert!(
        found.len() == 1 && found[0].1.contains("does not name account 444455556666"),
        "{found:?}"
    );
    world.surroundings.share_key(&key("eu-central-1"), "444455556666");
    assert_eq!(ask().await, []);
    world.surroundings.give_key_to_aws(&key("eu-central-1"));
    let found = ask().await;
    assert!(found.len() == 1 && found[0].1.contains("AWS-managed"), "{found:?}");
}
