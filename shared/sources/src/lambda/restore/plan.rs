use std::collections::BTreeMap;

use holdfast_catalog::{Arn, BlobRole, Sha256, layout};
use serde_json::{Map, Value, json};

use super::adapt::{Place, adapt};
use super::{
    CodeSource, LATEST, PlanError, RestorePlan, RestoreRequest, Step, Target, Triggers, VaultPlace, mapping_label,
    permission_label, permission_options,
};
use crate::SettingOutcome;
use crate::lambda::beside::input;
use crate::lambda::port::MAX_DIRECT_UPLOAD_BYTES;
use crate::lambda::{Alias, Beside, EDGE_REGION, EdgeAssociation, EventSource, Package, Release, Statement};

/// How many tags a function may have.
const MAX_TAGS: usize = 50;

/// Decides everything that a restore will do.
///
/// # Errors
/// Why there can be no function at all; what merely concerns a part of it is in the plan's `needs_person`.
pub fn plan(request: &RestoreRequest<'_>) -> Result<RestorePlan, PlanError> {
    let arn = target_arn(request)?;
    let mut planner = Planner {
        request,
        place: Place::of(request),
        steps: Vec::new(),
        needs_person: Vec::new(),
    };
    planner.unreadable();
    let tags = planner.tags();
    planner.layers();
    planner.versions();
    let (release, code) = planner.release(&request.config.latest, None)?;
    planner.steps.push(Step::Latest { release, code });
    for (name, alias) in &request.config.aliases {
        planner.alias(name, alias);
    }
    // Before whatever may invoke: a function that was switched off by a reservation of 0 stays off.
    planner
        .steps
        .extend(request.config.reserved_concurrency.map(Step::Concurrency));
    for (kind, configs) in &request.config.beside {
        for (qualifier, config) in configs {
            planner.beside(*kind, qualifier, config);
        }
    }
    for statement in &request.config.policy {
        planner.permission(statement);
    }
    for source in &request.config.event_sources {
        planner.event_source(source);
    }
    for association in &request.config.edge {
        planner.edge(association);
    }
    planner.steps.push(Step::Finish);
    Ok(RestorePlan {
        point: request.point.clone(),
        target: request.target.clone(),
        arn,
        tags,
        triggers: request.triggers,
        existing: request.existing,
        steps: planner.steps,
        needs_person: planner.needs_person,
    })
}

fn target_arn(request: &RestoreRequest<'_>) -> Result<Arn, PlanError> {
    let Target { name, region, account } = &request.target;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let invalid = || PlanError::InvalidName(name.clone());
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(invalid());
    }
    let partition = request.source_arn.partition();
    format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
        .parse()
        .map_err(|_| invalid())
}

struct Planner<'a> {
    request: &'a RestoreRequest<'a>,
    place: Place<'a>,
    steps: Vec<Step>,
    needs_person: Vec<SettingOutcome>,
}

