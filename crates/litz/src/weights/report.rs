//! What loading did, or would do.

use serde::Serialize;

use super::fill::FillJob;

/// What loading did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// Matrices whose storage changed; their values did not.
    pub conversions: Vec<Conversion>,
    /// Matrices that stay in the files.
    pub mapped: usize,
    /// Matrices in memory of their own, with their rows in the order that the kernels read.
    pub packed: usize,
    /// Matrices put together from parts, or transposed.
    pub copied: usize,
    /// Weight bytes that stay in the files.
    pub bytes_mapped: usize,
    /// Bytes of the packed matrices.
    pub bytes_packed: usize,
    /// Bytes of conversions, copies and vectors.
    pub bytes_converted: usize,
    /// Bytes of working memory, beside the sequences.
    pub bytes_scratch: usize,
}

/// One matrix that no kernel reads as stored.
#[derive(Clone, Debug, Serialize)]
pub struct Conversion {
    /// The canonical name.
    pub tensor: String,
    /// The storage in the file.
    pub from: String,
    /// The storage in memory.
    pub to: String,
}

impl LoadReport {
    /// Bytes of memory that are not the files'.
    pub fn own_bytes(&self) -> usize {
        self.bytes_packed + self.bytes_converted + self.bytes_scratch
    }

    /// Counts a matrix of `len` bytes that does not stay in its file.
    pub(super) fn count(&mut self, job: &FillJob, len: usize) {
        if job.converted {
            self.conversions.push(Conversion {
                tensor: job.name.clone(),
                from: job.stored.dtype.name().to_owned(),
                to: format!("{:?}", job.to),
            });
        }
        if job.packed {
            self.packed += 1;
            self.bytes_packed += len;
        } else {
            self.copied += usize::from(!job.converted);
            self.bytes_converted += len;
        }
    }
}
