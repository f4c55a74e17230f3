use std::fmt;
use std::str::FromStr;

use crate::fault::Problem;

/// An AWS account's 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(String);

impl AccountId {
    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(AccountId(text.to_owned()))
        } else {
            Err(Problem::new(
                "not an account",
                "write its 12 digits in quotes, for example \"111122223333\"",
            ))
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account, and what the policy calls it.
///
/// As text: `prod (111122223333)`, or the digits alone where it has no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name in the policy, if the policy names it.
    pub name: Option<String>,
    /// Its digits.
    pub id: AccountId,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}