impl Planner<'_> {
    fn person(&mut self, setting: &str, message: impl Into<String>) {
        self.needs_person.push(SettingOutcome::needs_person(setting, message));
    }

    fn unreadable(&mut self) {
        for setting in &self.request.config.unreadable {
            let message = "it could not be read when the recovery point was made, so it is not in it: set it by hand";
            self.needs_person.push(SettingOutcome::needs_person(setting, message));
        }
    }

    fn tags(&mut self) -> BTreeMap<String, String> {
        let mut tags = self.request.config.tags.clone();
        while tags.len() >= MAX_TAGS {
            if let Some((key, value)) = tags.pop_last() {
                let why = format!(
                    "a function has at most {MAX_TAGS} tags and one is the restore's mark: {key}={value} was left out"
                );
                self.person("Tags", why);
            }
        }
        tags
    }

    /// Layers whose content is in the point. The ARN of any other is used as it is, or left out where it cannot be.
    fn layers(&mut self) {
        for (arn, layer) in &self.request.config.layers {
            if self.request.replacements.contains_key(arn) {
                continue;
            }
            if let Ok(code) = self.archive(&layer.sha256) {
                self.place.has_content(arn);
                self.steps.push(Step::Layer {
                    was: arn.clone(),
                    layer: layer.clone(),
                    code,
                });
            }
        }
    }

    fn versions(&mut self) {
        for (number, release) in &self.request.config.versions {
            match self.release(release, Some(*number)) {
                Ok((release, code)) => match self.steps.last_mut() {
                    // The service publishes no second version of what has not changed.
                    Some(Step::Version { was, release: last, .. }) if *last == release => was.push(*number),
                    _ => self.steps.push(Step::Version {
                        was: vec![*number],
                        release,
                        code,
                    }),
                },
                Err(error) => self.person(&format!("Version {number}"), error.to_string()),
            }
        }
    }

    fn release(&mut self, release: &Release, version: Option<u64>) -> Result<(Release, CodeSource), PlanError> {
        let (package, code) = self.code(&release.package)?;
        let (settings, left_out) = adapt(&release.settings, &self.place, version)?;
        self.needs_person.extend(left_out);
        Ok((Release { package, settings }, code))
    }

    fn code(&self, package: &Package) -> Result<(Package, CodeSource), PlanError> {
        match package {
            Package::Zip { sha256, .. } => Ok((package.clone(), self.archive(sha256)?)),
            Package::Image { uri, resolved_uri } => {
                // The digest, because the tag may stand for something else by now.
                let pinned = resolved_uri.as_ref().unwrap_or(uri);
                let replacement = self
                    .request
                    .replacements
                    .get(pinned)
                    .or(self.request.replacements.get(uri));
                let image = replacement.unwrap_or(pinned).clone();
                let region = self.place.region();
                if registry_region(&image).is_some_and(|found| found != region.as_str()) {
                    let region = region.clone();
                    return Err(PlanError::ImageElsewhere { image, region });
                }
                let package = match replacement {
                    None => package.clone(),
                    Some(_) => Package::Image {
                        uri: image.clone(),
                        resolved_uri: None,
                    },
                };
                Ok((package, CodeSource::Image(image)))
            }
        }
    }

    fn archive(&self, sha256: &Sha256) -> Result<CodeSource, PlanError> {
        let mut code = self.request.blobs.iter().filter(|blob| blob.role == BlobRole::Code);
        let blob = code
            .find(|blob| blob.sha256 == *sha256)
            .ok_or(PlanError::CodeMissing { sha256: *sha256 })?;
        let vault = &self.request.vault;
        match &vault.place {
            // The service reads code only from a bucket of its own region.
            VaultPlace::Bucket(bucket) if vault.region == self.request.target.region => Ok(CodeSource::Vault {
                bucket: bucket.clone(),
                key: layout::blob(sha256),
            }),
            _ if blob.bytes <= MAX_DIRECT_UPLOAD_BYTES => Ok(CodeSource::Upload(blob.clone())),
            _ => Err(PlanError::CodeTooBig {
                sha256: *sha256,
                bytes: blob.bytes,
                region: self.request.target.region.clone(),
            }),
        }
    }

    /// Whether a qualifier names something that the plan makes (or an alias, of which execution knows).
    fn is_planned(&self, qualifier: &str) -> bool {
        qualifier.parse().map_or(true, |number: u64| {
            self.steps
                .iter()
                .any(|step| matches!(step, Step::Version { was, .. } if was.contains(&number)))
        })
    }

    fn alias(&mut self, name: &str, alias: &Alias) {
        let setting = format!("Alias {name}");
        if !self.is_planned(&alias.version) {
            let why = format!(
                "version {} is not restored; {}",
                alias.version,
                self.command(&create_alias(name))
            );
            return self.person(&setting, why);
        }
        let mut alias = alias.clone();
        let unplanned: Vec<u64> = alias
            .weights
            .keys()
            .copied()
            .filter(|number| !self.is_planned(&number.to_string()))
            .collect();
        for number in unplanned {
            alias.weights.remove(&number);
            self.person(
                &setting,
                format!(
                    "version {number}, to which it sent a share, is not restored: all goes to what was version {}",
                    alias.version
                ),
            );
        }
        self.steps.push(Step::Alias {
            name: name.to_owned(),
            alias,
        });
    }

    fn beside(&mut self, kind: Beside, qualifier: &str, config: &Map<String, Value>) {
        let setting = kind.label(qualifier);
        if !self.is_planned(qualifier) {
            let why = format!("version {qualifier}, which it is about, is not restored");
            return self.person(&setting, why);
        }
        let wanted = self.place.replaced_in(&Value::Object(config.clone()));
        let Value::Object(config) = wanted else { return };
        if self.place.is_elsewhere_in(&json!(config)) {
            let why = format!(
                "it names what is of another region or account; with the counterparts here: {}",
                beside_command(&self.request.target, kind, qualifier, &config),
            );
            return self.person(&setting, why);
        }
        self.steps.push(Step::Beside {
            kind,
            qualifier: qualifier.to_owned(),
            config,
        });
    }

    fn edge(&mut self, association: &EdgeAssociation) {
        let setting = association.label();
        if !self.is_planned(&association.version.to_string()) {
            let why = format!("version {}, which it ran, is not restored", association.version);
            return self.person(&setting, why);
        }
        if self.place.region().as_str() != EDGE_REGION {
            let why =
                format!("CloudFront runs functions of {EDGE_REGION} alone: restore it there to have it at the edge");
            return self.person(&setting, why);
        }
        self.steps.push(Step::Edge(association.clone()));
    }

    fn permission(&mut self, statement: &Statement) {
        let setting = permission_label(&statement.sid, statement.qualifier.as_deref());
        if let Some(version) = statement
            .qualifier
            .as_ref()
            .filter(|qualifier| !self.is_planned(qualifier))
        {
            return self.person(
                &setting,
                format!("version {version}, which it is about, is not restored"),
            );
        }
        let mut permission = match statement.permission() {
            Ok(permission) => permission,
            Err(why) => {
                let arn = target_arn(self.request).map(|arn| arn.to_string()).unwrap_or_default();
                let remedy = format!(
                    "merge {} into the policy: aws lambda get-resource-policy --resource-arn {arn}, then put-resource-policy",
                    Value::Object(statement.body.clone()),
                );
                return self.person(&setting, format!("{why}; {remedy}"));
            }
        };
        permission.principal = self.place.replaced(&permission.principal);
        permission.source_arn = permission.source_arn.map(|arn| self.place.replaced(&arn));
        if let Some(arn) = permission
            .source_arn
            .as_ref()
            .filter(|arn| self.place.is_elsewhere(arn))
        {
            let why = format!(
                "put back as it was, but {arn} is of another region or account; for its counterpart here: {}",
                self.command(&format!(
                    "{} --source-arn …",
                    permission_options(&format!("{}-here", permission.sid), &permission)
                )),
            );
            self.person(&setting, why);
        }
        self.steps.push(Step::Permission(permission));
    }

    fn event_source(&mut self, source: &EventSource) {
        let mut made = source.clone();
        made.source_arn = source.source_arn.as_deref().map(|arn| self.place.replaced(arn));
        for value in made.settings.values_mut() {
            *value = self.place.replaced_in(value);
        }
        let setting = mapping_label(source);
        if let Some(version) = made.qualifier.as_ref().filter(|qualifier| !self.is_planned(qualifier)) {
            return self.person(
                &setting,
                format!("version {version}, which it invoked, is not restored"),
            );
        }
        let elsewhere = made
            .source_arn
            .as_deref()
            .is_some_and(|arn| self.place.is_elsewhere(arn))
            || made.settings.values().any(|value| self.place.is_elsewhere_in(value));
        if elsewhere {
            let why = format!(
                "its source or destination is of another region or account; with their counterparts here: {}",
                mapping_command(&self.request.target, &made),
            );
            return self.person(&setting, why);
        }
        let quiet = self.request.triggers == Triggers::Quiet;
        made.enabled = source.enabled && !quiet;
        self.steps.push(Step::EventSource {
            source: made,
            quieted: source.enabled && quiet,
        });
    }

    fn command(&self, command: &str) -> String {
        super::wire::command(&self.request.target, command)
    }
}

