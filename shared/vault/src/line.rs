use holdfast_catalog::Sha256;

/// One item as a pack stores it: its canonical JSON line, with the hashes that the index keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: Vec<u8>,
    hash: Sha256,
    key: u64,
}

impl Line {
    /// A line (without line end) and the hash of its item's primary key.
    pub fn new(text: Vec<u8>, key: Sha256) -> Self {
        let hash = Sha256::of(&text);
        let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
        Line {
            text,
            hash,
            key: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        }
    }

    /// The JSON text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The SHA-256 of the text.
    pub fn hash(&self) -> &Sha256 {
        &self.hash
    }

    /// The first 8 bytes of the hash of the primary key.
    pub fn key(&self) -> u64 {
        self.key
    }
}
