//! How many threads a batch of texts is encoded on.

use crate::threads::available_threads;
use crate::Result;

/// `TOKENIZERS_PARALLELISM=false` means one thread, as everywhere; else what this process may use.
pub(super) fn threads() -> Result<usize> {
    let off = std::env::var("TOKENIZERS_PARALLELISM").is_ok_and(|value| {
        matches!(value.to_ascii_lowercase().as_str(), "" | "off" | "false" | "f" | "no" | "n" | "0")
    });
    if off {
        return Ok(1);
    }
    available_threads(None)
}
