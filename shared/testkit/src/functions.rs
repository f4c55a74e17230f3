#![allow(clippy::panic, reason = "a test that asks for what is not there stops")]

mod calls;
mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use holdfast_catalog::{Arn, Region, Sha256};
use holdfast_sources::lambda::port::{
    Code, CreateFunction, EventSourceReading, FetchCode, FunctionState, MAX_DIRECT_UPLOAD_BYTES, NewFunction,
    ReadFunction, ReleaseReading, Unreadable,
};
use holdfast_sources::lambda::{
    Alias, Beside, ByQualifier, EdgeAssociation, EventSource, FunctionConfig, Layer, Package, Release, Settings,
};
use holdfast_vault::PortError;
use holdfast_vault::port::ReadObjects;
use serde_json::{Map, Value, json};

use crate::{MemoryStore, MemoryWiring, lock};

/// The account of all resources in memory.
const ACCOUNT: &str = "111122223333";

/// The Lambda of one region, in memory, with no code ever run. Clones are the same.
///
/// As in Lambda: a function that was just made or changed is busy for a while and refuses changes; publishing again without a
/// change gives the version before; version numbers are never used twice, not even by a later function of the same name; event
/// source mappings outlive their function; resources of another region are refused.
#[derive(Debug, Clone)]
pub struct MemoryFunctions {
    region: Region,
    store: MemoryStore,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    functions: BTreeMap<String, Function>,
    /// Event source mappings by function's name: they outlive the function.
    mappings: BTreeMap<String, Vec<(String, EventSource)>>,
    /// The next version number of each name that was ever used.
    next_versions: BTreeMap<String, u64>,
    busy_polls: u32,
    ids_made: u64,
    refused_runtimes: BTreeSet<String>,
    wrong_downloads: u32,
    unreadable: BTreeMap<String, Vec<Unreadable>>,
    /// Layers' versions by ARN; none for one that was deleted.
    layers: BTreeMap<String, Option<(Layer, Bytes)>>,
    /// What distributions run, by function.
    edge: BTreeMap<String, Vec<EdgeAssociation>>,
    /// Where the file systems are that functions mount.
    files: Option<MemoryWiring>,
}

#[derive(Debug, Clone)]
struct Function {
    latest: Stored,
    versions: BTreeMap<u64, Stored>,
    /// Whether `$LATEST` was changed since the last version was published.
    is_changed: bool,
    revision: u64,
    /// How many more looks find it busy.
    busy_polls: u32,
    tags: BTreeMap<String, String>,
    aliases: BTreeMap<String, Alias>,
    statements: Vec<(Option<String>, Map<String, Value>)>,
    reserved: Option<i32>,
    beside: BTreeMap<Beside, ByQualifier>,
}

#[derive(Debug, Clone)]
struct Stored {
    release: Release,
    code: Bytes,
}

impl MemoryFunctions {
    /// A region without functions, which are ready at once when they are made. Code is taken from the buckets of the store's
    /// cloud.
    pub fn new(region: &Region, store: &MemoryStore) -> Self {
        MemoryFunctions {
            region: region.clone(),
            store: store.clone(),
            state: Arc::default(),
        }
    }

    /// A function that is made or changed from now on is busy for this many looks.
    pub fn busy_polls(&self, polls: u32) {
        self.lock().busy_polls = polls;
    }

    /// From now on a function is refused whose file systems cannot be mounted: they are in this account.
    pub fn mount_from(&self, files: &MemoryWiring) {
        self.lock().files = Some(files.clone());
    }

    /// Functions of this runtime can no longer be made or changed to it.
    pub fn refuse_runtime(&self, runtime: &str) {
        self.lock().refused_runtimes.insert(runtime.to_owned());
    }

    /// The next so many downloads give other bytes than the hash promises, as when somebody changes the function meanwhile.
    pub fn spoil_downloads(&self, downloads: u32) {
        self.lock().wrong_downloads = downloads;
    }

    /// Makes a setting of a function unreadable: `Environment` or `Tags`.
    pub fn set_unreadable(&self, function: &str, setting: &str, why: &str) {
        let unreadable = Unreadable {
            setting: setting.to_owned(),
            why: why.to_owned(),
        };
        self.lock()
            .unreadable
            .entry(function.to_owned())
            .or_default()
            .push(unreadable);
    }

