//! Writes the vault of `tests/fixtures/` for the format version of today. What is there stays: a released version's vault is
//! never written again, and before a release its folder is removed by hand first.

use std::error::Error;
use std::fs;
use std::io::Write as _;

use holdfast_catalog::FORMAT_VERSION;
use holdfast_tests::fixture::{folder, vault};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    for (key, body) in vault().await {
        let path = folder(FORMAT_VERSION).join(key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create_new(path)?.write_all(&body)?;
    }
    Ok(())
}
