//! What a failed call means for the caller: the one place that knows the services' error codes.

use std::error::Error;
use std::fmt::Write as _;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use holdfast_vault::PortError;

/// The key under which the SDK keeps a response's request id in an error's metadata.
pub(crate) const REQUEST_ID: &str = "aws_request_id";

/// A failed call as a [`PortError`], its message saying what was being done (`reading table orders`), the service's code and
/// words, and the request id where there is one.
pub(crate) fn port_error<E>(error: &SdkError<E, HttpResponse>, doing: &str) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    class_of(error).error(message(error, doing))
}

/// As [`port_error`], for a call that makes something: a service that says "in use" or "conflict" then means that a thing of
/// that name is there already.
pub(crate) fn port_error_of_create<E>(error: &SdkError<E, HttpResponse>, doing: &str) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let class = match code_of(error) {
        Some(
            "ConflictException"
            | "ResourceInUseException"
            | "ResourceConflictException"
            | "TableAlreadyExistsException",
        ) => Class::AlreadyExists,
        _ => class_of(error),
    };
    class.error(message(error, doing))
}

/// An entry of a batch that failed while the call as a whole went well.
pub(crate) fn entry_error(code: Option<&str>, words: Option<&str>, is_our_fault: bool, doing: &str) -> PortError {
    let class = match code.and_then(by_code) {
        Some(class) => class,
        None if is_our_fault => Class::Invalid,
        None => Class::Unavailable,
    };
    let code = code.unwrap_or("no code");
    class.error(match words {
        Some(words) => format!("{doing}: {code}: {words}"),
        None => format!("{doing}: {code}"),
    })
}

