//! The parameters of one run, read from JSON: every field is checked, an unknown one is an error.

use serde_json::{Map, Value};

use super::ranges::Range;
use crate::{Error, Result};

/// How to choose tokens and when to stop, in the names of transformers' `GenerationConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Draw from the distribution; otherwise the likeliest token wins. A temperature of 0 means the latter, too.
    pub do_sample: bool,
    /// Divides the logits.
    pub temperature: f64,
    /// Keeps this many likeliest tokens, and ties with the last of them; 0 keeps all.
    pub top_k: usize,
    /// Keeps the likeliest tokens up to this mass.
    pub top_p: f64,
    /// Drops tokens less likely than this share of the likeliest one.
    pub min_p: f64,
    /// Keeps the likeliest tokens up to this share of the distribution's entropy.
    pub top_h: Option<f64>,
    /// Keeps the tokens whose surprise is nearest to the expected one, up to this mass.
    pub typical_p: f64,
    /// Drops tokens less likely than this.
    pub epsilon_cutoff: f64,
    /// Like `epsilon_cutoff`, scaled by the distribution's entropy.
    pub eta_cutoff: f64,
    /// Divides positive and multiplies negative logits of all tokens seen, those of the prompt included.
    pub repetition_penalty: f64,
    /// Subtracted from the logit of each token generated before (as OpenAI's).
    pub presence_penalty: f64,
    /// Subtracted from the logit of each token, times how often it was generated before (as OpenAI's).
    pub frequency_penalty: f64,
    /// No n-gram of this size occurs twice; 0 is off.
    pub no_repeat_ngram_size: usize,
    /// Token sequences that may not be completed.
    pub bad_words_ids: Vec<Vec<u32>>,
    /// Added to the logit of a sequence's last token when the text ends in the tokens before it.
    pub sequence_bias: Vec<(Vec<u32>, f32)>,
    /// Tokens that are never generated.
    pub suppress_tokens: Vec<u32>,
    /// Tokens that are not generated first.
    pub begin_suppress_tokens: Vec<u32>,
    /// The second token of a sequence whose prompt is one token.
    pub forced_bos_token_id: Option<u32>,
    /// The tokens of which one must be the last when the length limit is reached.
    pub forced_eos_token_id: Vec<u32>,
    /// From this many generated tokens on, the logits of eos grow by this factor a token.
    pub exponential_decay_length_penalty: Option<(usize, f64)>,
    /// Replaces NaN by 0 and infinities by the largest finite numbers.
    pub remove_invalid_values: bool,
    /// Makes the processed scores log-probabilities again; no choice depends on it.
    pub renormalize_logits: bool,
    /// No eos before this many new tokens.
    pub min_new_tokens: usize,
    /// No eos before this many tokens, the prompt included.
    pub min_length: usize,
    /// At most this many new tokens; takes precedence over `max_length`.
    pub max_new_tokens: Option<usize>,
    /// At most this many tokens, the prompt included.
    pub max_length: Option<usize>,
    /// When the context is full, drop the oldest part and continue with the newest half of a context, read anew: exactly
    /// what a prompt of those tokens gives. Otherwise a prompt must fit, and a full context ends its sequence.
    pub slide: bool,
    /// No new token after this many seconds.
    pub max_time: Option<f64>,
    /// Each of these tokens ends its sequence.
    pub eos_token_id: Vec<u32>,
    /// Each of these texts ends its sequence; needs a tokenizer.
    pub stop_strings: Vec<String>,
    /// Leaves special tokens out of streamed text.
    pub skip_special_tokens: bool,
    /// The key of all random draws; without one, each prompt gets its own from the operating system.
    pub seed: Option<u64>,
    /// Independent continuations of each prompt.
    pub num_return_sequences: usize,
    /// How many sequences are computed together; the others wait.
    pub max_batch_size: usize,
}

