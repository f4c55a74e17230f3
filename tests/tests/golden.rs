//! The vaults of version 1, read without our code: as FORMAT.md says and with nothing but zstd, JSON and SHA-256; then restored
//! and held against what is written here in full.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_catalog::{PointId, ReportStatus, Sha256, layout};
use holdfast_sources::lambda::read_function;
use holdfast_tests::World;
use holdfast_tests::checks::{every_point_is_whole, lines};
use holdfast_tests::fixture::vaults;
use holdfast_vault::{read_checkpoint_at, read_run, read_tombstone};
use serde_json::{Value, json};

type Files = BTreeMap<String, Bytes>;

fn files(folder: &str) -> Files {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let (mut open, mut found) = (vec![root.clone()], Files::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let key = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            found.insert(key, std::fs::read(&path).unwrap().into());
        }
    }
    found
}

fn both() -> [Files; 2] {
    [files("v1"), files("v1-odd")]
}

fn world(files: &Files) -> World {
    let world = World::default();
    world.clock.set_now("2027-03-01T00:00:00Z".parse().unwrap());
    for (key, body) in files {
        world.write(key, body);
    }
    world
}

/// The item that is easily spoilt, as the vault has to hold it for ever.
const ODD: &str = concat!(
    r#"{"Item":{"bytes":{"B":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BB"#,
    r#"QkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SV"#,
    r#"lpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp"#,
    r#"6uvs7e7v8PHy8/T19vf4+fr7/P3+/w=="},"customer":{"S":"customer-odd"},"deep":{"M":{"a":{"L":[{"M":{}},{"BS":["AQA=","Ag=="#,
    r#""]}]}}},"digits":{"N":"12345678901234567890123456789012345678"},"list":{"L":[]},"none":{"B":""},"null":{"NULL":true},"#,
    r#""numbers":{"NS":["-1","10","2"]},"order":{"N":"-0.5"},"quotes":{"S":"\"double\" \\ back\nline\ttab \u0001 /"},"#,
    "\"scripts\":{\"S\":\"Ærø 東京 🚢 \u{2028}\"},\"state\":{\"S\":\"open\"},",
    r#""tiny":{"N":"-1.2345678901234567890123456789012345678E-130"},"true":{"BOOL":true}}}"#,
);

/// One of the plain items, likewise.
const PLAIN: &str = concat!(
    r#"{"Item":{"blob":{"B":"AAAABw=="},"customer":{"S":"customer-7"},"empty":{"S":""},"lines":{"L":[{"M":{"n":{"N":"1"},"#,
    r#""sku":{"S":"x"}}}]},"note":{"NULL":true},"order":{"N":"7"},"paid":{"BOOL":false},"parts":{"BS":["AA==","AQ=="]},"#,
    r#""sizes":{"NS":["10","9"]},"state":{"S":"open"},"tags":{"SS":["a","b"]},"#,
    r#""total":{"N":"12345678901234567890123456789012345.007"}}}"#,
);

#[tokio::test]
async fn every_point_of_version_1_is_whole() {
    let [plain, odd] = both();
    assert_eq!(every_point_is_whole(&world(&plain).home, "v1").await, 4);
    assert_eq!(every_point_is_whole(&world(&odd).home, "v1-odd").await, 7);
}

#[tokio::test]
async fn every_point_of_a_table_restores_to_its_items_letter_by_letter() {
    let world = world(&files("v1-odd"));
    let points = world.points_of("orders").await;
    let expected = [
        (
            "first",
            21,
            "open",
            "5ee1ba2da53d6c2043a796e149c5156ba9db89b7a2e9e59af839584666b7dd13",
        ),
        (
            "second",
            21,
            "changed at 0",
            "d97e9e9d091b2189d1ab15c90c618a61ddba992d6c9cb50dc9ecae73cd75af9d",
        ),
        (
            "third",
            21,
            "changed at 1",
            "df1eaca0826620955942529543a09e73f240828db35be45c6471f4ceea7f9df8",
        ),
    ];
    assert_eq!(points.len(), expected.len());
    for (point, (name, items, state, digest)) in points.iter().zip(expected) {
        restore(
            &world,
            json!({"resource": point.resource.to_string(), "point": point, "target": {"name": name}}),
        )
        .await;
        let lines = lines(&world, name);
        assert_eq!(lines.len(), items, "{name}");
        assert!(lines.iter().any(|line| line == ODD), "{name}: {lines:#?}");
        let changed = PLAIN.replace("\"open\"", &format!("{state:?}"));
        assert!(lines.contains(&changed), "{name}: {lines:#?}");
        assert_eq!(digest_of(lines.iter().map(String::as_bytes)), digest, "{name}");
    }
}

