//! Making tables and putting settings back.

use std::collections::BTreeMap;

use holdfast_sources::dynamodb::compare::differences;
use holdfast_sources::dynamodb::port::{CreateTable, DropScratchTable, ReadTable, TableStatus};
use holdfast_sources::dynamodb::restore::{Existing, apply_settings, create_and_wait, write_all};
use holdfast_sources::dynamodb::settings::{for_target, settings};
use holdfast_sources::dynamodb::{BillingMode, StreamConfig, TableConfig, Throughput};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_testkit::{ManualClock, Moment};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::configs::configs;
use crate::{Tables, arn, item, items, key, lines, numbers, run, simple, world};

fn rich(tables: &Tables) -> TableConfig {
    let orders = tables.inner().arn("orders");
    TableConfig {
        billing: BillingMode::Provisioned(Throughput { read: 5, write: 5 }),
        deletion_protection: true,
        ttl_attribute: Some("expires".to_owned()),
        stream: Some(StreamConfig {
            view_type: "NEW_AND_OLD_IMAGES".to_owned(),
        }),
        point_in_time_recovery_days: Some(7),
        tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
        resource_policy: Some(format!(
            r#"{{"Statement":[{{"Resource":["{orders}","{orders}/index/*"]}}]}}"#
        )),
        ..simple()
    }
}

/// What the restore function does, without the vault.
async fn restore(
    tables: &Tables,
    clock: &ManualClock,
    config: &TableConfig,
    existing: Existing,
) -> Result<Vec<SettingOutcome>, String> {
    let (old, new) = (arn(tables, "orders"), arn(tables, "restored"));
    let (target, mut outcomes) = for_target(config, &new, &old);
    let words = |error: PortError| error.to_string();
    create_and_wait(tables, clock, "restored", &target, existing)
        .await
        .map_err(words)?;
    write_all(tables, clock, "restored", lines(&items(130)))
        .await
        .map_err(|error| error.to_string())?;
    outcomes.extend(apply_settings(tables, clock, "restored", &settings(&target, &new, &old)).await);
    Ok(outcomes)
}

fn assert_restored(tables: &Tables, config: &TableConfig) {
    let (target, _) = for_target(config, &arn(tables, "restored"), &arn(tables, "orders"));
    assert_eq!(differences(&target, &tables.inner().config("restored")), []);
    assert_eq!(numbers(&tables.inner().items("restored")), numbers(&items(130)));
}

proptest! {
    #[test]
    fn a_table_is_brought_back_with_all_its_settings(config in configs(), busy in 0..4_u32, unprocessed in 0..5_u64) {
        let (tables, clock) = world();
        tables.inner().busy_polls(busy);
        tables.inner().leave_unprocessed_every(if unprocessed == 1 { 0 } else { unprocessed });
        let outcomes = run(restore(&tables, &clock, &config, Existing::Refuse)).unwrap();
        prop_assert!(outcomes.iter().all(|outcome| outcome.status == SettingStatus::Restored), "{:?}", outcomes);
        let old = arn(&tables, "orders");
        let new = arn(&tables, "restored");
        let (target, _) = for_target(&config, &new, &old);
        prop_assert_eq!(differences(&target, &tables.inner().config("restored")), []);
        prop_assert_eq!(tables.inner().items("restored").len(), 130);
        let written = tables.inner().config("restored").resource_policy.unwrap_or_default();
        prop_assert!(!written.contains(&format!("{old}\"")) && !written.contains(&format!("{old}/")), "{}", written);
    }
}

#[test]
fn a_restore_that_dies_at_any_call_is_completed_by_the_next() {
    let (tables, clock) = world();
    let config = rich(&tables);
    tables.inner().busy_polls(2);
    run(restore(&tables, &clock, &config, Existing::Refuse)).unwrap();
    let calls = tables.script().total();
    assert!(calls > 20, "{calls}");
    for number in 1..=calls {
        for moment in [Moment::Before, Moment::After] {
            let (tables, clock) = world();
            tables.inner().busy_polls(2);
            tables.script().kill_at(number, moment);
            match run(restore(&tables, &clock, &config, Existing::Refuse)) {
                Err(_) => {}
                Ok(outcomes) => {
                    let open = |outcome: &SettingOutcome| outcome.status == SettingStatus::NeedsPerson;
                    assert!(outcomes.iter().any(open), "killed at {number} and nobody is told");
                }
            }
            tables.script().heal();
            let clock = ManualClock::at(clock.now());
            let outcomes = run(restore(&tables, &clock, &config, Existing::Adopt)).unwrap();
            assert!(
                outcomes.iter().all(|outcome| outcome.status == SettingStatus::Restored),
                "{number}: {outcomes:?}"
            );
            assert_restored(&tables, &config);
        }
    }
}

