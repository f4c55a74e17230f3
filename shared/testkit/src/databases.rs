use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use holdfast_catalog::{Arn, Region};
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::rds::port::{
    ChangeDatabases, DatabaseReading, DatabaseSetting, DropScratchDatabases, ReadDatabases,
};
use holdfast_sources::rds::{DatabaseConfig, DatabaseKind, ParameterGroup};
use holdfast_vault::PortError;

use crate::lock;

/// The RDS of one region, in memory. Clones are the same. As in RDS, a database that was made or changed is busy for a while and
/// takes no change meanwhile.
#[derive(Debug, Clone)]
pub struct MemoryDatabases {
    region: Region,
    account: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    databases: BTreeMap<(DatabaseKind, String), Database>,
    busy_polls: u32,
}

#[derive(Debug)]
struct Database {
    config: DatabaseConfig,
    busy_polls: u32,
}

impl MemoryDatabases {
    /// A region of the account 111122223333 without databases, whose changes take effect at once.
    pub fn new(region: &Region) -> Self {
        MemoryDatabases {
            region: region.clone(),
            account: "111122223333".to_owned(),
            state: Arc::default(),
        }
    }

    /// A database that is made or changed from now on is busy for this many looks.
    pub fn busy_polls(&self, polls: u32) {
        lock(&self.state).busy_polls = polls;
    }

    /// Makes a database as somebody in the account would, available at once.
    pub fn add(&self, name: &str, config: &DatabaseConfig) {
        self.insert(name, config.clone(), 0);
    }

    /// The names of all databases.
    pub fn names(&self) -> Vec<String> {
        let state = lock(&self.state);
        state.databases.keys().map(|(_, name)| name.clone()).collect()
    }

    /// A database's settings as they are now, if it is there.
    pub fn config(&self, kind: DatabaseKind, name: &str) -> Option<DatabaseConfig> {
        let state = lock(&self.state);
        let found = state.databases.get(&(kind, name.to_owned()));
        found.map(|database| database.config.clone())
    }

    /// Loses a database, as a disaster would.
    pub fn lose(&self, kind: DatabaseKind, name: &str) {
        lock(&self.state).databases.remove(&(kind, name.to_owned()));
    }

    /// A database's ARN.
    pub fn arn(&self, kind: DatabaseKind, name: &str) -> Arn {
        let sort = match kind {
            DatabaseKind::Instance => "db",
            DatabaseKind::Cluster => "cluster",
        };
        let text = format!("arn:aws:rds:{}:{}:{sort}:{name}", self.region, self.account);
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes a database out of a snapshot: busy as a new one is.
    pub(crate) fn insert_restored(&self, name: &str, config: DatabaseConfig) {
        let busy_polls = lock(&self.state).busy_polls;
        self.insert(name, config, busy_polls);
    }

    fn insert(&self, name: &str, config: DatabaseConfig, busy_polls: u32) {
        let key = (config.kind(), name.to_owned());
        lock(&self.state).databases.insert(key, Database { config, busy_polls });
    }
}

impl State {
    fn get(&mut self, kind: DatabaseKind, name: &str) -> Result<&mut Database, PortError> {
        let missing = || PortError::NotFound(format!("{kind} {name}"));
        self.databases.get_mut(&(kind, name.to_owned())).ok_or_else(missing)
    }
}

impl ReadDatabases for MemoryDatabases {
    async fn read_database(&self, kind: DatabaseKind, name: &str) -> Result<DatabaseReading, PortError> {
        let arn = self.arn(kind, name);
        let mut state = lock(&self.state);
        let database = state.get(kind, name)?;
        let is_busy = database.busy_polls > 0;
        database.busy_polls = database.busy_polls.saturating_sub(1);
        Ok(DatabaseReading {
            arn,
            status: if is_busy { "modifying" } else { "available" }.to_owned(),
            config: database.config.clone(),
            unreadable: Vec::new(),
        })
    }
}

impl ChangeDatabases for MemoryDatabases {
    async fn apply(&self, kind: DatabaseKind, name: &str, setting: &DatabaseSetting) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        let busy_polls = state.busy_polls;
        let database = state.get(kind, name)?;
        if database.busy_polls > 0 {
            return Err(PortError::Conflict(format!("{kind} {name} is being changed")));
        }
        database.busy_polls = busy_polls;
        let config = &mut database.config;
        if let DatabaseSetting::Member(member) = setting {
            let DatabaseConfig::Cluster(cluster) = config else {
                return Err(PortError::Invalid(format!("{name} is no cluster")));
            };
            cluster.members.retain(|there| there.name != member.name);
            cluster.members.push(member.clone());
            cluster.members.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(());
        }
        let shared = config.shared_mut();
        match setting.clone() {
            DatabaseSetting::ParameterGroup(name) => {
                shared.parameter_groups = vec![ParameterGroup {
                    name,
                    family: String::new(),
                    parameters: BTreeMap::new(),
                }];
            }
            DatabaseSetting::SecurityGroups(groups) => shared.network.security_groups = groups,
            DatabaseSetting::Backups(rules) => shared.backups = rules,
            DatabaseSetting::MaintenanceWindow(window) => shared.maintenance_window = window,
            DatabaseSetting::IamAuthentication(is_on) => shared.iam_authentication = is_on,
            DatabaseSetting::Monitoring(monitoring) => shared.monitoring = Some(monitoring),
            DatabaseSetting::Insights(insights) => shared.insights = Some(insights),
            DatabaseSetting::LogExports(logs) => shared.log_exports = logs,
            DatabaseSetting::Tags(tags) => shared.tags.extend(tags),
            DatabaseSetting::DeletionProtection => shared.deletion_protection = true,
            DatabaseSetting::Member(_) => {}
        }
        Ok(())
    }
}

impl DropScratchDatabases for MemoryDatabases {
    async fn drop_scratch_database(&self, kind: DatabaseKind, name: &str) -> Result<(), PortError> {
        if !name.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!("{name} is no scratch name")));
        }
        self.lose(kind, name);
        Ok(())
    }
}
