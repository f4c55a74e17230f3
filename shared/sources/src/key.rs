//! What is known of a KMS key, and what is wrong with it.

use std::collections::BTreeSet;

use holdfast_catalog::Arn;
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can be used.
    Enabled,
    /// Somebody switched it off.
    Disabled,
    /// It goes at that time, and with it everything that it encrypts.
    PendingDeletion {
        /// When.
        at: Timestamp,
    },
    /// It has no key material, or its store does not answer.
    Unavailable,
    /// There is no such key, or it may not be seen.
    Missing,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Which key.
    pub arn: Arn,
    /// How it stands.
    pub state: KeyState,
    /// Whether AWS manages it: nobody can share such a key or choose its policy.
    pub is_aws_managed: bool,
    /// Accounts that its policy names, `*` where it names everybody; nothing where the policy could not be read. Whether all that a
    /// use takes is allowed, and to whom there, is not looked at, and neither are grants.
    pub shared_with: Option<BTreeSet<String>>,
}

/// Whom a policy names that names nobody in particular.
const EVERYBODY: &str = "*";

/// The accounts that a key policy names in what it allows; nothing where it cannot be read.
pub fn accounts_named(policy: &str) -> Option<BTreeSet<String>> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let statements = several(policy.get("Statement")?);
    let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
    let principals = allowing.flat_map(|statement| match &statement["Principal"] {
        Value::Object(by_type) => by_type.get("AWS").into_iter().flat_map(several).collect(),
        plain => vec![plain],
    });
    let account_of = |principal: &str| match principal.parse::<Arn>() {
        Ok(arn) => arn.account().to_owned(),
        // An account's number, or everybody.
        Err(_) => principal.to_owned(),
    };
    Some(principals.filter_map(Value::as_str).map(account_of).collect())
}

/// A list's members, or the one that stands without a list.
fn several(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(list) => list.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// What is wrong with a key. Each ends with what to change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// It is switched off.
    #[error("{key} is disabled: enable it with aws kms enable-key")]
    Disabled {
        /// The key.
        key: Arn,
    },
    /// It is about to go.
    #[error(
        "{key} is deleted at {at}, and nothing that it encrypts can be read after that: aws kms cancel-key-deletion"
    )]
    PendingDeletion {
        /// The key.
        key: Arn,
        /// When it goes.
        at: Timestamp,
    },
    /// It cannot be used now.
    #[error("{key} has no usable key material: import it, or bring its key store back")]
    Unavailable {
        /// The key.
        key: Arn,
    },
    /// It is not there.
    #[error("{key} does not exist or may not be seen: allow kms:DescribeKey on it, or choose another key")]
    Missing {
        /// The key.
        key: Arn,
    },
    /// Another account has to use it and may not.
    #[error(
        "{key} has a policy that does not name account {account}: allow it kms:Decrypt, kms:DescribeKey and kms:CreateGrant there"
    )]
    NotShared {
        /// The key.
        key: Arn,
        /// The account.
        account: String,
    },
}

impl KeyFacts {
    /// Whether the key's own account can use it now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn usable(&self) -> Result<(), KeyFault> {
        let key = self.arn.clone();
        match self.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(KeyFault::Disabled { key }),
            KeyState::PendingDeletion { at } => Err(KeyFault::PendingDeletion { key, at }),
            KeyState::Unavailable => Err(KeyFault::Unavailable { key }),
            KeyState::Missing => Err(KeyFault::Missing { key }),
        }
    }

    /// Whether an account can use it now, for all that is known.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn usable_by(&self, account: &str) -> Result<(), KeyFault> {
        self.usable()?;
        let is_named = |named: &BTreeSet<String>| named.contains(account) || named.contains(EVERYBODY);
        if account == self.arn.account() || self.shared_with.as_ref().is_none_or(is_named) {
            return Ok(());
        }
        Err(KeyFault::NotShared {
            key: self.arn.clone(),
            account: account.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_accounts_in_each_form_that_a_principal_has() {
        let policy = r#"{"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*"},
            {"Effect": "Allow", "Principal": {"AWS": ["444455556666", "arn:aws:iam::777788889999:role/r"]}, "Action": "kms:Decrypt"},
            {"Effect": "Deny", "Principal": {"AWS": "123412341234"}, "Action": "kms:Decrypt"},
            {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "kms:Decrypt"}]}"#;
        let named = accounts_named(policy).unwrap();
        let expected = ["111122223333", "444455556666", "777788889999"];
        assert_eq!(named, expected.map(str::to_owned).into());
        let everybody = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt"}}"#;
        assert_eq!(accounts_named(everybody), Some(BTreeSet::from(["*".to_owned()])));
        assert_eq!((accounts_named("no"), accounts_named("{}")), (None, None));
    }

    #[test]
    fn who_is_not_named_may_not_use_a_key_and_what_is_not_known_speaks_against_nobody() {
        let usable = |named: Option<&[&str]>| {
            let key = KeyFacts {
                arn: "arn:aws:kms:eu-central-1:111122223333:key/1".parse().unwrap(),
                state: KeyState::Enabled,
                is_aws_managed: false,
                shared_with: named.map(|named| named.iter().map(|&account| account.to_owned()).collect()),
            };
            (
                key.usable_by("444455556666").is_ok(),
                key.usable_by("111122223333").is_ok(),
            )
        };
        assert_eq!(usable(Some(&["111122223333"])), (false, true));
        assert_eq!(usable(Some(&["111122223333", "444455556666"])), (true, true));
        assert_eq!(usable(Some(&["*"])), (true, true));
        assert_eq!(usable(None), (true, true));
    }
}