    /// Makes a function as somebody in the account would, ready, and with all that its configuration says.
    ///
    /// # Panics
    /// One of the archives that the configuration names is not among `code`.
    pub fn add(&self, name: &str, config: &FunctionConfig, code: &[Bytes]) {
        let archive = |sha256: &Sha256| {
            let mut archives = code.iter().filter(|archive| Sha256::of(archive) == *sha256);
            archives.next().unwrap_or_else(|| panic!("no archive {sha256}")).clone()
        };
        let stored = |release: &Release| Stored {
            release: release.clone(),
            code: match &release.package {
                Package::Image { .. } => Bytes::new(),
                Package::Zip { sha256, .. } => archive(sha256),
            },
        };
        let statement = |statement: &holdfast_sources::lambda::Statement| {
            let mut body = statement.body.clone();
            body.insert("Sid".to_owned(), json!(statement.sid));
            let own = qualified(&self.arn(name), statement.qualifier.as_deref());
            body.entry("Resource").or_insert(json!(own));
            (statement.qualifier.clone(), body)
        };
        let function = Function {
            latest: stored(&config.latest),
            versions: config
                .versions
                .iter()
                .map(|(number, release)| (*number, stored(release)))
                .collect(),
            is_changed: true,
            revision: 0,
            busy_polls: 0,
            tags: config.tags.clone(),
            aliases: config.aliases.clone(),
            statements: config.policy.iter().map(statement).collect(),
            reserved: config.reserved_concurrency,
            beside: config.beside.clone(),
        };
        let mut state = self.lock();
        let layers = config.layers.iter();
        let layers = layers.map(|(arn, layer)| (arn.clone(), Some((layer.clone(), archive(&layer.sha256)))));
        state.layers.extend(layers);
        state.edge.insert(name.to_owned(), config.edge.clone());
        let next = config.versions.last_key_value().map_or(1, |(number, _)| number + 1);
        state.next_versions.insert(name.to_owned(), next);
        state.functions.insert(name.to_owned(), function);
        for source in &config.event_sources {
            let id = state.new_id();
            state
                .mappings
                .entry(name.to_owned())
                .or_default()
                .push((id, source.clone()));
        }
    }

    /// Loses a function, as somebody's DeleteFunction would: its event source mappings stay, and its version numbers stay used.
    pub fn lose(&self, function: &str) {
        self.lock().functions.remove(function);
    }

    /// Loses the event source mappings of a function.
    pub fn lose_mappings(&self, function: &str) {
        self.lock().mappings.remove(function);
    }

    /// Deletes all versions of layers. Functions that have them go on using them.
    pub fn lose_layers(&self) {
        self.lock().layers.values_mut().for_each(|layer| *layer = None);
    }

    /// How many versions of layers there are.
    pub fn layers(&self) -> usize {
        self.lock().layers.values().flatten().count()
    }

    /// Switches all event source mappings of a function off.
    pub fn switch_off_mappings(&self, function: &str) {
        for (_, source) in self.lock().mappings.entry(function.to_owned()).or_default() {
            source.enabled = false;
        }
    }

    /// The names of all functions.
    pub fn names(&self) -> Vec<String> {
        self.lock().functions.keys().cloned().collect()
    }

    /// The archive of `$LATEST`.
    ///
    /// # Panics
    /// There is no such function.
    pub fn code(&self, function: &str) -> Bytes {
        self.lock().expect(function).latest.code.clone()
    }

    /// A function's tags, with the mark that a restore leaves.
    ///
    /// # Panics
    /// There is no such function.
    pub fn tags(&self, function: &str) -> BTreeMap<String, String> {
        self.lock().expect(function).tags.clone()
    }

