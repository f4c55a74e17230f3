use std::fmt;

use serde::{Deserialize, Serialize};

/// How firmly a store holds what is locked. The stronger mode is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockMode {
    /// Who has a permission of its own for that can lift it. No function of Holdfast has it.
    Governance,
    /// Nobody can lift or shorten it, the account's root and AWS included.
    Compliance,
}

impl LockMode {
    /// The word for it, in policies, manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            LockMode::Governance => "governance",
            LockMode::Compliance => "compliance",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
