//! What is stored of a stream's records.

mod record;
