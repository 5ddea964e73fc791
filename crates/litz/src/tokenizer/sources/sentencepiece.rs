//! The reader of SentencePiece `.model` files, BPE and Unigram.

use super::protobuf::{Message, ProtobufValue};
use super::{stages, SourceOptions};
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::description::{Description, ModelKind, ModelSection, ModelSettings, Sections};
use crate::tokenizer::vocab::VocabBuilder;
use crate::{Error, Result};

const UNIGRAM: u64 = 1;
const BPE: u64 = 2;

// The types of pieces.
const NORMAL: u64 = 1;
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
const BYTE: u64 = 6;

struct ModelPiece<'a> {
    text: &'a str,
    score: f32,
    kind: u64,
}

/// The parts of a model file that decide ids.
struct SentencePieceModel<'a> {
    pieces: Vec<ModelPiece<'a>>,
    algorithm: u64,
    byte_fallback: bool,
    suffix: bool, // the mark of a space comes after the word
    charsmap: &'a [u8],
    prefix: bool,
    squeeze: bool, // whether runs of spaces become one
    escape: bool,
}

impl Description {
    /// Reads a SentencePiece model. The options determine the special tokens around a text, which the file lacks.
    pub fn from_sentence_piece(bytes: &[u8], options: &SourceOptions) -> Result<Self> {
        let class = options.class();
        if !matches!(class, "" | "LlamaTokenizer" | "CodeLlamaTokenizer" | "GemmaTokenizer" | "T5Tokenizer") {
            return Err(Error::Unsupported(format!(
                "SentencePiece model of {class}: the ids of that class are not implemented; save the \
                 tokenizer as tokenizer.json"
            )));
        }
        let model = SentencePieceModel::read(bytes)?;
        let prefix = options.add_prefix_space.unwrap_or(model.prefix);
        let mut description = Self {
            sections: model.sections(prefix, first_only(options)),
            added_tokens: model.added(),
            model: match model.algorithm {
                UNIGRAM => model.unigram()?,
                _ => model.merged()?,
            },
        };
        description.sections.post_processor = options.around(&|token| model.id(token))?;
        options.finish(&mut description)?;
        Ok(description)
    }
}

/// Where the class inserts a mark. The SentencePiece library inserts it before every piece.
fn first_only(options: &SourceOptions) -> Option<bool> {
    match options.class() {
        "LlamaTokenizer" => Some(!options.legacy.unwrap_or(false)),
        "CodeLlamaTokenizer" => Some(true),
        _ => None,
    }
}

