use holdfast_catalog::layout;
use serde_json::{Map, Value, json};

use super::symbols::camel;
use super::{Subject, Writing, add_tags, beside, picked};
use crate::lambda::{EventSource, FunctionConfig, Package, Settings, SnapStart};

pub(super) const LATEST: &str = "$LATEST";

/// Members of a mapping and what CloudFormation calls them.
const MAPPING: [(&str, &str); 24] = [
    (
        "AmazonManagedKafkaEventSourceConfig",
        "AmazonManagedKafkaEventSourceConfig",
    ),
    ("BatchSize", "BatchSize"),
    ("BisectBatchOnFunctionError", "BisectBatchOnFunctionError"),
    ("DestinationConfig", "DestinationConfig"),
    ("DocumentDBEventSourceConfig", "DocumentDBEventSourceConfig"),
    ("EventSourceArn", "EventSourceArn"),
    ("FilterCriteria", "FilterCriteria"),
    ("FunctionResponseTypes", "FunctionResponseTypes"),
    ("KMSKeyArn", "KmsKeyArn"),
    ("LoggingConfig", "LoggingConfig"),
    ("MaximumBatchingWindowInSeconds", "MaximumBatchingWindowInSeconds"),
    ("MaximumRecordAgeInSeconds", "MaximumRecordAgeInSeconds"),
    ("MaximumRetryAttempts", "MaximumRetryAttempts"),
    ("MetricsConfig", "MetricsConfig"),
    ("ParallelizationFactor", "ParallelizationFactor"),
    ("ProvisionedPollerConfig", "ProvisionedPollerConfig"),
    ("Queues", "Queues"),
    ("ScalingConfig", "ScalingConfig"),
    ("SelfManagedEventSource", "SelfManagedEventSource"),
    ("SourceAccessConfigurations", "SourceAccessConfigurations"),
    ("StartingPosition", "StartingPosition"),
    ("StartingPositionTimestamp", "StartingPositionTimestamp"),
    ("Topics", "Topics"),
    ("TumblingWindowInSeconds", "TumblingWindowInSeconds"),
];