impl Params {
    /// Reads a JSON object; fields left out, or null, have the values that change nothing.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut fields = ParameterFields::parse(text)?;
        let params = Self::read(&mut fields)?;
        fields.finish()?;
        params.check()?;
        Ok(params)
    }

    /// True if the likeliest token always wins.
    pub fn greedy(&self) -> bool {
        !self.do_sample || self.temperature == 0.0
    }

    fn read(fields: &mut ParameterFields) -> Result<Self> {
        Ok(Self {
            do_sample: fields.flag("do_sample", false)?,
            temperature: fields.number("temperature")?.unwrap_or(1.0),
            top_k: fields.count("top_k")?.unwrap_or(0),
            top_p: fields.number("top_p")?.unwrap_or(1.0),
            min_p: fields.number("min_p")?.unwrap_or(0.0),
            top_h: fields.number("top_h")?,
            typical_p: fields.number("typical_p")?.unwrap_or(1.0),
            epsilon_cutoff: fields.number("epsilon_cutoff")?.unwrap_or(0.0),
            eta_cutoff: fields.number("eta_cutoff")?.unwrap_or(0.0),
            repetition_penalty: fields.number("repetition_penalty")?.unwrap_or(1.0),
            presence_penalty: fields.number("presence_penalty")?.unwrap_or(0.0),
            frequency_penalty: fields.number("frequency_penalty")?.unwrap_or(0.0),
            no_repeat_ngram_size: fields.count("no_repeat_ngram_size")?.unwrap_or(0),
            bad_words_ids: fields.required_list(
                "bad_words_ids",
                tokens,
                "a list of lists of token ids, none empty",
            )?,
            sequence_bias: fields.required_list(
                "sequence_bias",
                bias,
                "a list of [[token ids], number] pairs",
            )?,
            suppress_tokens: fields.tokens("suppress_tokens")?,
            begin_suppress_tokens: fields.tokens("begin_suppress_tokens")?,
            forced_bos_token_id: fields.optional("forced_bos_token_id", token, "a token id")?,
            forced_eos_token_id: fields.tokens("forced_eos_token_id")?,
            exponential_decay_length_penalty: fields.optional(
                "exponential_decay_length_penalty",
                decay,
                "[start, factor]: a number of tokens and a number",
            )?,
            remove_invalid_values: fields.flag("remove_invalid_values", false)?,
            renormalize_logits: fields.flag("renormalize_logits", false)?,
            min_new_tokens: fields.count("min_new_tokens")?.unwrap_or(0),
            min_length: fields.count("min_length")?.unwrap_or(0),
            max_new_tokens: fields.count("max_new_tokens")?,
            max_length: fields.count("max_length")?,
            slide: fields.optional("context", slide, "\"error\" or \"slide\"")?.unwrap_or(false),
            max_time: fields.number("max_time")?,
            eos_token_id: fields.tokens("eos_token_id")?,
            stop_strings: fields.strings("stop_strings")?,
            skip_special_tokens: fields.flag("skip_special_tokens", true)?,
            seed: fields.whole("seed")?,
            num_return_sequences: fields.count("num_return_sequences")?.unwrap_or(1),
            max_batch_size: fields.count("max_batch_size")?.unwrap_or(32),
        })
    }

    fn check(&self) -> Result<()> {
        if self.greedy() && self.num_return_sequences > 1 {
            return Err(Error::Value(format!(
                "num_return_sequences is {}, but greedy decoding has one result; set do_sample=True",
                self.num_return_sequences
            )));
        }
        Ok(())
    }

    /// The first token id that the vocabulary does not have, with its field.
    pub(super) fn check_vocab(&self, vocab: usize) -> Result<()> {
        // eos and suppressed tokens may lie beyond the head, as checkpoints have it: they cannot come up anyway.
        let biased =
            self.sequence_bias.iter().flat_map(|(ids, _)| ids.iter().map(|id| ("sequence_bias", *id)));
        let forced = self.forced_eos_token_id.iter().map(|id| ("forced_eos_token_id", *id));
        let first = self.forced_bos_token_id.iter().map(|id| ("forced_bos_token_id", *id));
        let bad = self.bad_words_ids.iter().flat_map(|ids| ids.iter().map(|id| ("bad_words_ids", *id)));
        match biased.chain(bad).chain(forced).chain(first).find(|(_, id)| *id as usize >= vocab) {
            Some((field, id)) => Err(Error::Value(format!(
                "{field} names token {id}, but the model's vocabulary has {vocab} tokens (0 to {})",
                vocab.saturating_sub(1)
            ))),
            None => Ok(()),
        }
    }
}

impl Default for Params {
    fn default() -> Self {
        // An empty object has every field at its default, which from_json's tests hold.
        Self::read(&mut ParameterFields(Map::new())).expect("defaults are in range")
    }
}

/// The fields not read yet.
struct ParameterFields(Map<String, Value>);

impl ParameterFields {
    fn parse(text: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => {
                Err(Error::Value(format!("generation parameters: found {other}; expected an object")))
            }
            Err(error) => Err(Error::Value(format!("generation parameters are not JSON: {error}"))),
        }
    }

    fn optional<T>(
        &mut self,
        name: &str,
        read: impl Fn(&Value) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(&value) {
                Some(read) => Ok(Some(read)),
                None => Err(Error::Value(format!("{name} is {value}; expected {expected}"))),
            },
        }
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool> {
        Ok(self.optional(name, Value::as_bool, "true or false")?.unwrap_or(default))
    }

    fn whole(&mut self, name: &str) -> Result<Option<u64>> {
        let range = Range::of(name);
        self.optional(name, |value| range.whole(value), &range.text())
    }

    fn count(&mut self, name: &str) -> Result<Option<usize>> {
        Ok(self.whole(name)?.map(|number| number as usize))
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>> {
        let range = Range::of(name);
        self.optional(name, |value| range.real(value), &range.text())
    }

    fn tokens(&mut self, name: &str) -> Result<Vec<u32>> {
        let read = |value: &Value| match value {
            Value::Array(items) => items.iter().map(token).collect(),
            one => token(one).map(|id| vec![id]),
        };
        Ok(self.optional(name, read, "a token id or a list of token ids")?.unwrap_or_default())
    }

    fn strings(&mut self, name: &str) -> Result<Vec<String>> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let read = |value: &Value| match value {
            Value::Array(items) => items.iter().map(text).collect(),
            one => text(one).map(|text| vec![text]),
        };
        Ok(self.optional(name, read, "a string or a list of strings, none empty")?.unwrap_or_default())
    }

    fn required_list<T>(
        &mut self,
        name: &str,
        item: impl Fn(&Value) -> Option<T>,
        expected: &str,
    ) -> Result<Vec<T>> {
        let read = |value: &Value| value.as_array()?.iter().map(&item).collect();
        Ok(self.optional(name, read, expected)?.unwrap_or_default())
    }

    fn finish(self) -> Result<()> {
        match self.0.keys().next() {
            Some(name) => Err(Error::Value(format!("{name} is not a generation parameter of litz"))),
            None => Ok(()),
        }
    }
}

