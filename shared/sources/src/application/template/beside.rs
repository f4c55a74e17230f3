//! What stands beside a function, and its layers.

use holdfast_catalog::{Sha256, layout};
use serde_json::{Map, Value, json};

use super::function::{LATEST, alias_of};
use super::symbols::camel;
use super::{Subject, Writing, picked};
use crate::lambda::{Beside, FunctionConfig, Layer};

/// Members of a function URL and what CloudFormation calls them.
const URL: [(&str, &str); 3] = [("AuthType", "AuthType"), ("Cors", "Cors"), ("InvokeMode", "InvokeMode")];

/// Members of asynchronous invocation's configuration.
const EVENT_INVOKE: [(&str, &str); 3] = [
    ("DestinationConfig", "DestinationConfig"),
    ("MaximumEventAgeInSeconds", "MaximumEventAgeInSeconds"),
    ("MaximumRetryAttempts", "MaximumRetryAttempts"),
];

/// What is a property of the function or of an alias, and no resource.
pub(super) fn properties(function: &FunctionConfig, qualifier: &str, properties: &mut Map<String, Value>) {
    let config = |kind: Beside| function.beside.get(&kind).and_then(|configs| configs.get(qualifier));
    for kind in [Beside::RuntimeManagement, Beside::ProvisionedConcurrency] {
        if let Some(config) = config(kind) {
            properties.insert(kind.as_str().to_owned(), json!(config));
        }
    }
    if let Some(recursion) = config(Beside::Recursion) {
        properties.extend(recursion.clone());
    }
}

impl Writing<'_> {
    /// Function URLs and asynchronous invocation, and notes of what has no place in a template.
    pub(super) fn beside(&mut self, subject: &Subject<'_>, function: &FunctionConfig) {
        for (kind, configs) in &function.beside {
            for (qualifier, config) in configs {
                let is_alias = function.aliases.contains_key(qualifier);
                match kind {
                    Beside::Url => self.url(subject, qualifier, config),
                    Beside::EventInvoke if is_alias || qualifier == LATEST => {
                        self.event_invoke(subject, qualifier, config);
                    }
                    Beside::CodeSigning => self.code_signing(subject, config),
                    Beside::Recursion => {}
                    Beside::RuntimeManagement if qualifier == LATEST => {}
                    Beside::ProvisionedConcurrency if is_alias => {}
                    kind => self.notes.push(format!(
                        "{}: {} of {qualifier} is not in the template: set it by hand",
                        subject.id,
                        kind.as_str()
                    )),
                }
            }
        }
        for association in &function.edge {
            self.notes.push(format!(
                "{}: distribution {} ran its version {} at {}: a distribution is not made here",
                subject.id, association.distribution, association.version, association.event_type
            ));
        }
    }

    fn url(&mut self, subject: &Subject<'_>, qualifier: &str, config: &Map<String, Value>) {
        let mut properties = picked(config, &URL);
        self.left_out(subject.id, config, &URL, &[]);
        properties.insert(
            "TargetFunctionArn".to_owned(),
            json!({ "Fn::GetAtt": [subject.logical, "Arn"] }),
        );
        self.add_about(subject, qualifier, "Url", "AWS::Lambda::Url", properties);
    }

    fn event_invoke(&mut self, subject: &Subject<'_>, qualifier: &str, config: &Map<String, Value>) {
        let mut properties = picked(config, &EVENT_INVOKE);
        self.left_out(subject.id, config, &EVENT_INVOKE, &[]);
        properties.insert("FunctionName".to_owned(), json!({ "Ref": subject.logical }));
        properties.insert("Qualifier".to_owned(), json!(qualifier));
        self.add_about(
            subject,
            qualifier,
            "EventInvoke",
            "AWS::Lambda::EventInvokeConfig",
            properties,
        );
    }

    /// Whose signatures code must carry is no part of the application: a parameter, which begins as what it was.
    fn code_signing(&mut self, subject: &Subject<'_>, config: &Map<String, Value>) {
        let member = "CodeSigningConfigArn";
        let name = format!("{}{member}", subject.logical);
        let what = "A code signing configuration that is no part of this application";
        self.parameter(&name, json!({ "Default": config.get(member) }), what);
        if let Some(resource) = self.resources.get_mut(subject.logical) {
            resource["Properties"][member] = json!({ "Ref": name });
        }
    }

    /// A resource about a function or about its alias, which it names without a reference.
    fn add_about(
        &mut self,
        subject: &Subject<'_>,
        qualifier: &str,
        noun: &str,
        resource_type: &str,
        mut properties: Map<String, Value>,
    ) {
        let is_alias = qualifier != LATEST;
        let alias = if is_alias { camel(qualifier) } else { String::new() };
        let logical = format!("{}{alias}{noun}", subject.logical);
        if is_alias {
            properties.insert("Qualifier".to_owned(), json!(qualifier));
        }
        self.add(&logical, resource_type, properties);
        if let Some(resource) = self.resources.get_mut(&logical).filter(|_| is_alias) {
            resource["DependsOn"] = json!([alias_of(subject, qualifier)]);
        }
    }

    /// Layers whose content is stored are published by the stack; all others are named as they were.
    pub(super) fn layers(&mut self, function: &FunctionConfig, properties: &mut Map<String, Value>) {
        let used = &function.latest.settings.layers;
        if used.is_empty() {
            return;
        }
        let layers = used.iter().map(|arn| match function.layers.get(arn) {
            Some(layer) => self.layer(arn, layer),
            None => json!(arn),
        });
        let layers: Vec<Value> = layers.collect();
        properties.insert("Layers".to_owned(), json!(layers));
    }

    fn layer(&mut self, arn: &str, layer: &Layer) -> Value {
        let name = crate::lambda::layer_name(arn).unwrap_or_default();
        let digest = Sha256::of(arn.as_bytes()).to_string();
        let logical = format!("{}Layer{}", camel(name), digest.get(..6).unwrap_or_default());
        let mut properties: Map<String, Value> = layer.settings.clone().into_iter().collect();
        properties.insert("LayerName".to_owned(), json!(name));
        properties.insert(
            "Content".to_owned(),
            self.code_at(&logical, &layout::blob(&layer.sha256)),
        );
        self.add(&logical, "AWS::Lambda::LayerVersion", properties);
        json!({ "Ref": logical })
    }

    /// Where an archive lies: parameters that begin as its place in the vault.
    pub(super) fn code_at(&mut self, logical: &str, key: &str) -> Value {
        let bucket = json!({ "Default": self.code.0 });
        let what = "The bucket that functions take their code from, in the stack's region";
        self.parameter("CodeBucket", bucket, what);
        let parameter = format!("{logical}CodeKey");
        self.parameter(&parameter, json!({ "Default": key }), "The archive in that bucket");
        json!({ "S3Bucket": { "Ref": "CodeBucket" }, "S3Key": { "Ref": parameter } })
    }
}
