//! Lines of records: canonical, readable again, and in packs that a scrub proves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_catalog::{Engine, FORMAT_VERSION, Manifest, PointId, Sha256, Shard};
use holdfast_sources::kinesis::{KEY, Record};
use holdfast_testkit::{ManualClock, MemoryStore};
use holdfast_vault::{Known, PortError, ShardWriter, scrub_point, summarise, write_part};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const SHARD: &str = "shardId-000000000003";

/// From 1970 to the year 9999.
const LAST_MILLISECOND: i64 = 253_370_764_800_000;

fn answer() -> Value {
    json!({
        "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
        "ApproximateArrivalTimestamp": 1_795_230_300.123,
        "Data": "aGVsbG8=",
        "PartitionKey": "käufer \"7\"",
        "EncryptionType": "KMS",
    })
}

#[test]
fn a_record_is_one_canonical_line() {
    let record = Record::of_answer(SHARD, &answer()).unwrap();
    let expected = concat!(
        r#"{"Record":{"ApproximateArrivalTimestamp":"2026-11-21T03:05:00.123Z","Data":"aGVsbG8=","PartitionKey":"käufer \"7\"","#,
        r#""SequenceNumber":"49590338271490256608559692538361571095921575989136588898","ShardId":"shardId-000000000003"}}"#,
    );
    assert_eq!(
        String::from_utf8(record.line().unwrap().text().to_vec()).unwrap(),
        expected
    );
}

#[test]
fn what_is_not_whole_is_not_stored() {
    for (member, wrong) in [
        ("SequenceNumber", json!(null)),
        ("SequenceNumber", json!("")),
        ("SequenceNumber", json!("-1")),
        ("Data", json!(null)),
        ("Data", json!("no base64!")),
        ("PartitionKey", json!(null)),
        ("ApproximateArrivalTimestamp", json!(null)),
        ("ApproximateArrivalTimestamp", json!(-1.0)),
        ("ApproximateArrivalTimestamp", json!(1e300)),
    ] {
        let mut answer = answer();
        answer[member] = wrong.clone();
        let read = Record::of_answer(SHARD, &answer);
        assert!(matches!(read, Err(PortError::Corrupt(_))), "{member} {wrong}: {read:?}");
    }
    for line in [&b"{}"[..], br#"{"Item":{}}"#, b""] {
        assert!(matches!(Record::parse(line), Err(PortError::Corrupt(_))));
    }
}

proptest! {
    #[test]
    fn a_line_gives_its_record_back(
        millisecond in 0..=LAST_MILLISECOND,
        data in proptest::collection::vec(any::<u8>(), 0..64),
        partition_key in any::<String>(),
        sequence_number in "[0-9]{1,128}",
    ) {
        #[expect(clippy::cast_precision_loss, reason = "fewer digits than a double has")]
        let seconds = millisecond as f64 / 1000.0;
        let answer = json!({
            "SequenceNumber": sequence_number, "ApproximateArrivalTimestamp": seconds, "Data": STANDARD.encode(&data),
            "PartitionKey": partition_key,
        });
        let record = Record::of_answer(SHARD, &answer).unwrap();
        prop_assert_eq!(record.arrived_at, Timestamp::from_millisecond(millisecond).unwrap());
        prop_assert_eq!(STANDARD.decode(&record.data).unwrap(), data);
        prop_assert_eq!(Record::parse(record.line().unwrap().text()).unwrap(), record);
    }
}

#[tokio::test]
async fn a_point_of_records_is_proved_by_its_packs_and_indexes() {
    let clock = ManualClock::at("2026-11-21T03:00:30Z".parse().unwrap());
    let store = MemoryStore::new("home", &clock);
    let point: PointId = "kinesis-stream/eu-central-1/clicks/20261121T030000Z-standard"
        .parse()
        .unwrap();
    let mut writer = ShardWriter::new(&store, &clock, Shard { index: 0, of: 1 }, Known::default());
    for number in 0..3 {
        let mut answer = answer();
        answer["SequenceNumber"] = json!(number.to_string());
        let record = Record::of_answer(SHARD, &answer).unwrap();
        writer.push(&record.line().unwrap()).await.unwrap();
    }
    write_part(&store, &point, &writer.finish().await.unwrap())
        .await
        .unwrap();
    let key = KEY.map(str::to_owned).to_vec();
    let data = summarise(&store, &point, 1, key).await.unwrap();
    let now = holdfast_vault::port::Clock::now(&clock);
    let manifest = Manifest {
        format: FORMAT_VERSION,
        point,
        arn: "arn:aws:kinesis:eu-central-1:111122223333:stream/clicks"
            .parse()
            .unwrap(),
        engine: Engine::Vault,
        started_at: now,
        completed_at: now,
        policy_sha256: Sha256::of(b""),
        tags: [].into(),
        parent: None,
        blobs: Vec::new(),
        data,
        managed: None,
        not_protected: Vec::new(),
        lock: None,
    };
    let scrub = scrub_point(&store, &manifest).await.unwrap();
    assert_eq!(scrub.damages, []);
    assert_eq!(scrub.read.objects, 4, "manifest, part, pack and index");
}
