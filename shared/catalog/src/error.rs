use thiserror::Error;

/// What is wrong with a name, a key or a document.
///
/// Messages are lower-case, name the thing, and end with what to change where a person wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// A name that a person or AWS gave does not have the form that its type asks for.
    #[error("{what} {value:?} is not valid: {rule}")]
    InvalidName {
        /// Which name, for example `plan name`.
        what: &'static str,
        /// What was given.
        value: String,
        /// What the form is.
        rule: &'static str,
    },
    /// A vault key that does not follow the layout.
    #[error("vault key {key:?} is not a {what}")]
    NotA {
        /// What the key was expected to name.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// A document of a format version that this release does not know.
    #[error("format version {found} is newer than {newest}, the newest that this release reads: upgrade holdfast")]
    NewerFormat {
        /// The version in the document.
        found: u32,
        /// The newest version known here.
        newest: u32,
    },
    /// A document that does not parse or contradicts itself.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which document.
        what: &'static str,
        /// What does not fit.
        why: String,
    },
}
