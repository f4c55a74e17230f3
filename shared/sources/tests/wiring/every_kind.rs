//! Every kind of the catalogue is shown to come back equal, and to come back the same whatever fails meanwhile: by these tests.

use holdfast_catalog::Kind;
use holdfast_sources::wiring::KINDS;

/// A file of tests, and those of them that show it.
type Shown = &'static [(&'static str, &'static [&'static str])];

/// These go through all kinds of wiring.
const WIRING: Shown = &[
    (
        include_str!("round_trip.rs"),
        &["every_document_of_every_kind_comes_back_as_it_was"],
    ),
    (
        include_str!("interrupted.rs"),
        &[
            "a_restore_that_dies_at_any_call_ends_the_same_when_run_again",
            "a_change_that_is_denied_is_told_and_made_once_it_is_allowed",
            "a_change_that_is_throttled_for_a_while_is_waited_for",
        ],
    ),
];

/// What is added to a bucket that is there dies in a test of its own.
const NOTIFICATIONS: Shown = &[
    WIRING[0],
    (
        include_str!("interrupted.rs"),
        &[
            "a_change_that_is_denied_is_told_and_made_once_it_is_allowed",
            "a_change_that_is_throttled_for_a_while_is_waited_for",
        ],
    ),
    (
        include_str!("restored.rs"),
        &["adding_notifications_can_die_at_any_call_and_be_run_again"],
    ),
];

const TABLES: Shown = &[
    (
        include_str!("../dynamodb/restore.rs"),
        &["a_table_is_brought_back_with_all_its_settings"],
    ),
    (
        include_str!("../dynamodb/restore.rs"),
        &[
            "a_restore_that_dies_at_any_call_is_completed_by_the_next",
            "a_restore_that_is_denied_or_throttled_at_any_call_is_completed_by_the_next",
        ],
    ),
];

const FUNCTIONS: Shown = &[
    (
        include_str!("../lambda/restored.rs"),
        &["a_restored_function_equals_the_one_that_was_stored"],
    ),
    (
        include_str!("../lambda/interrupted.rs"),
        &[
            "a_restore_that_dies_at_any_call_ends_the_same_when_run_again",
            "any_change_that_is_denied_or_throttled_is_told_and_made_good_later",
        ],
    ),
];

const DATABASES: Shown = &[
    (
        include_str!("../managed/databases.rs"),
        &["every_database_comes_back_with_all_its_settings"],
    ),
    (
        include_str!("../managed/faults.rs"),
        &["a_restore_of_a_database_resumes_and_starts_no_second_job"],
    ),
];

const BUCKETS: Shown = &[
    (include_str!("../s3/main.rs"), &["any_settings_come_back_as_they_were"]),
    (
        include_str!("../../../../tests/tests/aws_backup/buckets.rs"),
        &["a_restore_disturbed_at_any_call_and_sent_again_ends_as_uncut_with_one_job"],
    ),
];

const FILES: Shown = &[
    (include_str!("../efs/main.rs"), &["any_settings_come_back_as_they_were"]),
    (
        include_str!("../../../../tests/tests/aws_backup/files.rs"),
        &["a_restore_disturbed_at_any_call_and_sent_again_ends_as_uncut_with_one_job"],
    ),
];

fn shown(kind: Kind) -> Shown {
    match kind {
        Kind::DynamodbTable => TABLES,
        Kind::LambdaFunction => FUNCTIONS,
        Kind::RdsInstance | Kind::RdsCluster => DATABASES,
        Kind::S3Bucket => BUCKETS,
        Kind::EfsFileSystem => FILES,
        Kind::BucketNotifications => NOTIFICATIONS,
        Kind::SqsQueue
        | Kind::SnsTopic
        | Kind::EventBus
        | Kind::EventRule
        | Kind::ScheduleGroup
        | Kind::Schedule
        | Kind::EventSourceMapping
        | Kind::StateMachine
        | Kind::KinesisStream
        | Kind::EventArchive
        | Kind::EventConnection
        | Kind::ApiDestination
        | Kind::RestApi
        | Kind::HttpApi
        | Kind::IamRole => WIRING,
    }
}

#[test]
fn every_kind_comes_back_equal_and_the_same_after_any_fault() {
    for kind in Kind::ALL {
        for (file, tests) in shown(kind) {
            for test in *tests {
                assert!(file.contains(&format!("fn {test}(")), "{kind}: {test}");
            }
        }
        assert_eq!(shown(kind)[0] == WIRING[0], KINDS.contains(&kind), "{kind}");
    }
}
