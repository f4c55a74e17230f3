use thiserror::Error;

/// What a call to the outside world ended with, said as what the caller should do next.
///
/// Adapters classify a service's errors into these in one place; `message` names the thing and keeps the service's own
/// words. Nobody above the adapters looks at a service's error codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PortError {
    /// It is not there. Do not retry.
    #[error("not found: {0}")]
    NotFound(String),
    /// It is there already: somebody else, or an earlier try of ours, was first. Read it before concluding.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// Nothing is known about the outcome, because another change was under way. Read, then retry.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Too fast. Slow down and retry.
    #[error("throttled: {0}")]
    Throttled(String),
    /// Not reachable or not ready, outcome unknown. Retry.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Not allowed. A person has to change a permission, a key or a policy.
    #[error("denied: {0}")]
    Denied(String),
    /// It may not be removed or changed yet: a retention lock or a legal hold.
    #[error("locked: {0}")]
    Locked(String),
    /// The request itself is wrong. Retrying does not help.
    #[error("invalid: {0}")]
    Invalid(String),
    /// What came back is not what was stored.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

impl PortError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            PortError::Conflict(_) | PortError::Throttled(_) | PortError::Unavailable(_) => true,
            PortError::NotFound(_)
            | PortError::AlreadyExists(_)
            | PortError::Denied(_)
            | PortError::Locked(_)
            | PortError::Invalid(_)
            | PortError::Corrupt(_) => false,
        }
    }

    /// The same error with what was being done before its message: `reading table orders: …`.
    #[must_use]
    pub fn doing(self, what: &str) -> Self {
        let with = |message: String| format!("{what}: {message}");
        match self {
            PortError::NotFound(m) => PortError::NotFound(with(m)),
            PortError::AlreadyExists(m) => PortError::AlreadyExists(with(m)),
            PortError::Conflict(m) => PortError::Conflict(with(m)),
            PortError::Throttled(m) => PortError::Throttled(with(m)),
            PortError::Unavailable(m) => PortError::Unavailable(with(m)),
            PortError::Denied(m) => PortError::Denied(with(m)),
            PortError::Locked(m) => PortError::Locked(with(m)),
            PortError::Invalid(m) => PortError::Invalid(with(m)),
            PortError::Corrupt(m) => PortError::Corrupt(with(m)),
        }
    }
}
