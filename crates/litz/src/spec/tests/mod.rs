//! What tests of a Spec share.

pub(crate) mod example;
