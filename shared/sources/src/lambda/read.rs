use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Region};
use holdfast_vault::PortError;

use super::beside::{self, ReadBeside, Reader};
use super::config::in_order;
use super::edge::{ReadEdge, associations};
use super::layer::{ReadLayers, read_layers};
use super::port::{EventSourceReading, ReadFunction, ReleaseReading, Unreadable};
use super::{EventSource, FunctionConfig, Observed, Release, Statement, statements};

/// The tag that a restore leaves on the function it makes: the recovery point, with `under-way:` before it until all is done.
pub const RESTORE_MARK: &str = "holdfast:restored-from";

/// How AWS's own tags begin; nobody else may set them.
const RESERVED_TAG: &str = "aws:";

/// A function as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionReading {
    /// Its configuration.
    pub config: FunctionConfig,
    /// Its ARN.
    pub arn: Arn,
    /// Settings that could not be read, with the reason, in words for a person.
    pub unreadable: Vec<String>,
    /// Layers that could not be read, by ARN, with the reason. The function can go on using them.
    pub unread_layers: BTreeMap<String, String>,
}

/// Everything that reading a function whole takes.
pub trait ReadWhole: ReadFunction + ReadBeside + ReadLayers + ReadEdge {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions: BTreeSet<_> = <Self as ReadFunction>::ACTIONS.iter().copied().collect();
        actions.extend(<Self as ReadBeside>::actions());
        actions.extend(<Self as ReadLayers>::actions());
        actions.extend(<Self as ReadEdge>::actions());
        actions
    }
}

impl<T: ReadFunction + ReadBeside + ReadLayers + ReadEdge> ReadWhole for T {}

/// Reads a function whole: `$LATEST`, aliases, event source mappings, what stands beside it, where the edge runs it, the versions
/// that those use, and the policies and layers of all.
///
/// # Errors
/// `NotFound` when there is no such function; `Denied` when even GetFunction is refused. A refused detail is not an error: it
/// is in `unreadable`, and in the configuration's list by name.
pub async fn read_function<F: ReadWhole>(functions: &F, name: &str) -> Result<FunctionReading, PortError> {
    let latest = read_release(functions, name, None).await?;
    let mut notes = Notes::default();
    notes.take(&latest.unreadable, "");
    let aliases = functions.aliases(name).await;
    let aliases = notes.detail("Aliases", aliases)?.unwrap_or_default();
    let mappings = functions.event_sources(name).await;
    let mappings = notes.detail("EventSourceMappings", mappings)?.unwrap_or_default();
    let mut config = FunctionConfig {
        latest: latest.release,
        versions: BTreeMap::new(),
        aliases,
        reserved_concurrency: latest.reserved_concurrency,
        policy: Vec::new(),
        event_sources: sources_of(mappings, &mut notes),
        beside: BTreeMap::new(),
        layers: BTreeMap::new(),
        edge: Vec::new(),
        tags: own_tags(latest.tags),
        unreadable: Vec::new(),
        observed: Observed::default(),
    };
    let region = region_of(&latest.arn)?;
    let reader = Reader::new(functions, &region, name);
    beside::read_beside(&reader, &mut config, &mut notes).await?;
    let edge = associations(functions, &latest.arn, name).await;
    config.edge = notes.detail("LambdaFunctionAssociations", edge)?.unwrap_or_default();
    for number in config.used_versions() {
        if let Some(release) = read_version(functions, name, number, &mut notes).await? {
            config.versions.insert(number, release);
        }
    }
    beside::read_of_versions(&reader, &mut config, &mut notes).await?;
    let unread_layers = read_layers(functions, &region, name, &mut config).await?;
    let qualifiers: BTreeSet<String> = config
        .aliases
        .keys()
        .cloned()
        .chain(config.versions.keys().map(u64::to_string))
        .collect();
    let policy = read_policy(functions, name, &latest.arn, &qualifiers).await;
    config.policy = notes.detail("Policy", policy)?.unwrap_or_default();
    in_order(&mut config);
    config.unreadable = notes.settings.into_iter().collect();
    Ok(FunctionReading {
        config,
        arn: latest.arn,
        unreadable: notes.words,
        unread_layers,
    })
}

