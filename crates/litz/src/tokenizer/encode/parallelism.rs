//! The number of threads for a batch of texts.

use crate::threads::available_threads;
use crate::Result;

/// `TOKENIZERS_PARALLELISM=false` means one thread, as everywhere; else what this process may use.
pub(crate) fn threads() -> Result<usize> {
    let off = std::env::var("TOKENIZERS_PARALLELISM").is_ok_and(|value| {
        matches!(value.to_ascii_lowercase().as_str(), "" | "off" | "false" | "f" | "no" | "n" | "0")
    });
    if off {
        return Ok(1);
    }
    available_threads(None)
}
