//! Lambda functions from snapshot to restore, against a Lambda in memory.

mod interrupted;
mod made;
mod planned;
mod restored;
mod stored;
mod world;