/// The service's error code, for the few calls where a code is an answer and not a failure.
pub(crate) fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// The HTTP status of the answer, if one arrived.
pub(crate) fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The classes of [`PortError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    NotFound,
    AlreadyExists,
    Conflict,
    Throttled,
    Unavailable,
    Denied,
    Locked,
    Invalid,
}

impl Class {
    fn error(self, message: String) -> PortError {
        match self {
            Class::NotFound => PortError::NotFound(message),
            Class::AlreadyExists => PortError::AlreadyExists(message),
            Class::Conflict => PortError::Conflict(message),
            Class::Throttled => PortError::Throttled(message),
            Class::Unavailable => PortError::Unavailable(message),
            Class::Denied => PortError::Denied(message),
            Class::Locked => PortError::Locked(message),
            Class::Invalid => PortError::Invalid(message),
        }
    }
}

fn class_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Class {
    match error {
        SdkError::ConstructionFailure(_) => Class::Invalid,
        SdkError::ServiceError(service) => classify(
            service.err().code(),
            service.err().message(),
            service.raw().status().as_u16(),
        ),
        // No answer, or none that could be read: the call may or may not have been carried out.
        _ => Class::Unavailable,
    }
}

/// By code first, since the same status stands for many things, then by status for codes that are not listed.
fn classify(code: Option<&str>, message: Option<&str>, status: u16) -> Class {
    if message.is_some_and(speaks_of_a_role_to_be_assumed) {
        return Class::Conflict;
    }
    if let Some(class) = code.and_then(by_code) {
        return match class {
            Class::Denied if message.is_some_and(speaks_of_object_lock) => Class::Locked,
            class => class,
        };
    }
    match status {
        403 if message.is_some_and(speaks_of_object_lock) => Class::Locked,
        401 | 403 => Class::Denied,
        404 | 410 => Class::NotFound,
        409 => Class::Conflict,
        412 => Class::AlreadyExists,
        429 => Class::Throttled,
        // 200 is CopyObject's: an error that arose after the answer had begun.
        200 | 408 | 500.. => Class::Unavailable,
        _ => Class::Invalid,
    }
}

#[expect(clippy::too_many_lines, reason = "one table of codes, which reads best as one")]
fn by_code(code: &str) -> Option<Class> {
    // Query protocols put their service before the code: `AWS.SimpleQueueService.NonExistentQueue`.
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    let class = match code {
        "NoSuchKey"
        | "NoSuchBucket"
        | "NoSuchVersion"
        | "NotFound"
        | "NotFoundException"
        | "NoSuchEntity"
        | "NonExistentQueue"
        | "PolicyNotFoundException"
        | "QueueDoesNotExist"
        | "ResourceNotFound"
        | "ResourceNotFoundException"
        | "StateMachineDoesNotExist"
        | "TableNotFoundException" => Class::NotFound,

        "AccessPointAlreadyExists"
        | "AlreadyExistsException"
        | "DBInstanceAlreadyExists"
        | "EntityAlreadyExists"
        // EFS: another mount target has the address.
        | "IpAddressInUse"
        | "PreconditionFailed"
        | "QueueAlreadyExists"
        | "QueueNameExists"
        | "ResourceAlreadyExistsException"
        | "StateMachineAlreadyExists"
        | "TableAlreadyExistsException" => Class::AlreadyExists,

        // A queue's name is free again a minute after it was deleted.
        "QueueDeletedRecently"
        | "ConcurrentAccess"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ConditionalRequestConflict"
        | "ConflictException"
        // Kinesis: what was read up to here leads on no longer, and a new beginning does.
        | "ExpiredIteratorException"
        | "ExpiredNextTokenException"
        | "ReplicatedWriteConflictException"
        | "ContinuousBackupsUnavailableException"
        // AWS Backup: a job is at the point.
        | "InvalidResourceStateException"
        // RDS: the database is being changed.
        | "InvalidDBClusterStateFault"
        | "InvalidDBInstanceState"
        | "OperationAborted"
        | "PreconditionFailedException"
        | "StateMachineDeleting"
        | "ResourceConflictException"
        | "ResourceInUseException"
        | "ResourceNotReadyException"
        | "TableInUseException"
        | "TransactionConflictException" => Class::Conflict,

        "BandwidthLimitExceeded"
        | "KMSThrottlingException"
        | "KmsThrottled"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => Class::Throttled,

        "DependencyFailureException"
        | "DependencyTimeoutException"
        | "InternalException"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceException"
        | "KMSInternalException"
        | "RequestTimeTooSkewed"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => Class::Unavailable,

        // A key that is disabled, gone or refused needs a person, like a missing permission.
        "AccessDenied"
        | "AccessDeniedException"
        | "AllAccessDisabled"
        | "AuthFailure"
        | "AuthorizationError"
        | "DisabledException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "KMSAccessDeniedException"
        | "KMSDisabledException"
        | "KMSInvalidStateException"
        | "KMSNotFoundException"
        | "KMSOptInRequired"
        | "KmsAccessDenied"
        | "KmsDisabled"
        | "KmsInvalidState"
        | "KmsNotFound"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException" => Class::Denied,

        // 403, but no permission helps: the object is in an archive tier.
        "InvalidObjectState" => Class::Invalid,
        // Whatever their status, waiting does not help: a person has to ask AWS for more, or to make room.
        "AccessPointLimitExceeded"
        | "LimitExceeded"
        | "MountTargetConflict"
        | "NetworkInterfaceLimitExceeded"
        | "NoFreeAddressesInSubnet"
        | "OverLimit"
        | "ServiceQuotaExceededException" => Class::Invalid,

        _ if code.starts_with("AccessDenied") => Class::Denied,
        // S3 passes the key service's refusals on under this prefix.
        _ if code.starts_with("KMS.") => Class::Denied,
        _ => return None,
    };
    Some(class)
}

/// S3 refuses to remove a locked version with AccessDenied; only the words tell it from a missing permission.
fn speaks_of_object_lock(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    // A refusal by policy also names what it refuses, such as s3:BypassGovernanceRetention.
    !message.contains("not authorized")
        && ["object lock", "object protected", "worm protected", "legal hold"]
            .iter()
            .any(|words| message.contains(words))
}

/// A service that may not run something as a role. IAM's changes take some seconds to be known everywhere, so of a role that was
/// made just now this passes.
fn speaks_of_a_role_to_be_assumed(message: &str) -> bool {
    [
        "cannot be assumed by",
        "to assume the role",
        "to assume the provided role",
    ]
    .iter()
    .any(|words| message.contains(words))
}

fn message<E>(error: &SdkError<E, HttpResponse>, doing: &str) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut text = doing.to_owned();
    // Writing to a string cannot fail.
    if let SdkError::ServiceError(service) = error {
        let meta = service.err().meta();
        match meta.code() {
            Some(code) => _ = write!(text, ": {code}"),
            None => _ = write!(text, ": HTTP {}", service.raw().status().as_u16()),
        }
        if let Some(words) = meta.message().filter(|words| !words.is_empty()) {
            _ = write!(text, ": {words}");
        }
        if let Some(id) = meta.extra(REQUEST_ID) {
            _ = write!(text, " (request {id})");
        }
    } else {
        let mut cause: Option<&dyn Error> = Some(error);
        while let Some(error) = cause {
            _ = write!(text, ": {error}");
            cause = error.source();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[derive(Debug)]
    struct Refusal(ErrorMetadata);

    impl std::fmt::Display for Refusal {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    impl Error for Refusal {}

    impl ProvideErrorMetadata for Refusal {
        fn meta(&self) -> &ErrorMetadata {
            &self.0
        }
    }

    fn refusal(code: Option<&str>, words: &str, status: u16) -> SdkError<Refusal, HttpResponse> {
        let mut meta = ErrorMetadata::builder().message(words).custom(REQUEST_ID, "id-1");
        if let Some(code) = code {
            meta = meta.code(code);
        }
        SdkError::service_error(Refusal(meta.build()), answer(status))
    }

    fn answer(status: u16) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
    }

    const LOCKED: &str = "Access Denied because object protected by object lock.";
    const POLICY: &str =
        "User: u is not authorized to perform: s3:PutBucketObjectLockConfiguration on bucket object lock";

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table, which reads best as one")]
    fn codes_and_statuses_say_what_to_do_next() {
        use Class::{AlreadyExists, Conflict, Denied, Invalid, Locked, NotFound, Throttled, Unavailable};
        for (code, words, status, expected) in [
            ("NoSuchKey", "", 404, NotFound),
            ("NoSuchBucket", "", 404, NotFound),
            ("NoSuchBucketPolicy", "", 404, NotFound),
            ("ServerSideEncryptionConfigurationNotFoundError", "", 404, NotFound),
            ("ResourceNotFoundException", "", 400, NotFound),
            ("NotFoundException", "", 400, NotFound),
            ("PolicyNotFoundException", "", 400, NotFound),
            ("AWS.SimpleQueueService.NonExistentQueue", "", 400, NotFound),
            ("NoSuchEntity", "", 404, NotFound),
            ("StateMachineDoesNotExist", "", 400, NotFound),
            ("QueueNameExists", "", 400, AlreadyExists),
            ("ResourceAlreadyExistsException", "", 400, AlreadyExists),
            ("EntityAlreadyExists", "", 409, AlreadyExists),
            ("AWS.SimpleQueueService.QueueDeletedRecently", "", 400, Conflict),
            ("ConcurrentModificationException", "", 400, Conflict),
            ("ConflictException", "", 409, Conflict),
            ("ExpiredIteratorException", "", 400, Conflict),
            ("ExpiredNextTokenException", "", 400, Conflict),
            ("KMSThrottlingException", "", 400, Throttled),
            ("KMSOptInRequired", "", 400, Denied),
            ("ServiceQuotaExceededException", "", 402, Invalid),
            ("LimitExceeded", "", 409, Invalid),
            ("AuthorizationError", "", 403, Denied),
            ("QueueDoesNotExist", "", 400, NotFound),
            ("PreconditionFailed", "", 412, AlreadyExists),
            ("AlreadyExistsException", "", 400, AlreadyExists),
            ("ConditionalRequestConflict", "", 409, Conflict),
            ("OperationAborted", "", 409, Conflict),
            ("ResourceInUseException", "", 400, Conflict),
            ("ResourceConflictException", "", 409, Conflict),
            ("ContinuousBackupsUnavailableException", "", 400, Conflict),
            ("InvalidResourceStateException", "", 400, Conflict),
            ("InvalidDBInstanceState", "", 400, Conflict),
            ("InvalidDBClusterStateFault", "", 400, Conflict),
            ("DBInstanceAlreadyExists", "", 400, AlreadyExists),
            ("DBInstanceNotFound", "", 404, NotFound),
            ("DependencyFailureException", "", 500, Unavailable),
            ("InvalidRequestException", "", 400, Invalid),
            ("SlowDown", "", 503, Throttled),
            ("ThrottlingException", "", 400, Throttled),
            ("TooManyRequestsException", "", 429, Throttled),
            ("ProvisionedThroughputExceededException", "", 400, Throttled),
            ("RequestLimitExceeded", "", 400, Throttled),
            ("LimitExceededException", "", 400, Throttled),
            ("InternalError", "", 500, Unavailable),
            ("InternalError", "", 200, Unavailable),
            ("SlowDown", "", 200, Throttled),
            ("AccessDenied", "", 200, Denied),
            ("InternalServerError", "", 500, Unavailable),
            ("ServiceUnavailable", "", 503, Unavailable),
            ("RequestTimeout", "", 400, Unavailable),
            ("SomethingNew", "", 500, Unavailable),
            ("AccessDenied", "", 403, Denied),
            ("AccessDeniedException", "", 400, Denied),
            ("UnauthorizedOperation", "", 403, Denied),
            ("ExpiredToken", "", 400, Denied),
            ("ExpiredTokenException", "", 400, Denied),
            ("UnrecognizedClientException", "", 400, Denied),
            ("KMSAccessDeniedException", "", 502, Denied),
            ("KMS.DisabledException", "", 400, Denied),
            ("SomethingNew", "", 403, Denied),
            ("AccessDenied", LOCKED, 403, Locked),
            ("AccessDenied", POLICY, 403, Denied),
            ("InvalidObjectState", "", 403, Invalid),
            ("ValidationException", "", 400, Invalid),
            ("InvalidParameterValueException", "", 400, Invalid),
            ("SomethingNew", "", 400, Invalid),
            ("PermanentRedirect", "", 301, Invalid),
        ] {
            assert_eq!(
                class_of(&refusal(Some(code), words, status)),
                expected,
                "{code} {status} {words}"
            );
        }
    }

    #[test]
    fn a_role_that_is_not_known_yet_is_waited_for() {
        for (code, words) in [
            (
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
            ),
            (
                "ValidationException",
                "Provided role 'arn' cannot be assumed by principal 'events.amazonaws.com'.",
            ),
            (
                "ValidationException",
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            ),
            (
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.",
            ),
        ] {
            assert_eq!(class_of(&refusal(Some(code), words, 400)), Class::Conflict, "{words}");
        }
        let words = "User: u is not authorized to perform: sts:AssumeRole on resource: r";
        assert_eq!(class_of(&refusal(Some("AccessDenied"), words, 403)), Class::Denied);
    }

    #[test]
    fn an_answer_without_a_code_goes_by_its_status() {
        use Class::{AlreadyExists, Conflict, Denied, Invalid, NotFound, Throttled, Unavailable};
        for (status, expected) in [
            (400, Invalid),
            (401, Denied),
            (403, Denied),
            (404, NotFound),
            (408, Unavailable),
            (409, Conflict),
            (412, AlreadyExists),
            (429, Throttled),
            (500, Unavailable),
            (503, Unavailable),
        ] {
            assert_eq!(class_of(&refusal(None, "", status)), expected, "{status}");
        }
    }

    #[test]
    fn a_call_that_makes_something_finds_it_there() {
        for code in [
            "ConflictException",
            "ResourceInUseException",
            "ResourceConflictException",
        ] {
            let error = port_error_of_create(&refusal(Some(code), "", 400), "making table orders");
            assert!(matches!(error, PortError::AlreadyExists(_)), "{error}");
        }
        let error = port_error_of_create(&refusal(Some("AccessDeniedException"), "", 400), "making table orders");
        assert!(matches!(error, PortError::Denied(_)), "{error}");
    }

    #[test]
    fn without_an_answer_nothing_is_known() {
        type Failure = SdkError<Refusal, HttpResponse>;
        let dispatch = |error| Failure::dispatch_failure(error);
        for error in [
            Failure::timeout_error("too slow"),
            dispatch(ConnectorError::timeout("too slow".into())),
            dispatch(ConnectorError::io("reset".into())),
            dispatch(ConnectorError::other("odd".into(), None)),
            Failure::response_error("no XML", answer(200)),
        ] {
            assert_eq!(class_of(&error), Class::Unavailable, "{error:?}");
        }
        assert_eq!(class_of(&Failure::construction_failure("no key")), Class::Invalid);
    }

    #[test]
    fn a_message_says_what_was_done_the_code_the_words_and_the_request() {
        let error = port_error(&refusal(Some("SlowDown"), "reduce your rate", 503), "reading s3://b/k");
        assert_eq!(
            error.to_string(),
            "throttled: reading s3://b/k: SlowDown: reduce your rate (request id-1)"
        );
        let error = port_error(&refusal(None, "", 403), "looking at s3://b/k");
        assert_eq!(
            error.to_string(),
            "denied: looking at s3://b/k: HTTP 403 (request id-1)"
        );
        let error: SdkError<Refusal, HttpResponse> = SdkError::timeout_error("after 60 s");
        let error = port_error(&error, "reading s3://b/k");
        assert_eq!(
            error.to_string(),
            "unavailable: reading s3://b/k: request has timed out: after 60 s"
        );
    }

    #[test]
    fn a_failed_entry_of_a_batch_is_classified_like_a_call() {
        for (code, is_our_fault, expected) in [
            (
                Some("ThrottlingException"),
                false,
                "throttled: putting: ThrottlingException: words",
            ),
            (
                Some("InternalFailure"),
                false,
                "unavailable: putting: InternalFailure: words",
            ),
            (Some("SomethingNew"), true, "invalid: putting: SomethingNew: words"),
            (None, false, "unavailable: putting: no code: words"),
        ] {
            assert_eq!(
                entry_error(code, Some("words"), is_our_fault, "putting").to_string(),
                expected
            );
        }
    }
}
