//! What each function's ports ask of AWS, written down in `functions/permissions.json`; a story holds `template.yaml` against it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_testkit::{
    Faults, MemoryBackups, MemoryDatabases, MemoryFunctions, MemoryReplicas, MemoryResources, MemoryStore,
    MemorySurroundings, MemoryTables, MemoryWiring, Outbox,
};

use holdfast_tests::points::Points;

type Actions = BTreeSet<&'static str>;
type Store = Faults<MemoryStore>;
type Tables = Faults<MemoryTables>;
type Functions = Faults<MemoryFunctions>;
type Resources = Faults<MemoryResources>;
type Backups = Faults<MemoryBackups>;
type Databases = Faults<MemoryDatabases>;
type Wiring = Faults<MemoryWiring>;

fn all(parts: &[Actions]) -> Actions {
    parts.iter().flatten().copied().collect()
}

fn by_function() -> BTreeMap<&'static str, Actions> {
    BTreeMap::from([
        (
            "snapshot",
            all(&[
                <Store as snapshot::VaultPorts>::actions(),
                <Resources as snapshot::InventoryPorts>::actions(),
                <Tables as snapshot::TablePorts>::actions(),
                <Functions as snapshot::FunctionPorts>::actions(),
                <Backups as snapshot::BackupPorts>::actions(),
                <Databases as snapshot::DatabasePorts>::actions(),
                <Outbox as snapshot::SignalPorts>::actions(),
            ]),
        ),
        (
            "replicate",
            all(&[
                <Store as replicate::HomePorts>::actions(),
                <Store as replicate::ReplicaPorts>::actions(),
                <MemoryReplicas as replicate::MakerPorts>::actions(),
                <Backups as replicate::BackupPorts>::actions(),
            ]),
        ),
        (
            "prune",
            all(&[
                <Store as prune::VaultPorts>::actions(),
                <Backups as prune::BackupPorts>::actions(),
                <Outbox as prune::SignalPorts>::actions(),
            ]),
        ),
        (
            "verify",
            all(&[
                <Store as verify::VaultPorts>::actions(),
                <Resources as verify::InventoryPorts>::actions(),
                <Tables as verify::TablePorts>::actions(),
                <Backups as verify::BackupPorts>::actions(),
                <Databases as verify::DatabasePorts>::actions(),
                <Wiring as verify::BucketPorts>::actions(),
                <Wiring as verify::FilePorts>::actions(),
                <MemorySurroundings as verify::PreflightPorts>::actions(),
            ]),
        ),
        (
            "restore",
            all(&[
                <Store as restore::VaultPorts>::actions(),
                <Tables as restore::TablePorts>::actions(),
                <Functions as restore::FunctionPorts>::actions(),
                <Backups as restore::BackupPorts>::actions(),
                <Databases as restore::DatabasePorts>::actions(),
                <Wiring as restore::WiringPorts>::actions(),
                <Wiring as restore::RecordPorts>::actions(),
                <Wiring as restore::StackPorts>::actions(),
                <Wiring as restore::BucketPorts>::actions(),
                <Wiring as restore::FilePorts>::actions(),
                <Outbox as restore::WorkPorts>::actions(),
                <Points as restore::PointPorts>::actions(),
            ]),
        ),
    ])
}

#[test]
fn the_list_of_permissions_is_what_the_ports_ask_for() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/permissions.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let now = serde_json::to_string_pretty(&by_function()).unwrap() + "\n";
    assert_eq!(written, now, "write this into functions/permissions.json:\n{now}");
}

/// API Gateway's deletes are a method of HTTP.
fn is_delete(action: &&str) -> bool {
    action.to_ascii_lowercase().contains("delete")
}

#[test]
fn only_prune_and_the_clean_up_of_scratch_tables_can_name_a_delete() {
    for (function, actions) in by_function() {
        let deletes: Vec<&str> = actions.into_iter().filter(is_delete).collect();
        match function {
            "prune" => assert_eq!(
                deletes,
                [
                    "backup:DeleteBackupPlan",
                    "backup:DeleteBackupSelection",
                    "backup:DeleteRecoveryPoint",
                    "s3:DeleteObjectVersion"
                ]
            ),
            "verify" => assert_eq!(
                deletes,
                [
                    "dynamodb:DeleteTable",
                    "elasticfilesystem:DeleteFileSystem",
                    "rds:DeleteDBCluster",
                    "rds:DeleteDBInstance",
                    "s3:DeleteBucket",
                    "s3:DeleteObjectVersion"
                ]
            ),
            _ => assert!(deletes.is_empty(), "{function}: {deletes:?}"),
        }
    }
}
