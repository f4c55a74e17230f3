//! What each function's ports ask of AWS, written down in `tests/permissions.json`; a story holds `template.yaml` against it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_testkit::{
    Faults, MemoryFunctions, MemoryReplicas, MemoryResources, MemoryStore, MemorySurroundings, MemoryTables,
    MemoryWiring, Outbox,
};

type Actions = BTreeSet<&'static str>;
type Store = Faults<MemoryStore>;
type Tables = Faults<MemoryTables>;
type Functions = Faults<MemoryFunctions>;
type Resources = Faults<MemoryResources>;
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
                <Outbox as snapshot::SignalPorts>::actions(),
            ]),
        ),
        (
            "replicate",
            all(&[
                <Store as replicate::HomePorts>::actions(),
                <Store as replicate::ReplicaPorts>::actions(),
                <MemoryReplicas as replicate::MakerPorts>::actions(),
            ]),
        ),
        (
            "prune",
            all(&[
                <Store as prune::VaultPorts>::actions(),
                <Outbox as prune::SignalPorts>::actions(),
            ]),
        ),
        (
            "verify",
            all(&[
                <Store as verify::VaultPorts>::actions(),
                <Resources as verify::InventoryPorts>::actions(),
                <Tables as verify::TablePorts>::actions(),
                <MemorySurroundings as verify::PreflightPorts>::actions(),
            ]),
        ),
        (
            "restore",
            all(&[
                <Store as restore::VaultPorts>::actions(),
                <Tables as restore::TablePorts>::actions(),
                <Functions as restore::FunctionPorts>::actions(),
                <Wiring as restore::WiringPorts>::actions(),
                <Wiring as restore::StackPorts>::actions(),
                <Outbox as restore::WorkPorts>::actions(),
            ]),
        ),
    ])
}

#[test]
fn the_list_of_permissions_is_what_the_ports_ask_for() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/permissions.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let now = serde_json::to_string_pretty(&by_function()).unwrap() + "\n";
    assert_eq!(written, now, "write this into tests/permissions.json:\n{now}");
}

#[test]
fn only_prune_and_the_clean_up_of_scratch_tables_can_name_a_delete() {
    for (function, actions) in by_function() {
        let deletes: Vec<&str> = actions.into_iter().filter(|action| action.contains("Delete")).collect();
        match function {
            "prune" => assert_eq!(deletes, ["s3:DeleteObjectVersion"]),
            "verify" => assert_eq!(deletes, ["dynamodb:DeleteTable"]),
            _ => assert!(deletes.is_empty(), "{function}: {deletes:?}"),
        }
    }
}
