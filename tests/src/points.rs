//! The snapshot function as another function sees it: invoked, it answers with its report.

use std::sync::Arc;

use holdfast_catalog::{PlanName, Report, ResourceId};
use holdfast_lambda::Failure;
use holdfast_vault::PortError;
use holdfast_vault::signal::TakePoints;
use serde_json::json;

use crate::World;

/// Takes points in a world, by calls that no script of the caller's counts.
#[derive(Clone)]
pub struct Points(Arc<World>);

impl Points {
    /// Whoever takes a world's points.
    pub fn of(world: &World) -> Self {
        Points(Arc::new(world.apart()))
    }
}

impl TakePoints for Points {
    async fn take_point(&self, resource: &ResourceId, plan: &PlanName) -> Result<Report, PortError> {
        let event = json!({ "resource": resource.to_string(), "plan": plan });
        let refused = |failure: Failure| PortError::Invalid(failure.to_string());
        let request = snapshot::Request::parse(event).map_err(refused)?;
        // Its regions hold someone who takes points too, but it never asks them.
        let work = self.0.snapshot();
        let result = Box::pin(work.run_request(request, &self.0.clock)).await;
        result.map_err(refused)
    }
}
