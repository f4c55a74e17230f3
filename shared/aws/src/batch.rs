//! What goes out in batches, and comes back in parts.

use holdfast_vault::PortError;

/// SQS and EventBridge take at most this many entries a call.
const MAX_ENTRIES: usize = 10;

/// The size of a whole call, and so of a single entry, that every region and every queue takes. (SQS and EventBridge have begun to
/// allow 1 MiB; nothing here needs it.)
pub(crate) const MAX_BYTES: usize = 256 << 10;

/// Puts texts into calls in order, each text counting `overhead_bytes` more than its length.
///
/// # Errors
/// `Invalid` when one alone is too long.
pub(crate) fn batches(texts: Vec<String>, overhead_bytes: usize, doing: &str) -> Result<Vec<Vec<String>>, PortError> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for text in texts {
        let length = text.len() + overhead_bytes;
        if length > MAX_BYTES {
            return Err(PortError::Invalid(format!(
                "{doing}: {length} bytes are more than {MAX_BYTES}"
            )));
        }
        bytes += length;
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes <= MAX_BYTES => batch.push(text),
            _ => {
                bytes = length;
                batches.push(vec![text]);
            }
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(lengths: &[usize]) -> Vec<Vec<usize>> {
        let texts = lengths.iter().map(|&length| "x".repeat(length)).collect();
        let batches = batches(texts, 100, "sending").unwrap();
        batches
            .iter()
            .map(|batch| batch.iter().map(String::len).collect())
            .collect()
    }

    #[test]
    fn a_call_has_at_most_ten_entries_and_256_kb_and_keeps_their_order() {
        assert_eq!(sizes(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes(&[1; 21]).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 1]);
        let half = MAX_BYTES / 2 - 100;
        assert_eq!(sizes(&[half, half, 1]), [vec![half, half], vec![1]]);
        assert_eq!(sizes(&[half, half + 1, 1]), [vec![half], vec![half + 1, 1]]);
        let whole = MAX_BYTES - 100;
        assert_eq!(sizes(&[1, whole, 2]), [[1], [whole], [2]]);
    }

    #[test]
    fn an_entry_that_fits_no_call_is_invalid() {
        let long = vec!["x".repeat(MAX_BYTES - 99)];
        assert!(matches!(batches(long, 100, "sending"), Err(PortError::Invalid(_))));
    }
}