impl<'a> SentencePieceModel<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut model = Self {
            pieces: Vec::new(),
            algorithm: UNIGRAM,
            byte_fallback: false,
            suffix: false,
            charsmap: &[],
            prefix: true,
            squeeze: true,
            escape: true,
        };
        let mut message = Message::new(bytes, "the model");
        while let Some((field, value)) = message.next()? {
            match field {
                1 => {
                    let piece = ModelPiece::read(value.bytes(), model.pieces.len())?;
                    model.pieces.push(piece);
                }
                2 => model.training(value.bytes())?,
                3 => model.normalization(value.bytes())?,
                _ => {}
            }
        }
        model.check()?;
        Ok(model)
    }

    fn training(&mut self, bytes: &'a [u8]) -> Result<()> {
        let mut message = Message::new(bytes, "trainer_spec");
        while let Some((field, value)) = message.next()? {
            match field {
                3 => self.algorithm = value.number(),
                24 => self.suffix = value.flag(),
                35 => self.byte_fallback = value.flag(),
                _ => {}
            }
        }
        Ok(())
    }

    fn normalization(&mut self, bytes: &'a [u8]) -> Result<()> {
        let mut message = Message::new(bytes, "normalizer_spec");
        while let Some((field, value)) = message.next()? {
            match field {
                2 => self.charsmap = value.bytes(),
                3 => self.prefix = value.flag(),
                4 => self.squeeze = value.flag(),
                5 => self.escape = value.flag(),
                _ => {}
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if self.pieces.is_empty() {
            return Err(Error::Format("not a SentencePiece model: it has no pieces".into()));
        }
        let unsupported =
            |what: &str| Err(Error::Unsupported(format!("SentencePiece: {what} is not implemented by litz")));
        match self.algorithm {
            UNIGRAM | BPE => {}
            other => return unsupported(&format!("the model type {other} (1 is Unigram, 2 is BPE)")),
        }
        if self.suffix {
            return unsupported("treat_whitespace_as_suffix");
        }
        if !self.escape {
            return unsupported("escape_whitespaces=false");
        }
        match self
            .pieces
            .iter()
            .find(|piece| !(NORMAL..=USER_DEFINED).contains(&piece.kind) && piece.kind != BYTE)
        {
            Some(piece) => unsupported(&format!("the type {} of the piece {:?}", piece.kind, piece.text)),
            None => Ok(()),
        }
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.pieces.iter().position(|piece| piece.text == token).and_then(|id| u32::try_from(id).ok())
    }

    fn unknown(&self) -> Option<usize> {
        self.pieces.iter().position(|piece| piece.kind == UNKNOWN)
    }

    fn vocab(&self, mut vocab: VocabBuilder) -> Result<VocabBuilder> {
        for (piece, id) in self.pieces.iter().zip(0u32..) {
            vocab.push(piece.text, id)?;
        }
        Ok(vocab)
    }

    fn unigram(&self) -> Result<ModelSection> {
        let settings = ModelSettings {
            kind: ModelKind::Unigram,
            unknown_id: self.unknown(),
            byte_fallback: self.byte_fallback,
            unmatched: self.unmatched(),
            ..ModelSettings::default()
        };
        let scores = self.pieces.iter().map(|piece| f64::from(piece.score)).collect();
        let vocab = self.vocab(VocabBuilder::repeating())?;
        Ok(ModelSection { settings, vocab, scores, ..ModelSection::default() })
    }

    /// The pieces of bytes and controls, which no text is segmented into.
    fn unmatched(&self) -> Vec<u32> {
        let unmatched = |(id, piece): (u32, &ModelPiece<'_>)| {
            (!matches!(piece.kind, NORMAL | USER_DEFINED)).then_some(id)
        };
        (0u32..).zip(&self.pieces).filter_map(unmatched).collect()
    }

    fn merged(&self) -> Result<ModelSection> {
        let settings = ModelSettings {
            kind: ModelKind::Bpe,
            unknown: self.unknown().map(|id| self.pieces[id].text.to_owned()),
            fuse_unknown: true,
            byte_fallback: self.byte_fallback,
            ..ModelSettings::default()
        };
        let score =
            |piece: &ModelPiece<'_>| matches!(piece.kind, NORMAL | USER_DEFINED).then_some(piece.score);
        let merge_scores = Some(self.pieces.iter().map(score).collect());
        let vocab = self.vocab(VocabBuilder::default())?;
        Ok(ModelSection { settings, vocab, merge_scores, ..ModelSection::default() })
    }

    /// The added tokens. The texts of the unknown piece and of control pieces are not matched.
    fn added(&self) -> Vec<AddedToken> {
        let found = (0u32..)
            .zip(&self.pieces)
            .filter(|(_, piece)| matches!(piece.kind, UNKNOWN | CONTROL | USER_DEFINED));
        let token = |(id, piece): (u32, &ModelPiece<'_>)| AddedToken {
            id,
            content: piece.text.to_owned(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: piece.kind != USER_DEFINED,
        };
        found.map(token).collect()
    }

    fn sections(&self, prefix: bool, first_only: Option<bool>) -> Sections {
        let unigram = self.algorithm == UNIGRAM && !self.byte_fallback && self.squeeze;
        let words = unigram.then(|| self.marks_begin_pieces());
        let (charsmap, squeeze) = (self.charsmap, self.squeeze);
        stages::SentencePiece { charsmap, squeeze, prefix, first_only, words }.sections()
    }

    /// Whether no piece crosses the mark of a word, so that words can be tokenized independently.
    fn marks_begin_pieces(&self) -> bool {
        self.pieces
            .iter()
            .all(|piece| piece.kind != NORMAL || piece.text.rfind(stages::MARK).is_none_or(|at| at == 0))
    }
}

impl<'a> ModelPiece<'a> {
    fn read(bytes: &'a [u8], place: usize) -> Result<Self> {
        let mut piece = Self { text: "", score: 0.0, kind: NORMAL };
        let mut message = Message::new(bytes, "pieces");
        while let Some((field, value)) = message.next()? {
            match (field, value) {
                (1, value) => {
                    piece.text = std::str::from_utf8(value.bytes()).map_err(|_| {
                        Error::Format(format!("not a SentencePiece model: piece {place} is not UTF-8"))
                    })?;
                }
                (2, ProtobufValue::Float(score)) => piece.score = score,
                (3, value) => piece.kind = value.number(),
                _ => {}
            }
        }
        Ok(piece)
    }
}
