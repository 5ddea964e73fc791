"""Writes the fuzzers' first inputs to fuzz/corpus: small files of every kind, right and hostile."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tokenizers.pre_tokenizers import ByteLevel

from tests.builders import real_shaped_gguf, real_shaped_safetensors
from tests.security.test_hostile_files import HOSTILE_GGUF, HOSTILE_SAFETENSORS
from tests.security.test_hostile_tokenizers import BAD_FILES, BAD_MODELS, MODEL, REFUSED, SURVIVED

LARGEST = 4096  # a longer seed makes each execution slower than it is worth

NORMALIZERS = [
    *({"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"Regex": "l+|\\s"}, "content": "▁"},
    {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
]
PRE_TOKENIZERS = [
    *({"type": kind} for kind in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")),
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
    {
        "type": "Split",
        "pattern": {"Regex": "(?i:'s|'t)| ?\\p{L}+|\\s+(?!\\S)"},
        "behavior": "Isolated",
        "invert": False,
    },
    {"type": "Split", "pattern": {"String": "l"}, "behavior": "MergedWithNext", "invert": True},
    {"type": "Digits", "individual_digits": True},
    {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "CharDelimiterSplit", "delimiter": "-"},
]
DECODERS = [
    *({"type": kind} for kind in ("ByteLevel", "ByteFallback", "Fuse")),
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "CTC", "pad_token": "<s>", "word_delimiter_token": "|", "cleanup": True},
]
CLS = {"id": "<s>", "ids": [0], "tokens": ["<s>"]}
POST_PROCESSORS = [
    {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": CLS},
    },
    {
        "type": "RobertaProcessing",
        "sep": ["</s>", 1],
        "cls": ["<s>", 0],
        "trim_offsets": True,
        "add_prefix_space": False,
    },
    {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]},
]
PIECES = [
    "<s>",
    "</s>",
    "<unk>",
    "▁",
    "h",
    "e",
    "l",
    "o",
    "he",
    "ll",
    "hell",
    "o</w>",
    "##o",
    "<0xC3>",
    "<0xB6>",
    "hello",
]
VOCABULARY = {piece: i for i, piece in enumerate(PIECES)}
MERGES = [["h", "e"], ["l", "l"], ["he", "ll"]]
BPE = {
    "type": "BPE",
    "unk_token": "<unk>",
    "fuse_unk": True,
    "byte_fallback": True,
    "vocab": VOCABULARY,
    "merges": MERGES,
}
ALPHABET = {piece: i for i, piece in enumerate([*sorted(ByteLevel.alphabet()), "he", "ll", "hell"])}
MODELS = [
    BPE,
    {**BPE, "byte_fallback": False, "ignore_merges": True, "merges": ["h e", "l l"], "end_of_word_suffix": "</w>"},
    {**BPE, "dropout": 0.0, "continuing_subword_prefix": "##"},
    {"type": "BPE", "vocab": ALPHABET, "merges": MERGES},
    {
        "type": "WordPiece",
        "unk_token": "<unk>",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 9,
        "vocab": VOCABULARY,
    },
    {"type": "WordLevel", "unk_token": "<unk>", "vocab": VOCABULARY},
    {
        "type": "Unigram",
        "unk_id": 2,
        "byte_fallback": True,
        "vocab": [[piece, -float(i)] for i, piece in enumerate(PIECES)],
    },
]
VOCAB_TXT = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "中"]).encode()
VOCAB_AND_MERGES = [
    json.dumps({"tokenizer_class": name, "unk_token": "o"}).encode()
    + b"\0"
    + json.dumps({"<s>": 90, "</s>": 91, "<|startoftext|>": 92, "<|endoftext|>": 93, "h": 0, "e": 1, "he": 2}).encode()
    + b"\0#version: 0.2\nh e\n"
    for name in ("GPT2Tokenizer", "RobertaTokenizer", "Qwen2Tokenizer", "CLIPTokenizer")
]
TEMPLATES = """\
{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content | string | trim }}
{% endfor %}
---
{%- for m in messages -%}{%- if m.role == 'assistant' -%}{% generation %}{{ m.content }}
{% endgeneration %}{%- endif -%}{%- endfor -%}
---
{%- macro show(x, y=2, z=none) -%}{{ x|tojson(indent=2) }}{{ caller() if caller }}
{%- endmacro -%}{{ show(tools[0], y=1) }}
---
{% set ns = namespace(found=false, i=0) %}{% for m in messages[::-1] %}
{% set ns.i = ns.i + loop.index0 %}{% endfor %}{{ ns.i }}
---
{{ strftime_now('%d %b %Y %H:%M:%S %f %j %p') }}{{ range(n)|list }}
{{ text.split(',')|map('upper')|join('-') }}
---
{% if tools is defined and tools is not none %}
{{ tools|selectattr('type', 'equalto', 'function')|list|length }}{% endif %}
---
{{ raise_exception('no') if n > 9 else text|replace('a', 'b')|indent(4)|title|capitalize|e }}
---
{% for k, v in messages[2].tool_calls[0].function.arguments.items() %}{{ k ~ '=' ~ v }}
{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}
---
{% for a in range(3) %}{% if a == 1 %}{% continue %}{% endif %}{% for b in 'xyz' if b != 'y' %}
{{ loop.cycle('1', '2') }}{% break %}{% endfor %}{% endfor %}
---
{{ '%s has %05.2f and %-4d|' % ('x', 1.5, 7) }}{{ '{} {a!r:>5}'.format(1, a=2) }}{{ 7 // -2 }}
{{ 2 ** 100 }}{{ -7 % 3 }}{{ 1e300 * 10 }}
---
{# note #}{% raw %}{{ no }}{% endraw %}{% filter upper %}x{% endfilter %}{% call(u) show(1) %}
{{ u }}{% endcall %}
---
{{ messages|map(attribute='role')|unique|sort(reverse=true)|first }}
{{ {'a': 1, 'b': [1, (2,)]}|dictsort }}{{ text[1:-1:2] }}
---
{% set x %}{{ n }}{% endset %}{{ x|int + 1 }}{{ messages|groupby('role')|list }}
{{ text is string and n is odd or not n in [1] }}
""".split("\n---\n")


def tokenizer(
    model: object, normalizer: object, pre_tokenizer: object, post_processor: object, decoder: object
) -> bytes:
    """A whole file; each part may be None."""
    added = [
        {
            "id": i,
            "content": content,
            "single_word": i == 1,
            "lstrip": i == 0,
            "rstrip": i == 1,
            "normalized": i == 16,
            "special": i < 2,
        }
        for i, content in ((0, "<s>"), (1, "</s>"), (16, "lo"))
    ]
    parts = {
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
    }
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, **parts, "model": model}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode() + "\0hellö  Hello <s>lo-12".encode()


def tokenizers() -> list[bytes]:
    """Every part once beside a plain model, the parts in sequences, and every model."""
    sequences = [
        {"type": "Sequence", "normalizers": NORMALIZERS[:4]},
        {"type": "Sequence", "pretokenizers": PRE_TOKENIZERS[8:]},
        {"type": "Sequence", "processors": [{"type": "ByteLevel"}, POST_PROCESSORS[0]]},
        {"type": "Sequence", "decoders": [DECODERS[4], DECODERS[1], DECODERS[2], DECODERS[5]]},
    ]
    return [
        *(tokenizer(model, None, PRE_TOKENIZERS[4], POST_PROCESSORS[0], DECODERS[0]) for model in MODELS),
        *(tokenizer(model, NORMALIZERS[9], None, None, sequences[3]) for model in MODELS),
        *(tokenizer(BPE, part, None, None, None) for part in (*NORMALIZERS, sequences[0])),
        *(tokenizer(BPE, None, part, None, None) for part in (*PRE_TOKENIZERS, sequences[1])),
        *(tokenizer(BPE, None, None, part, None) for part in (*POST_PROCESSORS, sequences[2])),
        *(tokenizer(BPE, None, None, None, part) for part in DECODERS),
    ]


def write(target: str, seeds: list[bytes]) -> None:
    """Adds the seeds of one target, without those that are too long to be worth it."""
    folder = Path(__file__).parent / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        if len(seed) <= LARGEST:
            (folder / f"seed-{number:03}").write_bytes(seed)


if __name__ == "__main__":
    write("gguf", [real_shaped_gguf(), *(content for content, _ in HOSTILE_GGUF.values())])
    write("safetensors", [real_shaped_safetensors(), *(content for content, _ in HOSTILE_SAFETENSORS.values())])
    write("tokenizer_json", [*tokenizers(), *REFUSED.values(), *SURVIVED.values()])
    write("sentencepiece", [MODEL, *BAD_MODELS.values()])
    write("tiktoken", [b"YQ== 0\nYg== 1\nYWI= 2\n", *(content for kind, content in BAD_FILES if kind[0] == "t")])
    write("vocabulary", [VOCAB_TXT, *VOCAB_AND_MERGES, *(content for kind, content in BAD_FILES if kind[0] == "v")])
    write("tokenizer_cache", [b"\x10\0\0\0", b"\x40\0\0\0" + b"\xff" * 8])
    write("template", [template.encode() for template in TEMPLATES])
