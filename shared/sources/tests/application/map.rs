use holdfast_catalog::Kind;
use holdfast_sources::application::{ArnMap, Member};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::made::{id, map, member, moved, prefixed};

fn rewritten(map: &ArnMap, text: &str) -> String {
    match map.rewrite(&json!([text])).0 {
        Value::Array(list) => list[0].as_str().unwrap().to_owned(),
        other => panic!("{other}"),
    }
}

fn some() -> Vec<Member> {
    vec![
        member(Kind::DynamodbTable, "orders", json!({})),
        member(Kind::LambdaFunction, "bill", json!({})),
        member(Kind::SqsQueue, "jobs", json!({})),
        member(Kind::SqsQueue, "jobs.fifo", json!({})),
        member(Kind::IamRole, "bill", json!({})),
        member(Kind::StateMachine, "ship", json!({})),
        member(Kind::BucketNotifications, "photos", json!({})),
        member(Kind::RestApi, "a1b2c3", json!({})),
        member(Kind::KinesisStream, "clicks", json!({})),
        member(Kind::EventConnection, "shop", json!({})),
    ]
}

#[test]
fn every_form_of_a_name_becomes_the_new_one() {
    let map = map(&some(), &prefixed("x-"));
    for (old, new) in [
        (
            "arn:aws:dynamodb:eu-central-1:111122223333:table/orders/index/*",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/x-orders/index/*",
        ),
        (
            "arn:aws:dynamodb:eu-central-1:111122223333:table/orders/stream/*",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/x-orders/stream/*",
        ),
        (
            "arn:aws:lambda:eu-central-1:111122223333:function:bill:live",
            "arn:aws:lambda:eu-central-1:111122223333:function:x-bill:live",
        ),
        (
            "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/bill:*",
            "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/x-bill:*",
        ),
        (
            "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:bill/invocations",
            "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:x-bill/invocations",
        ),
        (
            "arn:aws:apigateway:eu-central-1:sqs:path/111122223333/jobs",
            "arn:aws:apigateway:eu-central-1:sqs:path/111122223333/x-jobs",
        ),
        (
            "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs",
            "https://sqs.eu-central-1.amazonaws.com/111122223333/x-jobs",
        ),
        (
            "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs.fifo",
            "https://sqs.eu-central-1.amazonaws.com/111122223333/x-jobs.fifo",
        ),
        (
            "http://localhost:4566/111122223333/jobs?Action=SendMessage",
            "http://localhost:4566/111122223333/x-jobs?Action=SendMessage",
        ),
        (
            "arn:aws:iam::111122223333:role/app/bill,arn:aws:sqs:eu-central-1:111122223333:jobs",
            "arn:aws:iam::111122223333:role/app/x-bill,arn:aws:sqs:eu-central-1:111122223333:x-jobs",
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/bill/session",
            "arn:aws:sts::111122223333:assumed-role/x-bill/session",
        ),
        (
            "arn:aws:states:eu-central-1:111122223333:execution:ship:*",
            "arn:aws:states:eu-central-1:111122223333:execution:x-ship:*",
        ),
        ("arn:aws:s3:::photos/*", "arn:aws:s3:::x-photos/*"),
        ("s3://photos/in.jpg", "s3://x-photos/in.jpg"),
        (
            "Sends to arn:aws:sqs:eu-central-1:111122223333:jobs.",
            "Sends to arn:aws:sqs:eu-central-1:111122223333:x-jobs.",
        ),
    ] {
        assert_eq!(rewritten(&map, old), new);
    }
}

#[test]
fn half_of_a_longer_name_and_other_places_stay() {
    let map = map(&some(), &prefixed("x-"));
    for text in [
        "arn:aws:dynamodb:eu-central-1:111122223333:table/orders-archive",
        "arn:aws:dynamodb:eu-central-1:111122223333:table/orders*",
        "arn:aws:dynamodb:eu-central-1:111122223333:table/orders.v2",
        "arn:aws:dynamodb:eu-central-1:111122223333:table/x-orders",
        "arn:aws:dynamodb:eu-west-1:111122223333:table/orders",
        "arn:aws:dynamodb:eu-central-1:999922223333:table/orders",
        "arn:aws:iam::111122223333:role/app/bill+more",
        "arn:aws:iam::111122223333:role/bill",
        "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs",
        "https://example.com/a/111122223333/jobs",
        "/111122223333/jobs",
        "s3://photos-old/in.jpg",
        "orders",
        "",
    ] {
        assert_eq!(rewritten(&map, text), text);
    }
}

#[test]
fn in_another_region_the_region_changes_everywhere() {
    let map = map(&some(), &moved("eu-west-1"));
    let uri = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:bill/invocations";
    assert_eq!(rewritten(&map, uri), uri.replace("eu-central-1", "eu-west-1"));
    let url = "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs";
    assert_eq!(rewritten(&map, url), url.replace("eu-central-1", "eu-west-1"));
    assert_eq!(
        rewritten(&map, "arn:aws:iam::111122223333:role/app/bill"),
        "arn:aws:iam::111122223333:role/app/bill"
    );
}

#[test]
fn names_without_arns_change_where_their_place_says_what_they_are() {
    let map = map(&some(), &prefixed("x-"));
    let document = json!({
        "Environment": {"Variables": {"TABLE": "orders", "QUEUE": "jobs", "TEXT": "the orders", "BOTH": "bill"}},
        "definition": json!({"Parameters": {"TableName": "orders", "Key": "orders", "FunctionName": "bill"}}).to_string(),
        "Bucket": "photos",
        "Tags": {"Environment": "orders"},
    });
    let expected = json!({
        "Environment": {"Variables": {"TABLE": "x-orders", "QUEUE": "x-jobs", "TEXT": "the orders", "BOTH": "x-bill"}},
        "definition": json!({"Parameters": {"TableName": "x-orders", "Key": "orders", "FunctionName": "x-bill"}}).to_string(),
        "Bucket": "x-photos",
        "Tags": {"Environment": "orders"},
    });
    assert_eq!(map.rewrite(&document).0, expected);
}

#[test]
fn a_name_that_would_become_two_stays() {
    let members = [
        member(Kind::SqsQueue, "jobs", json!({})),
        member(Kind::SnsTopic, "jobs", json!({})),
    ];
    let mut target = prefixed("");
    target.names.insert("sqs-queue/eu-central-1/jobs".into(), "work".into());
    let document = json!({"environment": {"WHICH": "jobs"}, "QueueName": "jobs"});
    assert_eq!(
        map(&members, &target).rewrite(&document).0,
        json!({"environment": {"WHICH": "jobs"}, "QueueName": "work"})
    );
}

#[test]
fn what_a_service_chooses_is_said_first_and_replaced_when_it_is_known() {
    let mut map = map(&some(), &prefixed("x-"));
    let old = json!({
        "stream": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders/stream/2026-01-01T00:00:00.000",
        "consumer": "arn:aws:kinesis:eu-central-1:111122223333:stream/clicks/consumer/c:1700000000",
        "source": "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/*/GET/",
        "url": "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/prod",
        "connection": "arn:aws:events:eu-central-1:111122223333:connection/shop/0a1b-2c",
    });
    let (unchanged, replaced) = map.rewrite(&old);
    assert_eq!(unchanged, old);
    assert_eq!(replaced.iter().filter(|replaced| replaced.to.is_none()).count(), 5);
    let pending = map.references(&old);
    assert!(pending.len() == 5 && pending.iter().all(|reference| reference.is_pending));
    for (kind, name, arn) in [
        (
            Kind::DynamodbTable,
            "orders",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/x-orders/stream/2026-11-21T08:00:00.000",
        ),
        (
            Kind::KinesisStream,
            "clicks",
            "arn:aws:kinesis:eu-central-1:111122223333:stream/x-clicks/consumer/c:1800000000",
        ),
        (
            Kind::RestApi,
            "a1b2c3",
            "arn:aws:apigateway:eu-central-1::/restapis/z9y8",
        ),
        (
            Kind::EventConnection,
            "shop",
            "arn:aws:events:eu-central-1:111122223333:connection/x-shop/9f-8e",
        ),
    ] {
        map.learn(&id(kind, name), &arn.parse().unwrap());
    }
    let expected = json!({
        "stream": "arn:aws:dynamodb:eu-central-1:111122223333:table/x-orders/stream/2026-11-21T08:00:00.000",
        "consumer": "arn:aws:kinesis:eu-central-1:111122223333:stream/x-clicks/consumer/c:1800000000",
        "source": "arn:aws:execute-api:eu-central-1:111122223333:z9y8/*/GET/",
        "url": "https://z9y8.execute-api.eu-central-1.amazonaws.com/prod",
        "connection": "arn:aws:events:eu-central-1:111122223333:connection/x-shop/9f-8e",
    });
    assert_eq!(map.rewrite(&old).0, expected);
    assert_eq!(map.target(&id(Kind::RestApi, "a1b2c3")).unwrap().name, "z9y8");
}