#[test]
fn a_restore_that_is_denied_or_throttled_at_any_call_is_completed_by_the_next() {
    let (tables, clock) = world();
    let config = rich(&tables);
    run(restore(&tables, &clock, &config, Existing::Refuse)).unwrap();
    for number in 1..=tables.script().total() {
        let planted = || "by the script".to_owned();
        for error in [PortError::Denied(planted()), PortError::Throttled(planted())] {
            let at = format!("{number}: {error}");
            let (tables, clock) = world();
            tables.script().fail(number, Moment::Before, error);
            drop(run(restore(&tables, &clock, &config, Existing::Refuse)));
            tables.script().heal();
            let clock = ManualClock::at(clock.now());
            let outcomes = run(restore(&tables, &clock, &config, Existing::Adopt)).unwrap();
            assert!(
                outcomes.iter().all(|outcome| outcome.status == SettingStatus::Restored),
                "{at}: {outcomes:?}"
            );
            assert_restored(&tables, &config);
        }
    }
}

#[test]
fn one_lost_answer_anywhere_changes_nothing() {
    let config = rich(&world().0);
    for number in 1..=30 {
        let (tables, clock) = world();
        tables.script().fail(
            number,
            Moment::After,
            PortError::Unavailable("the answer was lost".to_owned()),
        );
        match run(restore(&tables, &clock, &config, Existing::Refuse)) {
            Ok(_) => assert_restored(&tables, &config),
            // A table that may be somebody else's is left to a person.
            Err(error) => assert!(error.contains("restore that broke off"), "{number}: {error}"),
        }
    }
}

#[test]
fn a_table_that_is_there_is_left_as_it_is() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), [item(1)]);
    let error = run(create_and_wait(
        &tables,
        &clock,
        "restored",
        &rich(&tables),
        Existing::Refuse,
    ))
    .unwrap_err();
    assert!(
        matches!(&error, PortError::AlreadyExists(message) if message.contains("restored")),
        "{error}"
    );
    assert_eq!(tables.inner().config("restored"), simple());
    assert!(tables.script().changes().is_empty());
}

#[test]
fn a_slow_table_is_on_demand_while_it_is_loaded_and_slow_again_afterwards() {
    let (tables, clock) = world();
    let config = rich(&tables);
    run(create_and_wait(&tables, &clock, "restored", &config, Existing::Refuse)).unwrap();
    assert_eq!(tables.inner().config("restored").billing, BillingMode::OnDemand);
    run(restore(&tables, &clock, &config, Existing::Adopt)).unwrap();
    assert_restored(&tables, &config);
    // What stopped after the last setting finds its own table again.
    run(create_and_wait(&tables, &clock, "restored", &config, Existing::Adopt)).unwrap();
}

#[test]
fn another_table_is_not_adopted() {
    let (tables, clock) = world();
    tables.inner().add(
        "restored",
        &TableConfig {
            key: vec![key("id", false)],
            ..simple()
        },
        [],
    );
    let error = run(create_and_wait(&tables, &clock, "restored", &simple(), Existing::Adopt)).unwrap_err();
    assert!(
        matches!(&error, PortError::AlreadyExists(message) if message.contains("\"id\"")),
        "{error}"
    );
}

#[test]
fn a_new_table_that_is_not_seen_yet_is_waited_for() {
    let (tables, clock) = world();
    for nth in 2..=6 {
        let unseen = PortError::NotFound("table restored".to_owned());
        tables.script().fail_nth("table_status", nth, Moment::Before, unseen);
    }
    run(create_and_wait(
        &tables,
        &clock,
        "restored",
        &simple(),
        Existing::Refuse,
    ))
    .unwrap();
    assert_eq!(tables.script().count("table_status"), 7);
}

