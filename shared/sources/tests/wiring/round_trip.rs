//! Canonical document → restore → read back → equal, for every kind.

use holdfast_catalog::Kind;
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::restore::Restored;
use holdfast_sources::wiring::{Document, KINDS};
use proptest::test_runner::{Config, TestRunner};

use crate::documents::{any_document, before, rich};
use crate::world::{World, needs, plan_for};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Makes a resource from a document, then another one from what is read of it.
async fn there_and_back(kind: Kind, document: &Document) {
    let (from, again, _) = rich().into_iter().find(|(from, _, _)| from.kind == kind).unwrap();
    // Names that are as good for a queue that is not FIFO.
    let plain = |id: holdfast_catalog::ResourceId| holdfast_catalog::ResourceId {
        name: id.name.replace(".fifo", ""),
        ..id
    };
    let is_fifo = document.config.values().any(|value| value.get("FifoQueue").is_some());
    let (from, again) = if is_fifo {
        (from, again)
    } else {
        (plain(from), plain(again))
    };
    let world = World::new();
    for (id, document) in before(kind) {
        world.make(&id, &document).await;
    }
    let first = match kind {
        // AWS names mappings itself.
        Kind::EventSourceMapping => {
            let plan = plan_for(&from, document, &from, Triggers::AsBefore);
            world.execute(&plan).await.unwrap();
            let listed = holdfast_sources::wiring::list(&world.account, kind, &from.region)
                .await
                .unwrap();
            let id = holdfast_catalog::ResourceId::from_arn(&listed[0].arn).unwrap();
            world.read(&id).await
        }
        _ => world.make(&from, document).await,
    };
    let lost = document.differences(&first.document);
    let lost: Vec<_> = lost.iter().filter(|difference| difference.wanted.is_some()).collect();
    assert!(lost.is_empty(), "{kind}: {lost:?}");
    let bytes = first.document.to_bytes();
    let stored = Document::read(&bytes).unwrap();
    assert_eq!(stored.to_bytes(), bytes, "{kind}: one document, one spelling");
    if kind == Kind::EventSourceMapping {
        return;
    }
    let plan = plan_for(&from, &stored, &again, Triggers::AsBefore);
    let restored = world.execute(&plan).await.unwrap();
    let Restored::Made(outcomes) = restored else {
        panic!("{kind}: {restored:?}")
    };
    // A connection's secrets always do.
    let needed: Vec<&str> = needs(&outcomes)
        .into_iter()
        .filter(|setting| *setting != "Secrets")
        .collect();
    assert!(needed.is_empty(), "{kind}: {outcomes:?}");
    let second = world.read(&again).await;
    assert_eq!(plan.wanted.differences(&second.document), [], "{kind}");
    let text = String::from_utf8(second.document.to_bytes()).unwrap();
    let old = format!("\"{}\"", first.arn);
    assert!(!text.contains(&old), "{kind} still names {old}");
}

#[test]
fn every_document_of_every_kind_comes_back_as_it_was() {
    for kind in KINDS {
        let mut runner = TestRunner::new(Config {
            cases: 60,
            failure_persistence: None,
            ..Config::default()
        });
        let result = runner.run(&any_document(*kind), |document| {
            run(there_and_back(*kind, &document));
            Ok(())
        });
        if let Err(error) = result {
            panic!("{kind}: {error}");
        }
    }
}

#[tokio::test]
async fn a_rich_resource_of_every_kind_comes_back_as_it_was() {
    for (_, _, document) in rich().into_iter().filter(|(id, _, _)| id.kind != Kind::SnsTopic) {
        let kind = rich()
            .into_iter()
            .find(|(_, _, other)| *other == document)
            .unwrap()
            .0
            .kind;
        there_and_back(kind, &document).await;
    }
    assert_eq!(rich().len(), KINDS.len(), "a rich resource for each kind");
}

#[tokio::test]
async fn an_unchanged_resource_has_an_unchanged_document() {
    for (id, _, document) in rich() {
        if id.kind == Kind::EventSourceMapping {
            continue;
        }
        let world = World::new();
        for (id, document) in before(id.kind) {
            world.make(&id, &document).await;
        }
        let first = world.make(&id, &document).await;
        // Counts and times go on meanwhile.
        let second = world.read(&id).await;
        assert_eq!(first.document.to_bytes(), second.document.to_bytes(), "{id}");
    }
}