impl Writing<'_> {
    pub(super) fn function(&mut self, subject: &Subject<'_>) {
        let Ok(function) = serde_json::from_value::<FunctionConfig>(subject.document.clone()) else {
            self.notes
                .push(format!("{}: its configuration could not be read", subject.id));
            return;
        };
        let settings = &function.latest.settings;
        let mut properties = plain(settings);
        properties.insert(
            "FunctionName".to_owned(),
            json!({ "Ref": format!("{}Name", subject.logical) }),
        );
        self.code(subject, &function.latest.package, &mut properties);
        self.environment(subject, settings, &mut properties);
        if let Some(reserved) = function.reserved_concurrency {
            properties.insert("ReservedConcurrentExecutions".to_owned(), json!(reserved));
        }
        self.layers(&function, &mut properties);
        beside::properties(&function, LATEST, &mut properties);
        add_tags(&mut properties, &function.tags);
        for (name, is_set) in [
            ("DurableConfig", settings.durable.is_some()),
            ("TenancyConfig", settings.tenant_isolation.is_some()),
            ("CapacityProviderConfig", settings.capacity_provider.is_some()),
        ] {
            if is_set {
                self.notes
                    .push(format!("{}: {name} is not in the template: set it by hand", subject.id));
            }
        }
        self.add(subject.logical, "AWS::Lambda::Function", properties);
        self.versions(subject, &function);
        self.beside(subject, &function);
        self.permissions(subject, &function);
        for (number, source) in (1..).zip(&function.event_sources) {
            self.event_source(subject, &function, source, number);
        }
    }

    fn code(&mut self, subject: &Subject<'_>, package: &Package, properties: &mut Map<String, Value>) {
        let code = match package {
            Package::Zip { sha256, .. } => self.code_at(subject.logical, &layout::blob(sha256)),
            Package::Image { .. } => {
                properties.insert("PackageType".to_owned(), json!("Image"));
                json!({ "ImageUri": package.image() })
            }
        };
        properties.insert("Code".to_owned(), code);
    }

    /// Values that name resources are in the template; all others may be secrets, and are parameters.
    fn environment(&mut self, subject: &Subject<'_>, settings: &Settings, properties: &mut Map<String, Value>) {
        let Some(environment) = settings
            .environment
            .as_ref()
            .filter(|environment| !environment.is_empty())
        else {
            return;
        };
        let mut variables = Map::new();
        for (name, value) in environment.reveal() {
            let shown = if self.symbols.is_reference(value) {
                Value::from(value.as_str())
            } else {
                let parameter = format!("{}Env{}", subject.logical, camel(name));
                self.secret(
                    &parameter,
                    &format!("The environment variable {name} of {}", subject.id),
                )
            };
            variables.insert(name.clone(), shown);
        }
        properties.insert("Environment".to_owned(), json!({ "Variables": variables }));
    }

    /// CloudFormation publishes the code that it deploys: older versions are not made anew.
    fn versions(&mut self, subject: &Subject<'_>, function: &FunctionConfig) {
        let id = subject.id;
        let is_numbered = |version: &str| version != LATEST;
        let version = format!("{}Version", subject.logical);
        if function.aliases.values().any(|alias| is_numbered(&alias.version)) {
            let name = json!({ "Ref": subject.logical });
            self.add(
                &version,
                "AWS::Lambda::Version",
                Map::from_iter([("FunctionName".to_owned(), name)]),
            );
        }
        for (name, alias) in &function.aliases {
            let to = match is_numbered(&alias.version) {
                true => json!({ "Fn::GetAtt": [version, "Version"] }),
                false => json!(LATEST),
            };
            let mut properties = Map::new();
            properties.insert("FunctionName".to_owned(), json!({ "Ref": subject.logical }));
            properties.insert("FunctionVersion".to_owned(), to);
            properties.insert("Name".to_owned(), json!(name));
            if !alias.description.is_empty() {
                properties.insert("Description".to_owned(), json!(alias.description));
            }
            beside::properties(function, name, &mut properties);
            self.add(&alias_of(subject, name), "AWS::Lambda::Alias", properties);
            let numbered = alias.version.parse::<u64>().ok();
            let differs = numbered
                .and_then(|number| function.versions.get(&number))
                .is_some_and(|release| release.package != function.latest.package);
            if differs {
                self.notes.push(format!(
                    "{id}: alias {name} stood for version {} with other code than the newest: the template publishes the newest",
                    alias.version
                ));
            }
            if !alias.weights.is_empty() {
                self.notes.push(format!(
                    "{id}: alias {name} sent a share to other versions: all goes to one"
                ));
            }
        }
    }

    fn permissions(&mut self, subject: &Subject<'_>, function: &FunctionConfig) {
        for statement in &function.policy {
            let permission = match statement.permission() {
                Ok(permission) => permission,
                Err(why) => {
                    self.notes
                        .push(format!("{}: statement {}: {why}", subject.id, statement.sid));
                    continue;
                }
            };
            let whom = match &permission.qualifier {
                None => json!({ "Fn::GetAtt": [subject.logical, "Arn"] }),
                Some(alias) if function.aliases.contains_key(alias) => json!({ "Ref": alias_of(subject, alias) }),
                Some(version) => {
                    self.notes.push(format!(
                        "{}: statement {} is about version {version}",
                        subject.id, statement.sid
                    ));
                    continue;
                }
            };
            let mut properties = Map::new();
            let mut set =
                |name: &str, value: Option<Value>| value.map(|value| properties.insert(name.to_owned(), value));
            set("FunctionName", Some(whom));
            set("Action", Some(json!(permission.action)));
            set("Principal", Some(json!(permission.principal)));
            set("SourceArn", permission.source_arn.map(Value::from));
            set("SourceAccount", permission.source_account.map(Value::from));
            set("EventSourceToken", permission.event_source_token.map(Value::from));
            set("PrincipalOrgID", permission.principal_org_id.map(Value::from));
            set(
                "FunctionUrlAuthType",
                permission.function_url_auth_type.map(Value::from),
            );
            set(
                "InvokedViaFunctionUrl",
                permission.invoked_via_function_url.map(Value::from),
            );
            let qualifier = camel(statement.qualifier.as_deref().unwrap_or_default());
            let logical = format!("{}{qualifier}Permission{}", subject.logical, camel(&statement.sid));
            self.add(&logical, "AWS::Lambda::Permission", properties);
        }
    }

    fn event_source(&mut self, subject: &Subject<'_>, function: &FunctionConfig, source: &EventSource, number: usize) {
        let members: Map<String, Value> = source.settings.clone().into_iter().collect();
        let mut properties = picked(&members, &MAPPING);
        self.left_out(subject.id, &members, &MAPPING, &[]);
        if let Some(arn) = &source.source_arn {
            properties.insert("EventSourceArn".to_owned(), json!(arn));
        }
        let whom = match source.qualifier.as_deref() {
            Some(alias) if function.aliases.contains_key(alias) => json!({ "Ref": alias_of(subject, alias) }),
            _ => json!({ "Ref": subject.logical }),
        };
        properties.insert("FunctionName".to_owned(), whom);
        let enabled = self.switched(source.enabled, json!(true), json!(false));
        properties.insert("Enabled".to_owned(), enabled);
        add_tags(&mut properties, &source.tags);
        self.add(
            &format!("{}Source{number}", subject.logical),
            "AWS::Lambda::EventSourceMapping",
            properties,
        );
    }

    /// A mapping that is stored by itself. One that is stored with its function is made with it.
    pub(super) fn mapping(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let mut properties = picked(&config, &MAPPING);
        self.left_out(subject.id, &config, &MAPPING, &["FunctionArn", "Enabled"]);
        if let Some(function) = config.get("FunctionArn") {
            properties.insert("FunctionName".to_owned(), function.clone());
        }
        let enabled = self.switched(config.get("Enabled") == Some(&json!(true)), json!(true), json!(false));
        properties.insert("Enabled".to_owned(), enabled);
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::Lambda::EventSourceMapping", properties);
    }
}

