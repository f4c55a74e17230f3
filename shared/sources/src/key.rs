//! What is known of a KMS key, and what is wrong with it.

use std::collections::BTreeSet;

use holdfast_catalog::Arn;
use jiff::Timestamp;
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
    /// Other accounts that its policy lets use it.
    pub shared_with: BTreeSet<String>,
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
        "{key} is not shared with account {account}: allow it kms:Decrypt, kms:DescribeKey and kms:CreateGrant in the key's policy"
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

    /// Whether an account can use it now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn usable_by(&self, account: &str) -> Result<(), KeyFault> {
        self.usable()?;
        if account == self.arn.account() || self.shared_with.contains(account) {
            return Ok(());
        }
        Err(KeyFault::NotShared {
            key: self.arn.clone(),
            account: account.to_owned(),
        })
    }
}
