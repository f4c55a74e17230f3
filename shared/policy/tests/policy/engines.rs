//! Who makes a plan's points, how AWS Backup is asked for them, and what each engine covers.

use holdfast_policy::{Document, Engine, Managed, Resource, parse};
use jiff::SignedDuration;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn read(lines: &str) -> Result<Document, Vec<String>> {
    let text = format!("version: 1\nplans:\n  - tier: standard\n    select: {{names: \"*\"}}\n    {lines}\n");
    parse(&text, "backup").map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn resource(kind: &str) -> Resource {
    let arn = match kind {
        "rds-instance" => "arn:aws:rds:eu-west-1:111122223333:db:shop",
        "rds-cluster" => "arn:aws:rds:eu-west-1:111122223333:cluster:shop",
        "dynamodb-table" => "arn:aws:dynamodb:eu-west-1:111122223333:table/shop",
        "sqs-queue" => "arn:aws:sqs:eu-west-1:111122223333:shop",
        "s3-bucket" => "arn:aws:s3:::shop",
        other => panic!("{other}"),
    };
    Resource {
        id: format!("{kind}/eu-west-1/shop").parse().unwrap(),
        arn: arn.parse().unwrap(),
        tags: [].into(),
    }
}

#[test]
fn without_a_line_it_is_ours_and_aws_backup_has_its_own_windows() {
    assert_eq!(read("also: false").unwrap().plans[0].engine, Engine::Vault);
    let document = read("engine: aws-backup").unwrap();
    let Engine::AwsBackup(managed) = document.plans[0].engine else {
        panic!()
    };
    assert_eq!(managed, Managed::default());
    assert_eq!((managed.start_window, managed.complete_window), (HOUR * 8, HOUR * 168));
}

#[test]
fn its_options_are_read_in_days_and_times() {
    let options = "{cold_after: 30d, delete_after: 120d, continuous: 35d, start_window: 1h, complete_window: 12h, acls: false, \
                   object_tags: false}";
    let document = read(&format!("engine: aws-backup\n    aws_backup: {options}")).unwrap();
    let expected = Managed {
        cold_after_days: Some(30),
        delete_after_days: Some(120),
        continuous_days: Some(35),
        start_window: HOUR,
        complete_window: HOUR * 12,
        acls: false,
        object_tags: false,
    };
    assert_eq!(document.plans[0].engine, Engine::AwsBackup(expected));
}

#[test]
fn records_of_streams_are_left_out_unless_a_plan_asks_for_them() {
    assert!(!read("engine: vault").unwrap().plans[0].records);
    assert!(!read("engine: aws-backup\n    records: false").unwrap().plans[0].records);
    assert!(read("records: true").unwrap().plans[0].records);
}

#[test]
fn aws_backup_stores_no_records() {
    let faults = read("engine: aws-backup\n    records: true").unwrap_err();
    let expected = "plans[0].records (line 6) is \"true\": records of streams, which AWS Backup does not store; write them in a plan \
                    with engine: vault, or leave the line out";
    assert_eq!(faults, [expected]);
}

#[test]
fn what_aws_backup_would_refuse_is_refused_with_what_to_write() {
    for (lines, expected) in [
        (
            "aws_backup: {start_window: 1h}",
            "options for an engine that the plan does not have; write engine: aws-backup beside them, or leave them out",
        ),
        (
            "engine: aws-backup\n    aws_backup: {cold_after: 30d, delete_after: 119d}",
            "write 120d or more, or leave cold_after out",
        ),
        (
            "engine: aws-backup\n    aws_backup: {delete_after: 36h}",
            "not a number of days; write whole days, for example 30d",
        ),
        (
            "engine: aws-backup\n    aws_backup: {start_window: 30m}",
            "shorter than AWS Backup takes; write 1h or more",
        ),
        (
            "engine: aws-backup\n    aws_backup: {complete_window: 8h}",
            "a job may begin after 8h; write a complete_window of more than 8h",
        ),
        (
            "engine: aws-backup\n    aws_backup: {start_window: 8d}",
            "a job may begin after 8d; write a complete_window of more than 8d",
        ),
        (
            "engine: aws-backup\n    aws_backup: {continuous: true}",
            "write how far back any moment is to be restored, in whole days from 1d to 35d, for example 35d",
        ),
        (
            "engine: aws-backup\n    aws_backup: {continuous: 36d}",
            "not a reach that AWS Backup has; write how far back",
        ),
        (
            "engine: aws-backup\n    aws_backup: {continuous: 0d}",
            "aws_backup.continuous",
        ),
        (
            "engine: aws-backup\n    aws_backup: {continuous: 36h}",
            "not a number of days; write whole days, for example 30d",
        ),
    ] {
        let faults = read(lines).unwrap_err();
        assert_eq!(faults.len(), 1, "{lines}: {faults:?}");
        assert!(faults[0].contains(expected), "{lines}: {faults:?}");
    }
}

#[test]
fn a_plan_covers_what_its_engine_makes_points_of() {
    let (ours, theirs) = (read("engine: vault").unwrap(), read("engine: aws-backup").unwrap());
    for (kind, by_us, by_aws) in [
        ("dynamodb-table", true, true),
        ("sqs-queue", true, false),
        ("rds-instance", false, true),
        ("rds-cluster", false, true),
        ("s3-bucket", false, true),
    ] {
        let resource = resource(kind);
        assert_eq!(!ours.plans_for(&resource).is_empty(), by_us, "{kind}");
        assert_eq!(!theirs.plans_for(&resource).is_empty(), by_aws, "{kind}");
    }
}

#[test]
fn a_plan_that_does_not_compete_leaves_the_resource_to_another() {
    let text = r#"
version: 1
plans:
  - {name: ours, tier: standard, select: {names: "shop"}}
  - {name: theirs, tier: standard, engine: aws-backup, select: {regions: eu-west-1}}
"#;
    let document = parse(text, "backup").unwrap();
    let winner = |kind: &str| document.plans_for(&resource(kind))[0].plan.name.to_string();
    assert_eq!(winner("dynamodb-table"), "ours");
    assert_eq!(winner("rds-instance"), "theirs");
    let instance = resource("rds-instance");
    let why = document.explain(&instance).to_string();
    assert!(
        why.contains("engine vault makes no points of a rds-instance: a plan with engine aws-backup does"),
        "{why}"
    );
}

#[test]
fn continuous_points_are_of_buckets_and_databases() {
    let kinds = holdfast_catalog::Kind::ALL.into_iter();
    let continuous: Vec<String> = kinds
        .filter(|kind| Engine::is_continuous(*kind))
        .map(|kind| kind.to_string())
        .collect();
    assert_eq!(continuous, ["rds-instance", "rds-cluster", "s3-bucket"]);
}
