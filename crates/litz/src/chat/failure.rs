//! A failure inside a template: what went wrong, and at which line once that is known.

/// What a template did wrong; becomes `Error::Template`.
#[derive(Debug)]
pub(super) struct Failure {
    pub message: String,
    pub line: Option<usize>,
}

pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None }
    }

    /// The innermost line wins.
    pub fn at(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }
}

pub(super) fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::new(message))
}

impl From<Failure> for crate::Error {
    fn from(failure: Failure) -> Self {
        crate::Error::Template { message: failure.message, line: failure.line }
    }
}
