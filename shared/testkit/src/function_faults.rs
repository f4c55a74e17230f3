use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{Arn, Sha256};
use holdfast_sources::lambda::port::{
    Code, CreateFunction, EventSourceReading, FetchCode, FetchLayer, NewFunction, PublishVersions, ReadFunction,
    ReleaseReading, WireFunction,
};
use holdfast_sources::lambda::{Alias, EventSource, Permission, Settings};
use holdfast_vault::PortError;

use crate::{Effect, Faults};

/// `name` or `name:qualifier`.
fn subject(function: &str, qualifier: Option<&str>) -> String {
    qualifier.map_or_else(|| function.to_owned(), |qualifier| format!("{function}:{qualifier}"))
}

impl<S: ReadFunction> ReadFunction for Faults<S> {
    async fn read_release(&self, function: &str, qualifier: Option<&str>) -> Result<ReleaseReading, PortError> {
        let work = self.inner().read_release(function, qualifier);
        self.script()
            .run("read_release", &subject(function, qualifier), Effect::Reads, work)
            .await
    }

    async fn aliases(&self, function: &str) -> Result<BTreeMap<String, Alias>, PortError> {
        let work = self.inner().aliases(function);
        self.script().run("aliases", function, Effect::Reads, work).await
    }

    async fn policy(&self, function: &str, qualifier: Option<&str>) -> Result<Option<String>, PortError> {
        let work = self.inner().policy(function, qualifier);
        self.script()
            .run("policy", &subject(function, qualifier), Effect::Reads, work)
            .await
    }

    async fn event_sources(&self, function: &str) -> Result<Vec<EventSourceReading>, PortError> {
        let work = self.inner().event_sources(function);
        self.script().run("event_sources", function, Effect::Reads, work).await
    }
}

impl<S: FetchCode> FetchCode for Faults<S> {
    async fn fetch_code(&self, function: &str, qualifier: Option<&str>, max_bytes: u64) -> Result<Bytes, PortError> {
        let work = self.inner().fetch_code(function, qualifier, max_bytes);
        self.script()
            .run("fetch_code", &subject(function, qualifier), Effect::Reads, work)
            .await
    }
}

impl<S: FetchLayer> FetchLayer for Faults<S> {
    async fn fetch_layer(&self, arn: &str, max_bytes: u64) -> Result<Bytes, PortError> {
        let work = self.inner().fetch_layer(arn, max_bytes);
        self.script().run("fetch_layer", arn, Effect::Reads, work).await
    }
}

impl<S: CreateFunction> CreateFunction for Faults<S> {
    async fn create_function(&self, new: NewFunction<'_>) -> Result<(), PortError> {
        let name = new.name;
        let work = self.inner().create_function(new);
        self.script().run("create_function", name, Effect::Writes, work).await
    }

    async fn tag_function(&self, function: &Arn, key: &str, value: &str) -> Result<(), PortError> {
        let work = self.inner().tag_function(function, key, value);
        self.script()
            .run("tag_function", function.as_str(), Effect::Writes, work)
            .await
    }
}

impl<S: PublishVersions> PublishVersions for Faults<S> {
    async fn update_settings(
        &self,
        function: &str,
        revision: Option<&str>,
        from: &Settings,
        to: &Settings,
    ) -> Result<(), PortError> {
        let work = self.inner().update_settings(function, revision, from, to);
        self.script()
            .run("update_settings", function, Effect::Writes, work)
            .await
    }

    async fn update_code(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Code,
        architectures: &[String],
    ) -> Result<(), PortError> {
        let work = self.inner().update_code(function, revision, code, architectures);
        self.script().run("update_code", function, Effect::Writes, work).await
    }

    async fn publish_version(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Option<&Sha256>,
    ) -> Result<u64, PortError> {
        let work = self.inner().publish_version(function, revision, code);
        self.script()
            .run("publish_version", function, Effect::Writes, work)
            .await
    }

    async fn published_versions(&self, function: &str) -> Result<Vec<u64>, PortError> {
        let work = self.inner().published_versions(function);
        self.script()
            .run("published_versions", function, Effect::Reads, work)
            .await
    }
}

impl<S: WireFunction> WireFunction for Faults<S> {
    async fn create_alias(&self, function: &str, name: &str, alias: &Alias) -> Result<(), PortError> {
        let work = self.inner().create_alias(function, name, alias);
        self.script().run("create_alias", name, Effect::Writes, work).await
    }

    async fn add_permission(&self, function: &str, permission: &Permission) -> Result<(), PortError> {
        let work = self.inner().add_permission(function, permission);
        self.script()
            .run("add_permission", &permission.sid, Effect::Writes, work)
            .await
    }

    async fn put_concurrency(&self, function: &str, reserved: i32) -> Result<(), PortError> {
        let work = self.inner().put_concurrency(function, reserved);
        self.script()
            .run("put_concurrency", function, Effect::Writes, work)
            .await
    }

    async fn create_event_source(&self, function: &str, source: &EventSource) -> Result<String, PortError> {
        let work = self.inner().create_event_source(function, source);
        self.script()
            .run("create_event_source", source.label(), Effect::Writes, work)
            .await
    }
}
