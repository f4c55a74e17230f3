use std::io::{Read as _, Write as _};

use bytes::Bytes;
use holdfast_catalog::{PackUse, Sha256};
use sha2::Digest as _;

use crate::index::{self, IndexEntry};
use crate::{Line, PortError};

/// A pack is closed when it holds this many uncompressed bytes: small enough that a few fit in a 128 MB function, large
/// enough that a terabyte is a hundred thousand packs and not ten million.
pub const TARGET_BYTES: u64 = 8 << 20;

/// zstd's default: three times the speed of level 6 for 1.5 % more bytes on DynamoDB JSON.
const ZSTD_LEVEL: i32 = 3;

/// How far back zstd looks, as a power of two: 512 KiB, more than an item can have (400 KB). The level's own 2 MiB finds no more in
/// lines of items, and what does not fit in a core's cache costs a quarter of the speed, and memory on both sides.
const ZSTD_WINDOW_LOG: u32 = 19;

/// A pack under construction.
pub struct PackBuilder {
    encoder: zstd::stream::write::Encoder<'static, Vec<u8>>,
    hasher: sha2::Sha256,
    entries: Vec<IndexEntry>,
    bytes: u64,
}

/// A pack ready to be stored.
pub struct BuiltPack {
    /// How a recipe names it.
    pub used: PackUse,
    /// The object.
    pub body: Bytes,
    /// Its index object.
    pub index: Bytes,
}

impl PackBuilder {
    /// An empty pack.
    ///
    /// # Errors
    /// zstd could not be set up (out of memory).
    pub fn new() -> Result<Self, PortError> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL).map_err(|e| compressing(&e))?;
        encoder.window_log(ZSTD_WINDOW_LOG).map_err(|e| compressing(&e))?;
        Ok(PackBuilder {
            encoder,
            hasher: sha2::Sha256::new(),
            entries: Vec::new(),
            bytes: 0,
        })
    }

    /// Adds a line and says which number it has.
    ///
    /// # Errors
    /// zstd failed.
    pub fn push(&mut self, line: &Line) -> Result<u32, PortError> {
        let number =
            u32::try_from(self.entries.len()).map_err(|_| PortError::Invalid("a pack of 2^32 lines".into()))?;
        for bytes in [line.text(), b"\n"] {
            self.encoder.write_all(bytes).map_err(|e| compressing(&e))?;
            self.hasher.update(bytes);
            self.bytes += bytes.len() as u64;
        }
        self.entries.push(IndexEntry::of(line));
        Ok(number)
    }

    /// Uncompressed bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Closes the pack: now it has a name.
    ///
    /// # Errors
    /// zstd failed.
    pub fn finish(self) -> Result<BuiltPack, PortError> {
        let body = self.encoder.finish().map_err(|e| compressing(&e))?;
        let lines = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let sha256 = Sha256::from_bytes(self.hasher.finalize().into());
        let used = PackUse {
            sha256,
            lines,
            bytes: self.bytes,
        };
        Ok(BuiltPack {
            used,
            body: body.into(),
            index: index::encode(&self.entries).into(),
        })
    }
}

fn compressing(error: &std::io::Error) -> PortError {
    PortError::Unavailable(format!("compressing a pack: {error}"))
}

/// A pack's proven content.
pub struct Pack {
    text: Bytes,
    ends: Vec<usize>,
}

impl Pack {
    /// Unpacks an object and proves that it is the pack of that name, line count and length.
    ///
    /// # Errors
    /// `Corrupt` when it is anything else. At most `expected.bytes` + 1 bytes are ever unpacked.
    pub fn open(body: &[u8], expected: &PackUse) -> Result<Self, PortError> {
        let pack = Self::unpack(body, expected.bytes, &expected.sha256)?;
        if pack.ends.len() != usize::try_from(expected.lines).unwrap_or(usize::MAX) {
            let why = format!("has {} lines instead of {}", pack.ends.len(), expected.lines);
            return Err(corrupt(&expected.sha256, &why));
        }
        Ok(pack)
    }

    fn unpack(body: &[u8], bytes: u64, name: &Sha256) -> Result<Self, PortError> {
        let decoder = zstd::stream::read::Decoder::new(body).map_err(|e| corrupt(name, &e.to_string()))?;
        let mut text = Vec::with_capacity(usize::try_from(bytes.min(2 * TARGET_BYTES)).unwrap_or(0));
        decoder
            .take(bytes.saturating_add(1))
            .read_to_end(&mut text)
            .map_err(|e| corrupt(name, &format!("does not unpack: {e}")))?;
        if text.len() as u64 != bytes || Sha256::of(&text) != *name {
            return Err(corrupt(name, "does not hold the bytes that its name promises"));
        }
        let ends = text
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at)
            .collect();
        Ok(Pack {
            text: text.into(),
            ends,
        })
    }

    /// A line without its line end; `None` past the last.
    pub fn line(&self, number: u32) -> Option<&[u8]> {
        let number = usize::try_from(number).ok()?;
        let end = *self.ends.get(number)?;
        let start = if number == 0 { 0 } else { self.ends.get(number - 1)? + 1 };
        self.text.get(start..end)
    }

    /// One of its lines, without copying it. The pack's text stays in memory as long as it does.
    pub fn share(&self, line: &[u8]) -> Bytes {
        self.text.slice_ref(line)
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        (0..u32::try_from(self.ends.len()).unwrap_or(u32::MAX)).filter_map(|number| self.line(number))
    }
}

fn corrupt(name: &Sha256, why: &str) -> PortError {
    PortError::Corrupt(format!("pack {name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(lines: &[&str]) -> BuiltPack {
        let mut builder = PackBuilder::new().unwrap();
        for line in lines {
            builder
                .push(&Line::new(line.as_bytes().to_vec(), Sha256::of(line.as_bytes())))
                .unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn a_pack_is_named_by_its_uncompressed_bytes_and_gives_its_lines_back() {
        let pack = built(&["one", "", "three"]);
        assert_eq!(pack.used.sha256, Sha256::of(b"one\n\nthree\n"));
        let open = Pack::open(&pack.body, &pack.used).unwrap();
        assert_eq!(open.lines().collect::<Vec<_>>(), [b"one".as_slice(), b"", b"three"]);
        assert_eq!(open.line(3), None);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_corrupt() {
        let pack = built(&["one", "two"]);
        for at in 0..pack.body.len() {
            assert!(Pack::open(&pack.body[..at], &pack.used).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut body = pack.body.to_vec();
                body[at] ^= 1 << bit;
                // A flip in zstd's own header may leave the content whole; what opens must then be the content.
                if let Ok(open) = Pack::open(&body, &pack.used) {
                    assert_eq!(open.lines().collect::<Vec<_>>(), [b"one".as_slice(), b"two"]);
                }
            }
        }
    }

    #[test]
    fn a_pack_that_unpacks_to_more_than_it_says_is_refused_without_unpacking_it() {
        let bomb = zstd::stream::encode_all(&vec![b'\n'; 1 << 20][..], 3).unwrap();
        let small = PackUse {
            sha256: Sha256::of(b"\n"),
            lines: 1,
            bytes: 1,
        };
        assert!(matches!(Pack::open(&bomb, &small), Err(PortError::Corrupt(_))));
    }
}
