//! What can go wrong, in the words that the user reads.

/// Every failure of this crate. The text says what was found, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not what it claims to be.
    #[error("{0}")]
    Format(String),
    /// A configuration names something impossible or contradictory.
    #[error("{0}")]
    Config(String),
    /// Valid, but not implemented here.
    #[error("{0}")]
    Unsupported(String),
    /// An argument is out of its range.
    #[error("{0}")]
    Value(String),
    /// A chat template failed to compile or to render.
    #[error("{message}{}", .line.map(|n| format!(" (line {n} of the chat template)")).unwrap_or_default())]
    Template {
        /// What failed.
        message: String,
        /// The line of the template, counted from 1, where it is known.
        line: Option<usize>,
    },
    /// More tokens than the model's context holds.
    #[error("{0}")]
    Context(String),
    /// Something would need more memory than there is.
    #[error("{0}")]
    Memory(String),
    /// What an executor outside of this crate failed with.
    #[error("{0}")]
    Executor(Box<dyn std::error::Error + Send + Sync>),
    /// The operating system said no; the path is in the text.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The result of anything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;