fn create_alias(name: &str) -> String {
    format!("create-alias --name {name} --function-version …")
}

/// How a person makes a mapping that a restore could not make.
pub(super) fn mapping_command(target: &Target, source: &EventSource) -> String {
    let mut input: BTreeMap<String, Value> = source.settings.clone();
    let function = match source.qualifier.as_deref() {
        Some(qualifier) if qualifier != LATEST => format!("{}:{qualifier}", target.name),
        _ => target.name.clone(),
    };
    input.insert("FunctionName".to_owned(), json!(function));
    input.insert("Enabled".to_owned(), json!(false));
    if let Some(arn) = &source.source_arn {
        input.insert("EventSourceArn".to_owned(), json!(arn));
    }
    format!(
        "aws lambda create-event-source-mapping --region {} --cli-input-json '{}'",
        target.region,
        json!(input)
    )
}

/// How a person puts back a configuration beside a function.
pub(super) fn beside_command(target: &Target, kind: Beside, qualifier: &str, config: &Map<String, Value>) -> String {
    let input = input(&target.name, qualifier, config);
    format!(
        "aws lambda {} --region {} --cli-input-json '{input}'",
        kind.verb(),
        target.region
    )
}

/// The region of an image in ECR: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/app@sha256:…`.
fn registry_region(image: &str) -> Option<&str> {
    image.split_once(".dkr.ecr.")?.1.split('.').next()
}