/// Names that are near each other, so that prefixes and suffixes of names are names too.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop::sample::select(vec!["a", "e", "-", "_", "."]), 2..6)
        .prop_map(|parts| format!("t{}e", parts.concat()))
}

fn arn(name: &str) -> String {
    format!("arn:aws:dynamodb:eu-central-1:111122223333:table/{name}")
}

proptest! {
    #[test]
    fn every_whole_arn_changes_and_nothing_else(
        names in proptest::collection::btree_set(name(), 1..6),
        written in proptest::collection::vec((name(), "[ ,\"'\\]{}()|;/:<>&\u{e9}]{1,3}"), 0..12),
        extra in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let members: Vec<Member> = names.iter().map(|name| member(Kind::DynamodbTable, name, json!({}))).collect();
        let map = map(&members, &prefixed("n-"));
        let known: Vec<&String> = names.iter().collect();
        let mut words: Vec<(String, String)> = written;
        words.extend(extra.iter().map(|index| (index.get(&known).to_string(), " ".to_owned())));
        let text = |rename: bool| -> String {
            let word = |(name, gap): &(String, String)| {
                let renamed = rename && names.contains(name);
                format!("{}{gap}", arn(&if renamed { format!("n-{name}") } else { name.clone() }))
            };
            words.iter().map(word).collect()
        };
        let (old, new) = (text(false), text(true));
        // As it is, inside JSON in a string, and as a key.
        let quoted = |text: &str| json!({"k": [{"deep": json!({"in": [text, 1.5]}).to_string()}, text], arn(known[0]): 1});
        let mut expected = quoted(&new);
        let first = expected.as_object_mut().unwrap().remove(&arn(known[0])).unwrap();
        expected.as_object_mut().unwrap().insert(arn(&format!("n-{}", known[0])), first);
        let (once, replaced) = map.rewrite(&quoted(&old));
        prop_assert_eq!(&once, &expected);
        prop_assert_eq!(replaced.is_empty(), old == new && known.is_empty());
        // Old and new names have nothing in common: again changes nothing.
        let (twice, again) = map.rewrite(&once);
        prop_assert_eq!(&twice, &once);
        prop_assert!(again.is_empty(), "{again:?}");
    }

    #[test]
    fn there_and_back_is_where_it_was(text in "[a-z:/ \\\\\"{}]{0,40}", names in proptest::collection::btree_set(name(), 1..5)) {
        let there: Vec<Member> = names.iter().map(|name| member(Kind::SqsQueue, &name.replace('.', "-"), json!({}))).collect();
        let back: Vec<Member> = there.iter().map(|old| member(Kind::SqsQueue, &format!("{}-z", old.id.name), json!({}))).collect();
        let listed: Vec<String> = there.iter().map(|old| old.arn.to_string()).collect();
        let document = json!({"text": text, "list": listed, "all": listed.join(" ")});
        let suffixed = holdfast_sources::application::Target { suffix: "-z".into(), ..Default::default() };
        let mut original = holdfast_sources::application::Target::default();
        for old in &there {
            original.names.insert(format!("{}-z", old.id), old.id.name.clone());
        }
        let gone = map(&there, &suffixed).rewrite(&document).0;
        prop_assert!(gone != document);
        prop_assert_eq!(map(&back, &original).rewrite(&gone).0, document);
    }
}

