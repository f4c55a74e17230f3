//! What a snapshot leaves in the vault.

use holdfast_catalog::{BlobRole, layout};
use holdfast_sources::lambda::port::ReadFunction as _;
use holdfast_sources::lambda::{FunctionConfig, Package};
use holdfast_vault::{PortError, TRUST_EXISTING_FOR, get_blob};
use jiff::SignedDuration;

use crate::made::{SECRET, alias, archives, package, plain, wired};
use crate::world::World;

#[tokio::test]
async fn each_archive_is_stored_once_and_not_downloaded_again() {
    let mut config = wired();
    config.versions.get_mut(&7).unwrap().package = package(0);
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    let code: Vec<_> = taken.blobs.iter().filter(|blob| blob.role == BlobRole::Code).collect();
    assert_eq!((code.len(), world.script.count("fetch_code")), (2, 2));
    for blob in &taken.blobs {
        assert_eq!(get_blob(&world.store, blob).await.unwrap().len() as u64, blob.bytes);
    }
    let document = get_blob(&world.store, &taken.blobs[0]).await.unwrap();
    assert_eq!(FunctionConfig::read(&document).unwrap(), config);
    let stored_bytes = world.store.stored_bytes();
    world.script.restart();
    assert_eq!(world.snapshot("bill").await.unwrap(), taken);
    assert_eq!(
        (world.script.count("fetch_code"), world.script.count("overwrite")),
        (0, 0)
    );
    assert_eq!(world.store.stored_bytes(), stored_bytes);
}

#[tokio::test]
async fn an_archive_that_may_be_swept_is_written_again() {
    let world = World::with("bill", &plain());
    let taken = world.snapshot("bill").await.unwrap();
    world.clock.advance(TRUST_EXISTING_FOR + SignedDuration::from_hours(1));
    world.script.restart();
    assert_eq!(world.snapshot("bill").await.unwrap(), taken);
    assert_eq!(world.script.count("fetch_code"), 1);
    assert_eq!(world.script.count("overwrite"), 2);
}

#[tokio::test]
async fn a_download_that_does_not_fit_its_hash_is_tried_once_more() {
    let world = World::with("bill", &plain());
    world.lambda.spoil_downloads(1);
    world.snapshot("bill").await.unwrap();
    let world = World::with("bill", &plain());
    world.lambda.spoil_downloads(2);
    let error = world.snapshot("bill").await.unwrap_err();
    assert!(matches!(error, PortError::Corrupt(_)), "{error}");
    assert_eq!(world.store.keys(layout::BLOBS), [""; 0]);
}

#[tokio::test]
async fn a_version_whose_code_cannot_be_had_is_told_and_the_rest_is_stored() {
    let world = World::with("bill", &wired());
    world
        .script
        .fail_about("fetch_code", "bill:3", PortError::Denied("not authorized".to_owned()));
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.not_protected.len(), 1);
    assert!(
        taken.not_protected[0].starts_with("code of version 3 is not stored"),
        "{:?}",
        taken.not_protected
    );
    assert_eq!(taken.blobs.len(), 3);
}

#[tokio::test]
async fn a_function_that_is_not_there_is_not_found() {
    let world = World::new();
    assert!(matches!(world.snapshot("bill").await, Err(PortError::NotFound(_))));
}

#[tokio::test]
async fn an_alias_of_a_version_that_vanished_meanwhile_is_told() {
    let world = World::with("bill", &wired());
    world
        .script
        .fail_about("read_release", "bill:7", PortError::NotFound("version 7".to_owned()));
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.config.unreadable, ["Version 7"]);
    world.script.heal();
    let plan = world.plan(&taken, "again").unwrap();
    let told: Vec<&str> = plan
        .needs_person
        .iter()
        .map(|outcome| outcome.setting.as_str())
        .collect();
    assert!(
        told.contains(&"Version 7") && told.contains(&"Alias next") && told.contains(&"Alias live"),
        "{told:?}"
    );
}

#[tokio::test]
async fn images_and_layers_are_named_and_told_not_to_be_stored() {
    let mut config = plain();
    let uri = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:v1";
    config.latest.package = Package::Image {
        uri: uri.to_owned(),
        resolved_uri: Some(format!("{uri}@sha256:{}", "0".repeat(64))),
    };
    config.versions.insert(1, plain().latest);
    config.versions.get_mut(&1).unwrap().settings.layers =
        vec!["arn:aws:lambda:eu-west-1:111122223333:layer:base:1".to_owned()];
    config.aliases.insert("live".to_owned(), alias("1", &[]));
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.not_protected.len(), 2, "{:?}", taken.not_protected);
    assert!(taken.not_protected[0].contains(uri) && taken.not_protected[1].contains("layer:base:1"));
}

#[tokio::test]
async fn a_custom_log_group_is_kept_and_the_default_one_is_not() {
    let mut config = plain();
    config.latest.settings.logging.group = Some("/shared/logs".to_owned());
    let world = World::with("bill", &config);
    world.lambda.add("plain", &plain(), &archives());
    assert_eq!(
        world.read("bill").await.latest.settings.logging.group.as_deref(),
        Some("/shared/logs")
    );
    assert_eq!(world.read("plain").await.latest.settings.logging.group, None);
    let raw = world.lambda.read_release("plain", None).await.unwrap();
    assert_eq!(raw.release.settings.logging.group.as_deref(), Some("/aws/lambda/plain"));
}

#[tokio::test]
async fn secrets_lie_in_the_configuration_document_and_nowhere_else() {
    let world = World::with("bill", &wired());
    let taken = world.snapshot("bill").await.unwrap();
    for (key, body) in world.store.contents() {
        let holds = body.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert_eq!(holds, key == layout::blob(&taken.blobs[0].sha256), "{key}");
    }
}
