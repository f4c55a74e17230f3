use std::sync::{Arc, Mutex};

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::signal::{PublishEvents, SendWork, TellPeople};

use crate::lock;

/// A queue and a bus that keep what was sent. Clones are the same outbox.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    tasks: Arc<Mutex<Vec<Task>>>,
    events: Arc<Mutex<Vec<Event>>>,
    told: Arc<Mutex<Vec<Told>>>,
}

/// A message on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The topic.
    pub topic: Arn,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub message: String,
}

/// A message on the work queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its body.
    pub body: String,
    /// Seconds until it shows itself.
    pub delay_seconds: u32,
}

/// An event on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its detail type.
    pub detail_type: String,
    /// Its detail, as JSON text.
    pub detail: String,
}

impl Outbox {
    /// An empty one.
    pub fn new() -> Self {
        Outbox::default()
    }

    /// The tasks on the queue, in the order sent.
    pub fn tasks(&self) -> Vec<Task> {
        lock(&self.tasks).clone()
    }

    /// Takes the tasks off the queue.
    pub fn take_tasks(&self) -> Vec<Task> {
        std::mem::take(&mut lock(&self.tasks))
    }

    /// The events on the bus, in the order published.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// Takes the events off the bus.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut lock(&self.events))
    }
}

impl Outbox {
    /// Takes what was told to people.
    pub fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut lock(&self.told))
    }
}

impl TellPeople for Outbox {
    async fn tell(&self, topic: &Arn, subject: &str, message: &str) -> Result<(), PortError> {
        lock(&self.told).push(Told {
            topic: topic.clone(),
            subject: subject.to_owned(),
            message: message.to_owned(),
        });
        Ok(())
    }
}

impl SendWork for Outbox {
    async fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> Result<(), PortError> {
        let tasks = bodies.into_iter().map(|body| Task { body, delay_seconds });
        lock(&self.tasks).extend(tasks);
        Ok(())
    }
}

impl PublishEvents for Outbox {
    async fn publish(&self, detail_type: &str, details: Vec<String>) -> Result<(), PortError> {
        let events = details.into_iter().map(|detail| Event {
            detail_type: detail_type.to_owned(),
            detail,
        });
        lock(&self.events).extend(events);
        Ok(())
    }
}
