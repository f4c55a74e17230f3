use holdfast_catalog::Region;
use holdfast_vault::PortError;
use holdfast_vault::signal::{PublishEvents, SendWork};

use crate::{Aws, EventBus, SqsQueue};

/// A function's work queue and the bus, together.
#[derive(Debug, Clone)]
pub struct Signals {
    queue: Option<SqsQueue>,
    bus: EventBus,
}

impl Signals {
    /// The queue of that URL, if the function has one, and the region's default bus.
    pub fn new(aws: &Aws, region: &Region, queue_url: Option<&str>) -> Self {
        Signals {
            queue: queue_url.map(|url| SqsQueue::new(aws, region, url)),
            bus: EventBus::new(aws, region),
        }
    }
}

impl SendWork for Signals {
    async fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> Result<(), PortError> {
        match &self.queue {
            Some(queue) => queue.send(bodies, delay_seconds).await,
            None => Err(PortError::Invalid(
                "the function has no work queue: deploy it with the template".to_owned(),
            )),
        }
    }
}

impl PublishEvents for Signals {
    async fn publish(&self, detail_type: &str, details: Vec<String>) -> Result<(), PortError> {
        self.bus.publish(detail_type, details).await
    }
}