    /// A function's ARN.
    pub fn arn(&self, function: &str) -> Arn {
        let text = format!("arn:aws:lambda:{}:{ACCOUNT}:function:{function}", self.region);
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The service's own look at the code that it is given.
    async fn stored(&self, code: Code, settings: &Settings) -> Result<Stored, PortError> {
        let code = match code {
            Code::Image(uri) => {
                let package = Package::Image {
                    uri,
                    resolved_uri: None,
                };
                let release = Release {
                    package,
                    settings: settings.clone(),
                };
                return Ok(Stored {
                    release,
                    code: Bytes::new(),
                });
            }
            Code::Bytes(bytes) if bytes.len() as u64 > MAX_DIRECT_UPLOAD_BYTES => {
                return Err(PortError::Invalid(
                    "the archive is too large to be sent along".to_owned(),
                ));
            }
            Code::Bytes(bytes) => bytes,
            Code::S3 { bucket, key } if self.store.has_bucket(&bucket) => self.store.sibling(&bucket).get(&key).await?,
            Code::S3 { bucket, .. } => return Err(PortError::Invalid(format!("no bucket {bucket} in this region"))),
        };
        let package = Package::Zip {
            sha256: Sha256::of(&code),
            bytes: code.len() as u64,
        };
        let release = Release {
            package,
            settings: settings.clone(),
        };
        Ok(Stored { release, code })
    }

    fn check(&self, state: &State, settings: &Settings) -> Result<(), PortError> {
        if let Some(runtime) = settings
            .runtime
            .as_ref()
            .filter(|runtime| state.refused_runtimes.contains(*runtime))
        {
            return Err(PortError::Invalid(format!(
                "the runtime {runtime} is no longer supported"
            )));
        }
        if let Some(files) = &state.files {
            let subnets = settings.vpc.as_ref().map(|vpc| vpc.subnets.as_slice());
            for mounted in &settings.file_systems {
                files.can_mount(&self.region, &mounted.arn, subnets.unwrap_or_default())?;
            }
        }
        let single = settings.kms_key_arn.iter().chain(&settings.dead_letter_target);
        for arn in settings.layers.iter().chain(single) {
            self.check_place(arn)?;
            if state.layers.get(arn).is_some_and(Option::is_none) {
                return Err(PortError::Invalid(format!("layer {arn} does not exist")));
            }
        }
        Ok(())
    }

    fn check_place(&self, arn: &str) -> Result<(), PortError> {
        let elsewhere = |arn: &Arn| !arn.region().is_empty() && arn.region() != self.region.as_str();
        match arn.parse::<Arn>() {
            Ok(arn) if elsewhere(&arn) => Err(PortError::Invalid(format!("{arn} is in another region"))),
            _ => Ok(()),
        }
    }
}

/// A function's ARN with its qualifier, if it has one.
fn qualified(arn: &Arn, qualifier: Option<&str>) -> String {
    qualifier.map_or_else(|| arn.to_string(), |qualifier| format!("{arn}:{qualifier}"))
}

impl State {
    fn function(&mut self, name: &str) -> Result<&mut Function, PortError> {
        let missing = || PortError::NotFound(format!("function {name}"));
        self.functions.get_mut(name).ok_or_else(missing)
    }

