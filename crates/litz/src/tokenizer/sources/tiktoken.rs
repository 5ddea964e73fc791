//! The reader of tiktoken files: lines of a token's bytes in base64 and its rank.

use super::ranks::{pattern, Ranks};
use super::{patterns, SourceOptions};
use crate::tokenizer::description::Description;
use crate::tokenizer::text::base64;
use crate::{Error, Result};

/// The properties of a vocabulary that are not in its file.
struct TiktokenEncoding {
    pattern: &'static str,
    specials: Vec<(String, u32)>,
    composed: bool, // text is NFC first
}

const LANGUAGES: &str = "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th \
    ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af \
    oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su";

impl Description {
    /// Reads a tiktoken file. The options, or else `name` (the file's name without suffix) or the number of ranks,
    /// determine the pattern and the special tokens.
    pub fn from_tiktoken(bytes: &[u8], name: &str, options: &SourceOptions) -> Result<Self> {
        let mut ranks = Ranks::default();
        let mut token = Vec::new();
        for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            token.clear();
            let rank = read(line, &mut token).ok_or_else(|| {
                Error::Format(format!(
                    "{name}: line {number}: expected the bytes of a token in base64, and its rank"
                ))
            })?;
            ranks.push(&token, rank);
        }
        let mut encoding = TiktokenEncoding::known(name, ranks.len() as u32, options.class());
        if let Some(source) = &options.pat_str {
            let specials = encoding.take().map(|known| known.specials).unwrap_or_default();
            return Self::of(ranks, &pattern(source), specials, false, name, options);
        }
        match encoding {
            Some(TiktokenEncoding { pattern, specials, composed }) => {
                Self::of(ranks, pattern, specials, composed, name, options)
            }
            None => Err(Error::Unsupported(format!(
                "{name}: {} ranks are no known vocabulary; say how it splits text with pat_str in \
                 tokenizer_config.json",
                ranks.len()
            ))),
        }
    }

    fn of(
        ranks: Ranks,
        pattern: &str,
        mut specials: Vec<(String, u32)>,
        composed: bool,
        name: &str,
        options: &SourceOptions,
    ) -> Result<Self> {
        for token in &options.added_tokens {
            specials.retain(|(text, id)| *text != token.content && *id != token.id);
            specials.push((token.content.clone(), token.id));
        }
        let ids: Vec<_> = specials.clone();
        let mut description = ranks.describe(pattern, specials, composed, name)?;
        let id = |token: &str| ids.iter().find(|(text, _)| text == token).map(|(_, id)| *id);
        description.sections.post_processor = options.around(&id)?;
        options.finish(&mut description)?;
        Ok(description)
    }
}

fn read(line: &[u8], token: &mut Vec<u8>) -> Option<u32> {
    let space = line.iter().position(|&byte| byte == b' ')?;
    let rank = std::str::from_utf8(line[space + 1..].trim_ascii_start()).ok()?.parse().ok()?;
    // Whisper's multilingual vocabulary fills the place of an older special token with "=": no bytes.
    let bytes = line[..space].strip_prefix(b"=").unwrap_or(&line[..space]);
    base64::decode(bytes, token).then_some(rank)
}

impl TiktokenEncoding {
    fn known(name: &str, ranks: u32, class: &str) -> Option<Self> {
        let plain = |pattern, specials| Some(Self { pattern, specials, composed: false });
        let end = |id| vec![("<|endoftext|>".to_owned(), id)];
        match (name, ranks) {
            ("multilingual", _) | ("gpt2", 50256) => plain(patterns::GPT2, whisper(ranks)),
            _ if class == "WhisperTokenizer" => plain(patterns::GPT2, whisper(ranks)),
            ("qwen", _) | (_, 151_643) => {
                Some(Self { pattern: patterns::QWEN2, specials: qwen(ranks), composed: true })
            }
            ("o200k_harmony", _) => plain(patterns::GPT4O, harmony()),
            ("o200k_base", _) | (_, 199_998) => {
                plain(patterns::GPT4O, [end(199_999), vec![("<|endofprompt|>".into(), 200_018)]].concat())
            }
            ("cl100k_base", _) | (_, 100_256) => plain(patterns::CL100K, cl100k()),
            (_, 128_000) => plain(patterns::LLAMA3, llama3(ranks)),
            ("r50k_base" | "p50k_base", _) | (_, 50_256 | 50_280) => plain(patterns::GPT2, end(50_256)),
            _ => None,
        }
    }
}

fn numbered(first: u32, tokens: impl Iterator<Item = String>) -> Vec<(String, u32)> {
    tokens.zip(first..).collect()
}

fn cl100k() -> Vec<(String, u32)> {
    let names = ["endoftext", "fim_prefix", "fim_middle", "fim_suffix"];
    let mut specials = numbered(100_257, names.iter().map(|name| format!("<|{name}|>")));
    specials.push(("<|endofprompt|>".into(), 100_276));
    specials
}

fn qwen(first: u32) -> Vec<(String, u32)> {
    let names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].into_iter().map(str::to_owned);
    numbered(first, names.chain((0..205).map(|i| format!("<|extra_{i}|>"))))
}

fn whisper(first: u32) -> Vec<(String, u32)> {
    let before = ["endoftext", "startoftranscript"].into_iter().chain(LANGUAGES.split_ascii_whitespace());
    let after = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"];
    let names = before.chain(after).map(|name| format!("<|{name}|>"));
    let times = (0..1501).map(|i| format!("<|{}.{:02}|>", i / 50, i % 50 * 2));
    numbered(first, names.chain(times))
}

fn llama3(first: u32) -> Vec<(String, u32)> {
    let reserved = |i| format!("<|reserved_special_token_{i}|>");
    let names =
        ["<|begin_of_text|>", "<|end_of_text|>"].into_iter().map(str::to_owned).chain((0..4).map(reserved));
    let headers = ["<|start_header_id|>", "<|end_header_id|>"].into_iter().map(str::to_owned);
    let names =
        names.chain(headers).chain([reserved(4), "<|eot_id|>".to_owned()]).chain((5..251).map(reserved));
    numbered(first, names)
}

fn harmony() -> Vec<(String, u32)> {
    let names =
        ["startoftext", "endoftext", "", "", "return", "constrain", "", "channel", "start", "end", "message"];
    let token = |id: u32| match id {
        200_012 => "<|call|>".to_owned(),
        id => match names.get((id - 199_998) as usize) {
            Some(&name) if !name.is_empty() => format!("<|{name}|>"),
            _ => format!("<|reserved_{id}|>"),
        },
    };
    numbered(199_998, (199_998..201_088).map(token))
}