#[test]
fn a_table_that_vanishes_is_not_waited_for() {
    let (tables, clock) = world();
    let settings = settings(&rich(&tables), &arn(&tables, "restored"), &arn(&tables, "orders"));
    let outcomes = run(apply_settings(&tables, &clock, "restored", &settings));
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.message.contains("not found: table restored")),
        "{outcomes:?}"
    );
    assert_eq!(clock.remaining(), SignedDuration::from_mins(15));
}

#[test]
fn a_table_that_is_not_ready_in_time_can_be_adopted_later() {
    let (tables, clock) = world();
    tables.inner().busy_polls(10_000);
    let error = run(create_and_wait(
        &tables,
        &clock,
        "restored",
        &simple(),
        Existing::Refuse,
    ))
    .unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)), "{error}");
    assert!(
        clock.remaining() < SignedDuration::from_secs(5),
        "waited to the deadline"
    );
}

#[test]
fn a_setting_that_is_refused_does_not_stop_the_others() {
    let (tables, clock) = world();
    let config = rich(&tables);
    let table = arn(&tables, "restored");
    tables.inner().add("restored", &config.at_creation(), []);
    tables
        .script()
        .fail_nth("apply", 2, Moment::Before, PortError::Denied("not allowed".to_owned()));
    let outcomes = run(apply_settings(
        &tables,
        &clock,
        "restored",
        &settings(&config, &table, &table),
    ));
    let open: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.status == SettingStatus::NeedsPerson)
        .collect();
    assert_eq!((outcomes.len(), open.len()), (7, 1));
    assert_eq!(open[0].setting, "PointInTimeRecovery");
    assert!(
        open[0].message.contains("not allowed") && open[0].message.contains("over 7 days"),
        "{}",
        open[0].message
    );
    let left: Vec<_> = differences(&config, &tables.inner().config("restored"))
        .into_iter()
        .map(|difference| difference.setting)
        .collect();
    assert_eq!(left, ["PointInTimeRecovery"]);
}

#[test]
fn a_conflict_is_waited_out() {
    let (tables, clock) = world();
    let config = rich(&tables);
    let table = arn(&tables, "restored");
    tables.inner().busy_polls(2);
    tables.inner().add("restored", &config.at_creation(), []);
    for nth in 1..=9 {
        tables.script().fail_nth(
            "apply",
            nth,
            Moment::Before,
            PortError::Conflict("being changed".to_owned()),
        );
    }
    let outcomes = run(apply_settings(
        &tables,
        &clock,
        "restored",
        &settings(&config, &table, &table),
    ));
    assert!(
        outcomes.iter().all(|outcome| outcome.status == SettingStatus::Restored),
        "{outcomes:?}"
    );
    assert_eq!(
        differences(&config, &run(tables.read_table("restored")).unwrap().config),
        []
    );
    let status = run(tables.table_status("restored")).unwrap();
    assert_eq!(status, TableStatus::Active, "left while it is still changing");
}

#[test]
fn only_scratch_tables_are_dropped() {
    let (tables, _) = world();
    for name in ["orders", "holdfast-scratch", "my-holdfast-scratch-1"] {
        tables.inner().add(name, &simple(), []);
        let error = run(tables.drop_scratch_table(name)).unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{error}");
    }
    tables.inner().add("holdfast-scratch-1", &simple(), []);
    run(tables.drop_scratch_table("holdfast-scratch-1")).unwrap();
    run(tables.drop_scratch_table("holdfast-scratch-1")).unwrap();
    assert_eq!(
        tables.inner().names(),
        ["holdfast-scratch", "my-holdfast-scratch-1", "orders"]
    );
}

#[test]
fn restoring_can_be_awaited_on_any_thread() {
    fn is_send(_: &impl Send) {}
    let (tables, clock) = world();
    let config = simple();
    is_send(&create_and_wait(&tables, &clock, "restored", &config, Existing::Adopt));
    is_send(&write_all(&tables, &clock, "restored", Vec::new()));
    is_send(&apply_settings(&tables, &clock, "restored", &[]));
}
