use holdfast_vault::PortError;
use lambda_runtime::Diagnostic;
use thiserror::Error;

/// Why a function could not even make a report. Everything that concerns single resources is in the report instead.
///
/// The names that callers see (`error_type`) are stable; the README lists them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The event is none that the function takes. Nothing was done.
    #[error("{0}")]
    InvalidRequest(String),
    /// A setting of the function is missing or wrong. Nothing was done.
    #[error("{0}")]
    InvalidSettings(String),
    /// A call that everything else depends on failed.
    #[error("{0}")]
    Port(#[from] PortError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::InvalidRequest(_) => "InvalidRequest",
            Failure::InvalidSettings(_) => "InvalidSettings",
            Failure::Port(port) => match port {
                PortError::NotFound(_) => "NotFound",
                PortError::AlreadyExists(_) => "AlreadyExists",
                PortError::Conflict(_) => "Conflict",
                PortError::Throttled(_) => "Throttled",
                PortError::Unavailable(_) => "Unavailable",
                PortError::Denied(_) => "Denied",
                PortError::Locked(_) => "Locked",
                PortError::Invalid(_) => "Invalid",
                PortError::Corrupt(_) => "Corrupt",
            },
        };
        Diagnostic {
            error_type: error_type.to_owned(),
            error_message: failure.to_string(),
        }
    }
}
