//! How many elements, rows and tokens lie together.

/// Elements in a block of quantised weights or activations.
pub const BLOCK: usize = 32;
/// Rows of a group of packed weights.
pub const GROUP: usize = 16;
/// Tokens of a full tile of activation codes; a range of tokens best begins at a multiple of it.
pub const TILE: usize = 8;
