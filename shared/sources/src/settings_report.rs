/// How putting one setting back ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingStatus {
    /// As it was.
    Restored,
    /// Could not be put back, or not as it was; the message says why and what a person can do.
    NeedsPerson,
}

/// What became of one setting of a restored resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingOutcome {
    /// The setting, as AWS names it, for example `TimeToLive`.
    pub setting: String,
    /// How it ended.
    pub status: SettingStatus,
    /// For a person; empty when the setting is as it was.
    pub message: String,
}

impl SettingOutcome {
    /// The setting is as it was.
    pub fn restored(setting: &str) -> Self {
        SettingOutcome {
            setting: setting.to_owned(),
            status: SettingStatus::Restored,
            message: String::new(),
        }
    }

    /// The setting needs a person, who is told why and what to do.
    pub fn needs_person(setting: &str, message: impl Into<String>) -> Self {
        SettingOutcome {
            setting: setting.to_owned(),
            status: SettingStatus::NeedsPerson,
            message: message.into(),
        }
    }
}