/// Mappings, without the tags that are not their own.
fn sources_of(mappings: Vec<EventSourceReading>, notes: &mut Notes) -> Vec<EventSource> {
    let mut event_sources = Vec::with_capacity(mappings.len());
    for mut mapping in mappings {
        mapping.source.tags = own_tags(mapping.source.tags);
        notes.take(
            &mapping.unreadable,
            &format!(" of the mapping of {}", mapping.source.label()),
        );
        event_sources.push(mapping.source);
    }
    event_sources
}

fn region_of(arn: &Arn) -> Result<Region, PortError> {
    let region = arn.region().parse::<Region>();
    region.map_err(|error| PortError::Invalid(format!("{arn}: {error}")))
}

/// Reads `$LATEST` or a version, with what depends on the function's name taken out of its settings.
pub(super) async fn read_release<F: ReadFunction>(
    functions: &F,
    name: &str,
    qualifier: Option<&str>,
) -> Result<ReleaseReading, PortError> {
    let mut reading = functions.read_release(name, qualifier).await?;
    let group = &mut reading.release.settings.logging.group;
    *group = group.take().filter(|group| *group != default_log_group(name));
    Ok(reading)
}

/// All statements about the function and about some of its aliases and versions, in order.
pub(super) async fn read_policy<F: ReadFunction>(
    functions: &F,
    name: &str,
    arn: &Arn,
    qualifiers: &BTreeSet<String>,
) -> Result<Vec<Statement>, PortError> {
    let mut found: BTreeMap<(Option<String>, String, String), Statement> = BTreeMap::new();
    for qualifier in std::iter::once(None).chain(qualifiers.iter().map(|name| Some(name.as_str()))) {
        let Some(document) = functions.policy(name, qualifier).await? else {
            continue;
        };
        for statement in statements(&document, arn).map_err(|e| PortError::Corrupt(e.to_string()))? {
            let body = serde_json::to_string(&statement.body).unwrap_or_default();
            found.insert((statement.qualifier.clone(), statement.sid.clone(), body), statement);
        }
    }
    Ok(found.into_values().collect())
}

/// The log group that a function logs to when nobody says otherwise.
fn default_log_group(name: &str) -> String {
    format!("/aws/lambda/{name}")
}

fn own_tags(tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = |key: &str| !key.starts_with(RESERVED_TAG) && key != RESTORE_MARK;
    tags.into_iter().filter(|(key, _)| own(key)).collect()
}

async fn read_version<F: ReadFunction>(
    functions: &F,
    name: &str,
    number: u64,
    notes: &mut Notes,
) -> Result<Option<Release>, PortError> {
    let what = format!("Version {number}");
    match read_release(functions, name, Some(&number.to_string())).await {
        Ok(reading) => {
            // Tags belong to the function and were reported with it.
            let own: Vec<Unreadable> = reading.unreadable.into_iter().filter(|u| u.setting != "Tags").collect();
            notes.take(&own, &format!(" of version {number}"));
            Ok(Some(reading.release))
        }
        Err(PortError::NotFound(why)) => {
            notes.add(&what, &why);
            Ok(None)
        }
        denied => notes.detail(&what, denied.map(|reading| reading.release)),
    }
}

/// What could not be read.
#[derive(Default)]
pub(super) struct Notes {
    settings: BTreeSet<String>,
    words: Vec<String>,
}

impl Notes {
    fn add(&mut self, setting: &str, why: &str) {
        self.settings.insert(setting.to_owned());
        self.words.push(format!("{setting} could not be read: {why}"));
    }

    fn take(&mut self, unreadable: &[Unreadable], of: &str) {
        for detail in unreadable {
            self.add(&format!("{}{of}", detail.setting), &detail.why);
        }
    }

    /// A refusal becomes a note; everything else is as it was.
    pub(super) fn detail<T>(&mut self, setting: &str, result: Result<T, PortError>) -> Result<Option<T>, PortError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(PortError::Denied(why)) => {
                self.add(setting, &why);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
