//! A table's items from Scan's answers into packs: read, written canonically, hashed, compressed and put into a store in memory.
//! `python -m tests.bench.pipeline` makes the answers and runs this on them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on stops"
)]

use std::fs;
use std::path::PathBuf;

use holdfast_catalog::Shard;
use holdfast_sources::dynamodb::read_page;
use holdfast_testkit::{ManualClock, MemoryStore};
use holdfast_vault::{Known, ShardWriter};

const KEY: [&str; 2] = ["customer", "order"];
const ROUNDS: usize = 5;

fn main() {
    // The second argument is cargo's own, `--bench`.
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_none());
    files.sort();
    // The answers' ends are left to whoever serves them.
    let pages: Vec<Vec<u8>> = files
        .iter()
        .map(|file| [fs::read(file).unwrap(), b"}".to_vec()].concat())
        .collect();
    let megabytes = pages.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut paces: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = cpu_seconds();
            runtime.block_on(store(&pages));
            megabytes / (cpu_seconds() - begun)
        })
        .collect();
    paces.sort_by(f64::total_cmp);
    let (least, median, most) = (paces[0], paces[ROUNDS / 2], paces[ROUNDS - 1]);
    println!("{median:.0} MB of JSON a CPU second ({least:.0} to {most:.0} in {ROUNDS} rounds over {megabytes:.0} MB)");
}

async fn store(pages: &[Vec<u8>]) {
    let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
    let bucket = MemoryStore::new("vault", &clock);
    let key = KEY.map(str::to_owned);
    let mut writer = ShardWriter::new(&bucket, &clock, Shard { index: 0, of: 1 }, Known::default());
    for page in pages {
        for line in read_page(page, &key).unwrap().lines {
            writer.push(&line).await.unwrap();
        }
    }
    assert!(writer.finish().await.unwrap().items > 0);
}

/// Linux's count of the nanoseconds that this thread had a core.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