pub(super) fn alias_of(subject: &Subject<'_>, alias: &str) -> String {
    format!("{}Alias{}", subject.logical, camel(alias))
}

/// The settings that are one property each.
fn plain(settings: &Settings) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value);
        }
    };
    set(
        "Description",
        (!settings.description.is_empty()).then(|| json!(settings.description)),
    );
    set("Runtime", settings.runtime.as_ref().map(|runtime| json!(runtime)));
    set("Handler", settings.handler.as_ref().map(|handler| json!(handler)));
    set("Role", Some(json!(settings.role)));
    set("Timeout", Some(json!(settings.timeout_seconds)));
    set("MemorySize", Some(json!(settings.memory_mb)));
    set("Architectures", Some(json!(settings.architectures)));
    set(
        "EphemeralStorage",
        Some(json!({ "Size": settings.ephemeral_storage_mb })),
    );
    set(
        "DeadLetterConfig",
        settings
            .dead_letter_target
            .as_ref()
            .map(|target| json!({ "TargetArn": target })),
    );
    set("TracingConfig", Some(json!({ "Mode": settings.tracing })));
    set("KmsKeyArn", settings.kms_key_arn.as_ref().map(|key| json!(key)));
    let is_snapped = settings.snap_start == SnapStart::PublishedVersions;
    set(
        "SnapStart",
        is_snapped.then(|| json!({ "ApplyOn": "PublishedVersions" })),
    );
    set(
        "VpcConfig",
        settings.vpc.as_ref().map(|vpc| {
            json!({
                "SubnetIds": vpc.subnets,
                "SecurityGroupIds": vpc.security_groups,
                "Ipv6AllowedForDualStack": vpc.ipv6,
            })
        }),
    );
    let systems = settings.file_systems.iter();
    let systems: Vec<Value> = systems
        .map(|system| json!({ "Arn": system.arn, "LocalMountPath": system.path }))
        .collect();
    set("FileSystemConfigs", (!systems.is_empty()).then(|| json!(systems)));
    set("LoggingConfig", Some(logging(settings)));
    set("ImageConfig", image(settings));
    properties
}

fn logging(settings: &Settings) -> Value {
    let logging = &settings.logging;
    let mut config = json!({ "LogFormat": logging.format });
    for (name, value) in [
        ("ApplicationLogLevel", &logging.application_level),
        ("SystemLogLevel", &logging.system_level),
        ("LogGroup", &logging.group),
    ] {
        if let Some(value) = value {
            config[name] = json!(value);
        }
    }
    config
}

fn image(settings: &Settings) -> Option<Value> {
    let overrides = settings.image_overrides.as_ref()?;
    let mut config = Map::new();
    for (name, list) in [("EntryPoint", &overrides.entry_point), ("Command", &overrides.command)] {
        if !list.is_empty() {
            config.insert(name.to_owned(), json!(list));
        }
    }
    if let Some(directory) = &overrides.working_directory {
        config.insert("WorkingDirectory".to_owned(), json!(directory));
    }
    (!config.is_empty()).then_some(Value::Object(config))
}
