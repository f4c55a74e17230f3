use holdfast_catalog::{Arn, PointId};
use holdfast_vault::PortError;

use super::execute::UNDER_WAY;
use crate::lambda::port::CreateFunction;
use crate::lambda::read::RESTORE_MARK;

/// Makes a function that is there the work of a restore from this point, so that [`execute`](super::execute) goes on with it: gives
/// it the point's code and settings in place. Whoever asks for that has taken a point of it first.
///
/// # Errors
/// `NotFound` when there is no such function.
pub async fn take_over<F: CreateFunction>(functions: &F, arn: &Arn, point: &PointId) -> Result<(), PortError> {
    functions
        .tag_function(arn, RESTORE_MARK, &format!("{UNDER_WAY}{point}"))
        .await
}