#[test]
fn a_name_with_parts_is_not_taken_for_its_first_part() {
    let members = [
        member(Kind::EventRule, "default/shop", json!({})),
        member(Kind::IamRole, "bill", json!({})),
    ];
    let map = map(&members, &prefixed("x-"));
    let rule = "arn:aws:events:eu-central-1:111122223333:rule/shop";
    assert_eq!(
        rewritten(&map, rule),
        "arn:aws:events:eu-central-1:111122223333:rule/x-shop"
    );
    for other in [
        format!("{rule}/paid"),
        "arn:aws:iam::111122223333:role/app/bill/inner".to_owned(),
    ] {
        assert_eq!(rewritten(&map, &other), other);
    }
}

#[test]
fn what_a_person_gives_wins() {
    let mut map = map(&some(), &prefixed("x-"));
    let queue = "arn:aws:sqs:eu-central-1:111122223333:jobs";
    map.insert(queue, "arn:aws:sqs:eu-west-1:111122223333:mine");
    map.insert("subnet-1", "subnet-2");
    let document = json!({"q": queue, "list": ["subnet-1", "subnet-10", "x subnet-1"], "subnet-1": 1});
    let expected = json!({"q": "arn:aws:sqs:eu-west-1:111122223333:mine", "list": ["subnet-2", "subnet-10", "x subnet-1"], "subnet-1": 1});
    assert_eq!(map.rewrite(&document).0, expected);
}
