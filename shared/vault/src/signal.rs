//! Waking others: tasks for the work queue, events for the bus.

use std::future::Future;

use holdfast_catalog::{Arn, PlanName, Report, ResourceId};

use crate::PortError;

/// Sending tasks to the work queue.
pub trait SendWork: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["sqs:SendMessage"];

    /// Sends each body as a message that shows itself after `delay_seconds` (0 to 900).
    ///
    /// # Errors
    /// `Invalid` when a body is too long (256 KB) or the delay too great: nothing was sent. Otherwise some of the messages may have been
    /// sent; sending all of them again is harmless, because every task can be done twice.
    fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Telling people by a topic.
pub trait TellPeople: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["sns:Publish"];

    /// Publishes a message on a topic of this account. The subject is cut to the 100 ASCII characters that an e-mail's may have.
    ///
    /// # Errors
    /// `NotFound` when there is no such topic, `Denied` when it may not be published on.
    fn tell(&self, topic: &Arn, subject: &str, message: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Putting events on the bus.
pub trait PublishEvents: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["events:PutEvents"];

    /// Puts an event on the bus for each detail, which is a JSON object.
    ///
    /// # Errors
    /// `Invalid` when a detail is too long (256 KB with its type) or no JSON object. Otherwise some of the events may be out;
    /// publishing all of them again is harmless, because an event is a nudge.
    fn publish(&self, detail_type: &str, details: Vec<String>) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Having a recovery point taken by the function that takes them.
pub trait TakePoints: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["lambda:InvokeFunction"];

    /// Has a point of a resource taken now, under a plan, and gives the report about it: one that is not complete yet goes on by
    /// itself.
    ///
    /// # Errors
    /// `Invalid` when the request is refused, with the reason. `Unavailable` when no answer came in time: the point may be on its
    /// way.
    fn take_point(
        &self,
        resource: &ResourceId,
        plan: &PlanName,
    ) -> impl Future<Output = Result<Report, PortError>> + Send;
}