#[tokio::test]
async fn a_table_gets_its_settings_back() {
    let world = world(&files("v1-odd"));
    let resource = "dynamodb-table/eu-central-1/orders";
    restore(&world, json!({"resource": resource, "target": {"name": "again"}})).await;
    let config = serde_json::to_value(world.tables.config("again")).unwrap();
    assert_eq!(config["ttl_attribute"], "expires");
    assert_eq!(config["stream"]["view_type"], "NEW_AND_OLD_IMAGES");
    assert_eq!(config["point_in_time_recovery_days"], 35);
    assert_eq!(config["deletion_protection"], true);
    assert_eq!(config["tags"], json!({"backup": "standard", "team": "shop"}));
    assert_eq!(config["global_indexes"][0]["name"], "by-state");
}

#[tokio::test]
async fn every_point_of_a_function_restores_to_its_code_and_wiring() {
    for files in both() {
        let world = world(&files);
        let resource: holdfast_catalog::ResourceId = "lambda-function/eu-central-1/bill".parse().unwrap();
        let catalogue = world.catalogue().await;
        let points = catalogue.points.iter().filter(|entry| entry.id.resource == resource);
        for (number, point) in points.enumerate() {
            let name = format!("bill-{number}");
            restore(
                &world,
                json!({"resource": resource.to_string(), "point": point.id, "target": {"name": name}, "triggers": "as-before"}),
            )
            .await;
            assert_eq!(world.functions.code(&name), "the latest archive");
            let config = read_function(&world.functions, &name).await.unwrap().config;
            assert_eq!(
                (config.latest.settings.memory_mb, config.latest.settings.timeout_seconds),
                (256, 30)
            );
            assert_eq!(config.aliases["live"].description, "what customers use");
            assert_eq!(config.reserved_concurrency, Some(5));
            assert_eq!(config.policy[0].sid, "topic");
            let source = config.event_sources[0].source_arn.as_deref();
            assert_eq!(source, Some("arn:aws:sqs:eu-central-1:111122223333:orders"));
        }
    }
}

async fn restore(world: &World, event: Value) {
    let request = restore::Request::parse(event).unwrap();
    let report = world.restore().run(request, &world.clock).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
}

#[tokio::test]
async fn tombstones_and_work_in_flight_of_version_1_are_understood() {
    let world = world(&files("v1-odd"));
    let catalogue = world.catalogue().await;
    let gone: Vec<&PointId> = catalogue
        .points
        .iter()
        .filter(|entry| entry.is_tombstoned)
        .map(|entry| &entry.id)
        .collect();
    assert_eq!(gone.len(), 2);
    for point in gone {
        let tombstone = read_tombstone(&world.home, point).await.unwrap();
        assert_eq!(tombstone.pruned_at, "2026-11-21T06:00:30Z".parse().unwrap());
    }
    let run = "dynamodb-table/eu-central-1/orders/20261121T060000Z-standard"
        .parse()
        .unwrap();
    assert_eq!(read_run(&world.home, &run).await.unwrap().shards, 8);
    let checkpoints: Vec<String> = world
        .home
        .keys(&layout::run_of(&run))
        .into_iter()
        .filter(|key| key.ends_with(".zst"))
        .collect();
    assert_eq!(checkpoints.len(), 7);
    for key in checkpoints {
        assert_eq!(
            read_checkpoint_at(&world.home, &key).await.unwrap().recipe.items,
            1,
            "{key}"
        );
    }
    for what in ["replicated", "scrubbed", "restore-tested"] {
        assert!(
            catalogue.points.iter().any(|entry| entry.last(what).is_some()),
            "{what}"
        );
    }
}

/// What was added to version 1 since its vaults were written: the policy in force is stored with each point, and the day's
/// pre-flight leaves its mark.
#[tokio::test]
async fn today_names_the_same_contents_as_version_1_and_the_policy() {
    for (folder, today) in vaults().await {
        let golden = files(folder.file_name().unwrap().to_str().unwrap());
        let policy = layout::blob(&Sha256::of(&today[layout::POLICY]));
        let keys = |files: &Files| files.keys().cloned().collect::<BTreeSet<String>>();
        let expected: BTreeSet<String> = keys(&golden).into_iter().chain([policy]).collect();
        let mut today = keys(&today);
        let marks = today
            .extract_if(.., |key| key.starts_with("runs/test/preflight/"))
            .count();
        assert!(marks <= 1, "{today:?}");
        assert_eq!(today, expected, "{}", folder.display());
    }
}

