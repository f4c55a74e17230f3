//! The engine `aws-backup` through the five functions, over an AWS Backup in memory that disappoints as the service does.

mod application;
mod buckets;
mod continuous;
mod copied;
mod copied_by_events;
mod elsewhere;
mod events;
mod files;
mod limits;
mod locked;
mod missed;
mod points;
mod pruned;
mod regions;
mod restored;
mod verified;
