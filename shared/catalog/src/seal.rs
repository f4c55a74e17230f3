use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{CatalogError, Sha256};

const BEFORE_HASH: &[u8] = b",\n  \"sha256\": \"";
const AFTER_HASH: &[u8] = b"\"\n}\n";
/// How a record ends that is not sealed.
const END: &[u8] = b"\n}\n";
const HASH_DIGITS: usize = 64;

/// A record as it is stored: JSON for people, its own SHA-256 as the last field. A pack, a blob and a recipe are proved by the
/// hash that names them; a record that others find by its key has to prove itself. `jq 'del(.sha256)' | sha256sum` does too.
///
/// # Errors
/// The record is no JSON object with fields.
pub fn seal<T: Serialize>(record: &T) -> Result<Vec<u8>, CatalogError> {
    let damaged = |why: String| CatalogError::Damaged { what: "record", why };
    let mut bytes = serde_json::to_vec_pretty(record).map_err(|error| damaged(error.to_string()))?;
    bytes.push(b'\n');
    let hash = Sha256::of(&bytes).to_string();
    let Some(fields) = bytes.strip_suffix(END) else {
        return Err(damaged("it has no fields".to_owned()));
    };
    Ok([fields, BEFORE_HASH, hash.as_bytes(), AFTER_HASH].concat())
}

/// Reads a sealed record.
///
/// # Errors
/// `Damaged` when a bit of it is not as it was written.
pub fn unseal<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, CatalogError> {
    let damaged = |why: &str| CatalogError::Damaged {
        what,
        why: why.to_owned(),
    };
    let not_sealed = || damaged("it does not end with its own SHA-256");
    let rest = bytes.strip_suffix(AFTER_HASH).ok_or_else(not_sealed)?;
    let (rest, hash) = rest
        .split_at_checked(rest.len().wrapping_sub(HASH_DIGITS))
        .ok_or_else(not_sealed)?;
    let fields = rest.strip_suffix(BEFORE_HASH).ok_or_else(not_sealed)?;
    let record = [fields, END].concat();
    if Sha256::of(&record).to_string().as_bytes() != hash {
        return Err(damaged("it is not what its SHA-256 says"));
    }
    serde_json::from_slice(&record).map_err(|error| damaged(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record() -> BTreeMap<String, u32> {
        BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)])
    }

    #[test]
    fn a_sealed_record_is_json_that_ends_with_its_hash_and_reads_back() {
        let text = String::from_utf8(seal(&record()).unwrap()).unwrap();
        let hash = Sha256::of(b"{\n  \"a\": 1,\n  \"b\": 2\n}\n");
        assert_eq!(
            text,
            format!("{{\n  \"a\": 1,\n  \"b\": 2,\n  \"sha256\": \"{hash}\"\n}}\n")
        );
        assert_eq!(
            unseal::<BTreeMap<String, u32>>(text.as_bytes(), "test").unwrap(),
            record()
        );
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_damage() {
        let sealed = seal(&record()).unwrap();
        let read = |bytes: &[u8]| unseal::<BTreeMap<String, u32>>(bytes, "test");
        for at in 0..sealed.len() {
            assert!(read(&sealed[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn what_has_no_fields_cannot_be_sealed() {
        assert!(seal(&BTreeMap::<String, u32>::new()).is_err());
        assert!(seal(&1).is_err());
    }
}