#[test]
fn packs_and_blobs_are_named_by_what_they_hold() {
    for files in both() {
        for (key, body) in &files {
            let name = key.rsplit('/').next().unwrap();
            if let Some(name) = name.strip_suffix(".jsonl.zst") {
                assert_eq!(Sha256::of(&unpacked(body)).to_string(), name);
            } else if key.starts_with("blobs/") {
                assert_eq!(Sha256::of(body).to_string(), name);
            }
        }
    }
}

#[test]
fn an_index_can_be_made_anew_from_its_pack() {
    let mut indexes = 0;
    for files in both() {
        for (key, body) in files.iter().filter(|(key, _)| key.ends_with(".idx")) {
            let mut expected = b"HFINDEX\x01".to_vec();
            for line in lines_in(&unpacked(&files[&key.replace(".idx", ".jsonl.zst")])) {
                let item = &serde_json::from_slice::<Value>(line).unwrap()["Item"];
                let primary_key = format!("{}{}", item["customer"], item["order"]);
                expected.extend(&Sha256::of(primary_key.as_bytes()).as_bytes()[..8]);
                expected.extend(&Sha256::of(line).as_bytes()[..16]);
            }
            assert_eq!(body.as_ref(), expected, "{key}");
            indexes += 1;
        }
    }
    assert!(indexes > 8);
}

#[test]
fn records_end_with_their_own_hash() {
    let mut records = 0;
    for files in both() {
        let is_record = |key: &str| {
            ["points/", "facts/", "tombstones/"]
                .iter()
                .any(|prefix| key.starts_with(prefix))
                || key.ends_with("/run.json")
        };
        for (key, body) in files.iter().filter(|(key, _)| is_record(key)) {
            let text = std::str::from_utf8(body).unwrap();
            let (record, hash) = text.rsplit_once(",\n  \"sha256\": \"").unwrap();
            let hash = hash.strip_suffix("\"\n}\n").unwrap();
            assert_eq!(
                Sha256::of(format!("{record}\n}}\n").as_bytes()).to_string(),
                hash,
                "{key}"
            );
            records += 1;
        }
    }
    assert!(records > 20);
}

#[test]
fn manifests_and_recipes_add_up_to_the_lines_that_they_name() {
    for files in both() {
        for (key, body) in files
            .iter()
            .filter(|(key, _)| key.starts_with("points/dynamodb-table/"))
        {
            let manifest: Value = serde_json::from_slice(body).unwrap();
            let point = key.strip_prefix("points/").unwrap().strip_suffix(".json").unwrap();
            let mut all: Vec<Vec<u8>> = Vec::new();
            for part in manifest["data"]["parts"].as_array().unwrap() {
                let shard = format!(
                    "{:05}-of-{:05}",
                    number(&part["shard"]["index"]),
                    number(&part["shard"]["of"])
                );
                let recipe = &files[&format!("parts/{point}/{shard}.json.zst")];
                assert_eq!(Sha256::of(recipe).to_string(), part["sha256"]);
                let lines = lines_of(&serde_json::from_slice(&unpacked(recipe)).unwrap(), &files);
                assert_eq!(digest_of(lines.iter().map(Vec::as_slice)), part["digest"]);
                all.extend(lines);
            }
            assert_eq!(all.len(), number(&manifest["data"]["items"]));
            assert_eq!(
                all.iter().map(Vec::len).sum::<usize>(),
                number(&manifest["data"]["bytes"])
            );
            assert_eq!(digest_of(all.iter().map(Vec::as_slice)), manifest["data"]["digest"]);
        }
    }
}

fn lines_of(recipe: &Value, files: &Files) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for run in recipe["runs"].as_array().unwrap() {
        let name = recipe["packs"][number(&run[0])]["sha256"].as_str().unwrap();
        let pack = unpacked(&files[&format!("packs/{}/{name}.jsonl.zst", &name[..2])]);
        let lines = lines_in(&pack);
        let (from, count) = (number(&run[1]), number(&run[2]));
        found.extend(lines[from..from + count].iter().map(|line| line.to_vec()));
    }
    found
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(body).unwrap()
}

fn lines_in(pack: &[u8]) -> Vec<&[u8]> {
    pack.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect()
}

/// The sum of the hashes of lines, modulo 2^256, in hexadecimal.
fn digest_of<'l>(lines: impl Iterator<Item = &'l [u8]>) -> String {
    let mut sum = [0_u8; 32];
    for line in lines {
        let mut carry = 0_u16;
        for (digit, add) in sum.iter_mut().zip(Sha256::of(line).as_bytes()).rev() {
            let total = u16::from(*digit) + u16::from(*add) + carry;
            [_, *digit] = total.to_be_bytes();
            carry = total >> 8;
        }
    }
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
