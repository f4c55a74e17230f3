//! The recovery-point store: packs, recipes and their commit, over a small object-store port.
//!
//! Order is what makes it safe. Writing: packs and blobs, then parts, then the manifest (the commit). Removing: the
//! manifest, then parts, then packs and blobs that nothing refers to any more.

mod blob;
mod directory;
mod error;
mod holds;
mod index;
mod items;
mod line;
mod pack;
mod points;
pub mod port;
mod recipe_io;
mod records;
pub mod replica;
mod reuse;
mod scrub;
mod shard;
pub mod signal;
pub mod sweep;

pub use blob::{
    TRUST_EXISTING_FOR, check_blob, get_blob, get_config, lasting_blob, outlives_run, put_blob, put_content,
};
pub use directory::Directory;
pub use error::PortError;
pub use holds::{Holds, lay_hold, lift_hold};
pub use index::IndexEntry;
pub use items::{PackLines, add_to_digest, by_pack, lines_of, read_pack};
pub use line::Line;
pub use pack::{BuiltPack, Pack, PackBuilder, TARGET_BYTES};
pub use points::{
    Catalogue, PointEntry, begin_run, commit, is_lost, keys, read_fact, read_manifest, read_run, read_tombstone,
    vouches, write_fact, write_fact_as, write_tombstone,
};
pub use recipe_io::{
    finished_shards, read_checkpoint, read_checkpoint_at, read_committed_part, read_part, summarise, write_checkpoint,
    write_part,
};
pub use records::{RecordsWriter, lasting_packs};
pub use reuse::reusable_packs;
pub use scrub::{Scrub, scrub_point};
pub use shard::{Known, ShardWriter};
