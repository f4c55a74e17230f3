//! A directory's files in the order of their keys, page by page.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{PENDING, info};
use crate::port::ObjectInfo;

/// As many as S3 gives.
const PAGE: usize = 1000;

/// What a page is to hold.
struct Page<'a> {
    prefix: &'a str,
    after: &'a str,
    found: Vec<ObjectInfo>,
}

/// The next files whose keys begin with `prefix` and come after `after`.
pub(super) fn page(root: &Path, prefix: &str, after: Option<&str>) -> io::Result<Vec<ObjectInfo>> {
    let mut page = Page {
        prefix,
        after: after.unwrap_or_default(),
        found: Vec::new(),
    };
    page.walk(root, "")?;
    Ok(page.found)
}

impl Page<'_> {
    /// Adds what is wanted of the folder whose keys begin with `base`, until the page is full.
    fn walk(&mut self, folder: &Path, base: &str) -> io::Result<()> {
        for (key, path) in entries(folder, base)? {
            if self.found.len() == PAGE {
                break;
            }
            if !self.may_hold(&key) {
                continue;
            }
            let walked = match key.strip_suffix('/') {
                Some(_) => self.walk(&path, &key),
                None => fs::metadata(&path)
                    .and_then(|metadata| info(key, &metadata))
                    .map(|found| self.found.push(found)),
            };
            match walked {
                // It went meanwhile, as the object of a bucket may between two pages.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                walked => walked?,
            }
        }
        Ok(())
    }

    /// Whether a file, or anything in a folder, can be wanted.
    fn may_hold(&self, key: &str) -> bool {
        match key.ends_with('/') {
            false => key.starts_with(self.prefix) && key > self.after,
            true => {
                let leads_to_prefix = key.starts_with(self.prefix) || self.prefix.starts_with(key);
                leads_to_prefix && (key > self.after || self.after.starts_with(key))
            }
        }
    }
}

/// What lies in a folder, in order of key: a folder's ends in `/`, and stands where the keys below it do.
fn entries(folder: &Path, base: &str) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // No key is anything but UTF-8: such a file is somebody else's.
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with(PENDING) {
            continue;
        }
        let slash = if path.is_dir() { "/" } else { "" };
        entries.push((format!("{base}{name}{slash}"), path));
    }
    entries.sort();
    Ok(entries)
}