fn count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn token(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

fn tokens(value: &Value) -> Option<Vec<u32>> {
    value.as_array().filter(|items| !items.is_empty())?.iter().map(token).collect()
}

fn slide(value: &Value) -> Option<bool> {
    ["error", "slide"].iter().position(|name| value == name).map(|index| index == 1)
}

fn decay(value: &Value) -> Option<(usize, f64)> {
    match value.as_array()?.as_slice() {
        [start, factor] => {
            let factor = Range::of("exponential_decay_length_penalty").real(factor)?;
            Some((count(start)?, factor))
        }
        _ => None,
    }
}

/// JSON has no infinities: "-inf" and "inf" are spelt out.
fn bias(value: &Value) -> Option<(Vec<u32>, f32)> {
    let [sequence, amount] = value.as_array()?.as_slice() else { return None };
    let amount = match amount {
        Value::String(text) if text == "-inf" => f32::NEG_INFINITY,
        Value::String(text) if text == "inf" => f32::INFINITY,
        number => Range::of("sequence_bias").real(number)? as f32,
    };
    Some((tokens(sequence)?, amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> String {
        Params::from_json(json).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_object_is_greedy_without_limits() {
        let params = Params::from_json("{}").unwrap();
        assert!(params.greedy());
        assert_eq!(params, Params::default());
        assert_eq!((params.max_new_tokens, params.max_length), (None, None));
    }

    #[test]
    fn errors_name_the_field_what_was_found_and_what_was_expected() {
        assert_eq!(message(r#"{"temperature": "hot"}"#), "temperature is \"hot\"; expected a number from 0");
        assert_eq!(message(r#"{"top_p": 1.5}"#), "top_p is 1.5; expected a number from 0 to 1");
        assert_eq!(message(r#"{"top_k": -1}"#), "top_k is -1; expected a whole number from 0");
        assert_eq!(
            message(r#"{"max_new_tokens": 0}"#),
            "max_new_tokens is 0; expected a whole number from 1"
        );
        assert_eq!(
            message(r#"{"bad_words_ids": [[]]}"#),
            "bad_words_ids is [[]]; expected a list of lists of token ids, none empty"
        );
        assert_eq!(message(r#"{"seed": -3}"#), "seed is -3; expected a whole number from 0 to 2^64 - 1");
        assert_eq!(
            message(r#"{"stop_strings": ""}"#),
            "stop_strings is \"\"; expected a string or a list of strings, none empty"
        );
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        assert_eq!(message(r#"{"temprature": 1.0}"#), "temprature is not a generation parameter of litz");
        assert!(message("[]").contains("expected an object"));
        assert!(message("{").contains("not JSON"));
    }

    #[test]
    fn single_values_and_lists_are_both_read() {
        let params =
            Params::from_json(r#"{"eos_token_id": 2, "stop_strings": "END", "suppress_tokens": [1, 3]}"#)
                .unwrap();
        assert_eq!(params.eos_token_id, [2]);
        assert_eq!(params.stop_strings, ["END"]);
        assert_eq!(params.suppress_tokens, [1, 3]);
        let params = Params::from_json(r#"{"sequence_bias": [[[1, 2], -1.5], [[3], "-inf"]]}"#).unwrap();
        assert_eq!(params.sequence_bias, [(vec![1, 2], -1.5), (vec![3], f32::NEG_INFINITY)]);
    }

    #[test]
    fn temperature_zero_is_greedy_and_greedy_has_one_result() {
        assert!(Params::from_json(r#"{"do_sample": true, "temperature": 0}"#).unwrap().greedy());
        assert!(message(r#"{"num_return_sequences": 2}"#).contains("do_sample=True"));
        assert!(Params::from_json(r#"{"num_return_sequences": 2, "do_sample": true}"#).is_ok());
        let many = r#"{"num_return_sequences": 9223372036854775808, "do_sample": true}"#;
        assert!(message(many).contains("from 1 to 10000"));
    }

    #[test]
    fn ids_outside_the_vocabulary_are_named() {
        let params = Params::from_json(r#"{"sequence_bias": [[[9], 1.0]]}"#).unwrap();
        let error = params.check_vocab(5).unwrap_err().to_string();
        assert_eq!(error, "sequence_bias names token 9, but the model's vocabulary has 5 tokens (0 to 4)");
        assert!(params.check_vocab(10).is_ok());
    }
}
