//! The range of every parameter that is a number, and of the numbers in lists: they are defined here only.

use serde_json::Value;

/// Lengths and positions fit, and sums of them do too.
const MOST: u64 = 2_147_483_647;
/// Each continuation keeps a copy of its prompt from the start.
const MOST_CONTINUATIONS: u64 = 10_000;
/// Scores are computed in single precision.
const LARGEST: f64 = f32::MAX as f64;

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// A whole number.
    Whole {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A finite number.
    Real {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
        /// Whether `least` itself is out of the range.
        above: bool,
    },
}

const POSITIVE: Range = Range::Whole { least: 1, most: MOST };
const COUNT: Range = Range::Whole { least: 0, most: MOST };
const ANY: Range = Range::Real { least: -LARGEST, most: LARGEST, above: false };
const AT_LEAST_0: Range = Range::Real { least: 0.0, most: LARGEST, above: false };
const ABOVE_0: Range = Range::Real { least: 0.0, most: LARGEST, above: true };
const SHARE: Range = Range::Real { least: 0.0, most: 1.0, above: false };
const POSITIVE_SHARE: Range = Range::Real { least: 0.0, most: 1.0, above: true };

/// By name; of `sequence_bias` and `exponential_decay_length_penalty` it is the bias and the factor.
pub const RANGES: [(&str, Range); 22] = [
    ("max_new_tokens", POSITIVE),
    ("max_length", POSITIVE),
    ("min_new_tokens", COUNT),
    ("min_length", COUNT),
    ("max_time", ABOVE_0),
    ("temperature", AT_LEAST_0),
    ("top_k", COUNT),
    ("top_p", SHARE),
    ("min_p", SHARE),
    ("top_h", POSITIVE_SHARE),
    ("typical_p", POSITIVE_SHARE),
    ("epsilon_cutoff", SHARE),
    ("eta_cutoff", SHARE),
    ("seed", Range::Whole { least: 0, most: u64::MAX }),
    ("num_return_sequences", Range::Whole { least: 1, most: MOST_CONTINUATIONS }),
    ("repetition_penalty", ABOVE_0),
    ("presence_penalty", ANY),
    ("frequency_penalty", ANY),
    ("no_repeat_ngram_size", COUNT),
    ("sequence_bias", ANY),
    ("exponential_decay_length_penalty", ANY),
    ("max_batch_size", POSITIVE),
];

impl Range {
    /// The range of a parameter that has one.
    pub(super) fn of(name: &str) -> Self {
        let found = RANGES.iter().find(|(known, _)| *known == name);
        found.map_or(ANY, |(_, range)| *range)
    }

    /// The JSON value as a whole number of this range.
    pub(super) fn whole(self, value: &Value) -> Option<u64> {
        let Self::Whole { least, most } = self else { return None };
        value.as_u64().filter(|number| (least..=most).contains(number))
    }

    /// The JSON value as a number of this range.
    pub(super) fn real(self, value: &Value) -> Option<f64> {
        let Self::Real { least, most, above } = self else { return None };
        value.as_f64().filter(|number| (least..=most).contains(number) && !(above && *number == least))
    }

    /// What errors call it.
    pub(super) fn text(self) -> String {
        match self {
            Self::Whole { least, most: MOST } => format!("a whole number from {least}"),
            Self::Whole { least, most: u64::MAX } => format!("a whole number from {least} to 2^64 - 1"),
            Self::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Self::Real { least, .. } if least == -LARGEST => "a number".into(),
            Self::Real { least, most, above } => {
                let most = if most == LARGEST { String::new() } else { format!(" to {most}") };
                format!("a number {} {least}{most}", if above { "above" } else { "from" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limits_belong_to_the_range_unless_it_begins_above() {
        let [share, positive] = [Range::of("top_p"), Range::of("top_h")];
        assert_eq!([share.real(&json!(0.0)), share.real(&json!(1))], [Some(0.0), Some(1.0)]);
        assert_eq!([positive.real(&json!(0.0)), positive.real(&json!(1e-9))], [None, Some(1e-9)]);
        assert_eq!([share.real(&json!(1.1)), share.real(&json!("1"))], [None, None]);
        assert_eq!(Range::of("temperature").real(&json!(1e39)), None);
        let continuations = Range::of("num_return_sequences");
        assert_eq!(
            [0, 1, 10_000, 10_001].map(|n| continuations.whole(&json!(n)).is_some()),
            [false, true, true, false]
        );
        assert_eq!(continuations.whole(&json!(1.5)), None);
    }

    #[test]
    fn errors_say_the_range() {
        let text = |name| Range::of(name).text();
        assert_eq!(text("top_k"), "a whole number from 0");
        assert_eq!(text("seed"), "a whole number from 0 to 2^64 - 1");
        assert_eq!(text("num_return_sequences"), "a whole number from 1 to 10000");
        assert_eq!(text("typical_p"), "a number above 0 to 1");
        assert_eq!(text("presence_penalty"), "a number");
    }
}
