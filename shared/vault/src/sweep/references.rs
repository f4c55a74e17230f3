use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_catalog::{PointId, Recipe, Sha256, layout};

use crate::PortError;
use crate::points::{read_manifest, read_run};
use crate::port::{ListObjects, ReadObjects};
use crate::recipe_io::{read_checkpoint_at, read_part_at};

/// Everything that refers to contents. Runs first: what a run refers to moves to its recipes and its manifest, and is removed
/// from `runs/` only when it stands there. Whoever reads in the other direction can miss it in both places.
pub(super) const PLACES: [&str; 3] = [layout::RUNS, layout::PARTS, layout::POINTS];

/// Objects read at the same time. A recipe of the largest shard takes about 10 MB while it is read.
const READS: usize = 4;

/// Reads the next page of what refers to contents behind `at`, a place of [`PLACES`] or a key below one, and hands over every
/// name in it; says where the next page begins, or `None` at the end. What belongs to a point in `except` is left out.
///
/// # Errors
/// Anything that cannot be listed, read or understood: then nothing may be swept.
pub(super) async fn read_page<S: ReadObjects + ListObjects>(
    store: &S,
    at: &str,
    except: &BTreeSet<PointId>,
    hand_over: &mut (impl FnMut(&Sha256) + Send),
) -> Result<Option<String>, PortError> {
    let Some(place) = PLACES.iter().position(|place| at.starts_with(place)) else {
        return Ok(None);
    };
    let page = store.list(PLACES[place], Some(at)).await?;
    let Some(last) = page.last() else {
        return Ok(PLACES.get(place + 1).map(|next| (*next).to_owned()));
    };
    let next = last.key.clone();
    let mut reads = stream::iter(page)
        .map(|info| async move { names_in(store, &info.key, except).await })
        .buffered(READS);
    while let Some(names) = reads.try_next().await? {
        names.iter().for_each(&mut *hand_over);
    }
    Ok(Some(next))
}

async fn names_in<S: ReadObjects>(store: &S, key: &str, except: &BTreeSet<PointId>) -> Result<Vec<Sha256>, PortError> {
    if key.starts_with(layout::PARTS) {
        if layout::point_of_part(key).is_ok_and(|point| except.contains(&point)) {
            return Ok(Vec::new());
        }
        return Ok(packs_of(&read_part_at(store, key).await?));
    }
    if key.starts_with(layout::POINTS) {
        let Ok(point) = layout::point_of_manifest(key) else {
            let why = format!("{key} is no manifest: move it out of points/ to let the sweep go on");
            return Err(PortError::Corrupt(why));
        };
        if except.contains(&point) {
            return Ok(Vec::new());
        }
        let manifest = read_manifest(store, &point).await?;
        return Ok(manifest.blobs.iter().map(|blob| blob.sha256).collect());
    }
    // What restores, restore tests and copies leave there refers to no contents.
    let Ok(point) = layout::point_of_run(key) else {
        return Ok(Vec::new());
    };
    // Nor does what says how far AWS Backup is; what the run itself refers to stands in its record.
    if layout::is_managed_work(key, &point) {
        return Ok(Vec::new());
    }
    if key == layout::run_record(&point) {
        let run = read_run(store, &point).await?;
        return Ok(run.blobs.iter().map(|blob| blob.sha256).collect());
    }
    Ok(packs_of(&read_checkpoint_at(store, key).await?.recipe))
}

fn packs_of(recipe: &Recipe) -> Vec<Sha256> {
    recipe.packs.iter().map(|pack| pack.sha256).collect()
}
