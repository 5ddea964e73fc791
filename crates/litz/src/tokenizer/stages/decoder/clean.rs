//! The clean-up of English text in WordPiece and CTC decoders.

use super::literal::Literal;

/// The replacements, in their order.
const CLEANUP: [(&str, &str); 11] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

/// The replacements as steps; none if `wanted` is false.
pub(super) fn cleanup(wanted: bool) -> Vec<Literal> {
    let rules = if wanted { &CLEANUP[..] } else { &[] };
    rules.iter().map(|(from, to)| Literal::new(from, to)).collect()
}
