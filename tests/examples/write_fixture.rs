//! Writes the vaults of `tests/fixtures/` as today's release writes them. What is there stays: a released version's vault is never
//! written again, and before a release its folder is removed by hand first.

use std::error::Error;
use std::fs;

use holdfast_tests::fixture::vaults;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    for (folder, vault) in vaults().await {
        if folder.exists() {
            continue;
        }
        for (key, body) in vault {
            let path = folder.join(key);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, body)?;
        }
    }
    Ok(())
}
