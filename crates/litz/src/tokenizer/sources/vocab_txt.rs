//! The reader of BERT's `vocab.txt`: one token a line.

use serde_json::{json, Value};

use super::ranks::special;
use super::SourceOptions;
use crate::tokenizer::description::{Description, ModelKind, ModelSection, ModelSettings, Sections};
use crate::tokenizer::vocab::VocabBuilder;
use crate::{Error, Result};

/// The settings of BERT's stages.
pub(super) struct BertSettings<'a> {
    pub unknown: &'a str,
    pub before: (&'a str, u32),
    pub after: (&'a str, u32),
    pub lowercase: bool,
    pub chinese: bool,
    pub accents: Option<bool>, // whether they are removed
}

impl Description {
    /// Reads a `vocab.txt`.
    pub fn from_vocab_txt(bytes: &[u8], options: &SourceOptions) -> Result<Self> {
        let class = options.class();
        if !matches!(
            class,
            "" | "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" | "MobileBertTokenizer"
        ) {
            return Err(Error::Unsupported(format!(
                "vocab.txt of {class}: litz reads BERT's; BertTokenizer writes it"
            )));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error::Format(format!("vocab.txt is not UTF-8: {error}")))?;
        // A repeated text has the later id.
        let mut vocab = VocabBuilder::repeating();
        let lines = text
            .strip_suffix('\n')
            .unwrap_or(text)
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line));
        let lines: Vec<&str> = lines.collect();
        for (line, id) in lines.iter().zip(0u32..) {
            vocab.push(line, id)?;
        }
        let id =
            |token: &str| lines.iter().rposition(|line| *line == token).and_then(|id| u32::try_from(id).ok());
        let named = [
            (&options.pad_token, "[PAD]"),
            (&options.unk_token, "[UNK]"),
            (&options.cls_token, "[CLS]"),
            (&options.sep_token, "[SEP]"),
            (&options.mask_token, "[MASK]"),
        ];
        let named = named.map(|(token, usual)| token.as_deref().unwrap_or(usual));
        let needed = |token| {
            id(token).map(|id| (token, id)).ok_or_else(|| {
                Error::Format(format!("vocab.txt: the special token {token:?} is not in the vocabulary"))
            })
        };
        let bert = BertSettings {
            unknown: named[1],
            before: needed(named[2])?,
            after: needed(named[3])?,
            lowercase: options.do_lower_case.unwrap_or(true),
            chinese: options.tokenize_chinese_chars.unwrap_or(true),
            accents: options.strip_accents,
        };
        let mut description = bert.describe(vocab);
        let specials = named.iter().filter_map(|&token| id(token).map(|id| special(token.to_owned(), id)));
        description.added_tokens.extend(specials);
        options.finish(&mut description)?;
        Ok(description)
    }
}

impl BertSettings<'_> {
    /// The description of a vocabulary that continues words with `##`.
    pub fn describe(&self, vocab: VocabBuilder) -> Description {
        let settings = ModelSettings {
            kind: ModelKind::WordPiece,
            unknown: Some(self.unknown.to_owned()),
            prefix: Some("##".into()),
            max_characters: Some(100),
            ..ModelSettings::default()
        };
        let sections = Sections {
            normalizer: json!({
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": self.chinese,
                "strip_accents": self.accents, "lowercase": self.lowercase,
            }),
            pre_tokenizer: json!({"type": "BertPreTokenizer"}),
            post_processor: self.template(),
            decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
            ..Sections::default()
        };
        Description {
            sections,
            model: ModelSection { settings, vocab, ..ModelSection::default() },
            added_tokens: Vec::new(),
        }
    }

    /// `[CLS] A [SEP]`, and a second text without a `[CLS]` of its own.
    fn template(&self) -> Value {
        let ((cls, _), (sep, _)) = (self.before, self.after);
        let special = |token: &str, kind: u32| json!({"SpecialToken": {"id": token, "type_id": kind}});
        let text = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
        let entry = |(token, id): (&str, u32)| {
            (token.to_owned(), json!({"id": token, "ids": [id], "tokens": [token]}))
        };
        let single = [special(cls, 0), text("A", 0), special(sep, 0)];
        let pair = [&single[..], &[text("B", 1), special(sep, 1)]].concat();
        let tokens: serde_json::Map<String, Value> =
            [self.before, self.after].map(entry).into_iter().collect();
        json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})
    }
}