    fn expect(&mut self, name: &str) -> &mut Function {
        self.function(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The function, if it may be changed by somebody who read this revision.
    fn changeable(&mut self, name: &str, revision: Option<&str>) -> Result<&mut Function, PortError> {
        let function = self.function(name)?;
        if function.busy_polls > 0 {
            return Err(PortError::Conflict(format!(
                "an update is in progress for function {name}"
            )));
        }
        if revision.is_some_and(|revision| revision != function.revision.to_string()) {
            return Err(PortError::Conflict(format!("function {name} is at another revision")));
        }
        Ok(function)
    }

    fn changed(&mut self, name: &str) -> Result<(), PortError> {
        let busy_polls = self.busy_polls;
        let function = self.function(name)?;
        function.busy_polls = busy_polls;
        function.revision += 1;
        function.is_changed = true;
        Ok(())
    }

    fn new_id(&mut self) -> String {
        self.ids_made += 1;
        format!("00000000-0000-4000-8000-{:012}", self.ids_made)
    }
}

impl Function {
    fn stored(&self, qualifier: Option<&str>) -> Result<&Stored, PortError> {
        let qualifier = match qualifier.and_then(|name| self.aliases.get(name)) {
            Some(alias) => Some(alias.version.as_str()),
            None => qualifier,
        };
        let missing = || PortError::NotFound(format!("version {}", qualifier.unwrap_or_default()));
        match qualifier {
            None | Some("$LATEST") => Ok(&self.latest),
            Some(number) => {
                let number: u64 = number.parse().map_err(|_| missing())?;
                self.versions.get(&number).ok_or_else(missing)
            }
        }
    }
}

impl ReadFunction for MemoryFunctions {
    async fn read_release(&self, function: &str, qualifier: Option<&str>) -> Result<ReleaseReading, PortError> {
        let mut state = self.lock();
        let unreadable = state.unreadable.get(function).cloned().unwrap_or_default();
        let is_unreadable = |setting: &str| unreadable.iter().any(|detail| detail.setting == setting);
        let found = state.function(function)?;
        let mut release = found.stored(qualifier)?.release.clone();
        if is_unreadable("Environment") {
            release.settings.environment = None;
        }
        let group = &mut release.settings.logging.group;
        group.get_or_insert_with(|| format!("/aws/lambda/{function}"));
        let is_busy = found.busy_polls > 0;
        found.busy_polls = found.busy_polls.saturating_sub(1);
        Ok(ReleaseReading {
            arn: self.arn(function),
            release,
            tags: if is_unreadable("Tags") {
                BTreeMap::new()
            } else {
                found.tags.clone()
            },
            reserved_concurrency: found.reserved,
            state: if is_busy {
                FunctionState::Busy
            } else {
                FunctionState::Ready
            },
            revision: Some(found.revision.to_string()),
            unreadable,
        })
    }

    async fn aliases(&self, function: &str) -> Result<BTreeMap<String, Alias>, PortError> {
        Ok(self.lock().function(function)?.aliases.clone())
    }

    async fn policy(&self, function: &str, qualifier: Option<&str>) -> Result<Option<String>, PortError> {
        let mut state = self.lock();
        let found = state.function(function)?;
        found.stored(qualifier)?;
        let about = found
            .statements
            .iter()
            .filter(|(about, _)| about.as_deref() == qualifier);
        let statements: Vec<&Map<String, Value>> = about.map(|(_, body)| body).collect();
        let document = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
        Ok((!statements.is_empty()).then(|| document.to_string()))
    }

    async fn event_sources(&self, function: &str) -> Result<Vec<EventSourceReading>, PortError> {
        let mappings = self.lock().mappings.get(function).cloned();
        let reading = |(id, source): (String, EventSource)| EventSourceReading {
            id,
            source,
            unreadable: Vec::new(),
        };
        Ok(mappings.unwrap_or_default().into_iter().map(reading).collect())
    }
}

impl FetchCode for MemoryFunctions {
    async fn fetch_code(&self, function: &str, qualifier: Option<&str>, max_bytes: u64) -> Result<Bytes, PortError> {
        let mut state = self.lock();
        if state.wrong_downloads > 0 {
            state.wrong_downloads -= 1;
            return Ok(Bytes::from_static(b"other code"));
        }
        let code = state.function(function)?.stored(qualifier)?.code.clone();
        if code.len() as u64 > max_bytes {
            return Err(PortError::Invalid(format!("code of function {function} is too long")));
        }
        Ok(code)
    }
}

impl CreateFunction for MemoryFunctions {
    async fn create_function(&self, new: NewFunction<'_>) -> Result<(), PortError> {
        let stored = self.stored(new.code, new.settings).await?;
        let mut state = self.lock();
        if state.functions.contains_key(new.name) {
            return Err(PortError::AlreadyExists(format!("function {}", new.name)));
        }
        self.check(&state, new.settings)?;
        let function = Function {
            latest: stored,
            versions: BTreeMap::new(),
            is_changed: true,
            revision: 0,
            busy_polls: state.busy_polls,
            tags: new.tags.clone(),
            aliases: BTreeMap::new(),
            statements: Vec::new(),
            reserved: None,
            beside: BTreeMap::new(),
        };
        state.functions.insert(new.name.to_owned(), function);
        Ok(())
    }

    async fn tag_function(&self, function: &Arn, key: &str, value: &str) -> Result<(), PortError> {
        let (_, name) = function.resource().split_once(':').unwrap_or_default();
        let mut state = self.lock();
        state.function(name)?.tags.insert(key.to_owned(), value.to_owned());
        Ok(())
    }
}
