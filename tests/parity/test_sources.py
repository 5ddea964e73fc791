"""Other files than tokenizer.json: ids equal the program that the files are of, and the reference given the JSON."""

import base64
import itertools
import json
import random
import unicodedata
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import Tokenizer as Reference
from transformers import AutoTokenizer

from litz import _core
from litz.errors import ConfigError, ModelNotFoundError, UnsupportedError
from litz.tokenizers import from_pretrained
from tests.assets import asset
from tests.parity.harness.fuzz_texts import texts

PLAIN = ["Hello, world!  12345\r\n  x", " leading and trailing ", "", "  ", "你好，世界 straße don't", "a\tb\u00a0c"]


def folder(root: Path, **files: object) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        path = root / name.replace("__", ".")
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def reread(core: _core.Tokenizer) -> Reference:
    return Reference.from_str(core.to_json())


def ids(reference: Reference, text: str) -> list[int]:
    return reference.encode(text, add_special_tokens=False).ids


def byte_ranks(size: int) -> dict[bytes, int]:
    """Every byte, and then pairs of tokens that came before."""
    rng = random.Random(7)
    ranks = {bytes([byte]): byte for byte in range(256)}
    letters = [*b"abcdefgh \xc3\xa9\xe4\xbd\xa0"]
    pool = [bytes([byte]) for byte in letters]
    while len(ranks) < 256 + size:
        token = rng.choice(pool) + rng.choice(pool)
        if token not in ranks:
            ranks[token] = len(ranks)
            pool.append(token)
    return ranks


def merged(ranks: dict[bytes, int], piece: bytes) -> list[int]:
    """tiktoken's rule: join the neighbours whose whole has the lowest rank, the leftmost first."""
    parts = [bytes([byte]) for byte in piece]
    if piece in ranks:
        return [ranks[piece]]
    while True:
        found = [(ranks[a + b], i) for i, (a, b) in enumerate(itertools.pairwise(parts)) if a + b in ranks]
        if not found:
            return [ranks[part] for part in parts]
        _, at = min(found)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def test_a_tiktoken_file_merges_by_the_ranks_of_what_comes_out(tmp_path):
    ranks = byte_ranks(300)
    lines = "".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items())
    path = folder(tmp_path, tokens__tiktoken=lines) / "tokens.tiktoken"
    core = _core.open_tokenizer("tiktoken", [path], json.dumps({"pat_str": r"[^ ]+| +"}))
    reference, rng = reread(core), random.Random(3)
    for _ in range(500):
        words = ["".join(rng.choices("abcdefghé你", k=rng.randrange(1, 12))) for _ in range(3)]
        expected = [id for piece in (words[0], " ", words[1], "  ", words[2]) for id in merged(ranks, piece.encode())]
        text = f"{words[0]} {words[1]}  {words[2]}"
        assert core.encode(text, False) == expected == ids(reference, text)


def test_a_tiktoken_file_of_unknown_size_must_say_its_pattern(tmp_path):
    path = folder(tmp_path, tokens__tiktoken="YQ== 0\n") / "tokens.tiktoken"
    with pytest.raises(UnsupportedError, match="say how it splits text with pat_str"):
        _core.open_tokenizer("tiktoken", [path])


def test_special_tokens_stand_before_a_tekken_vocabulary(tmp_path):
    ranks = byte_ranks(40)
    vocab = [{"rank": rank, "token_bytes": base64.b64encode(token).decode()} for token, rank in ranks.items()]
    config = {"pattern": r"[^ ]+| +", "default_vocab_size": len(ranks) + 10, "default_num_special_tokens": 10}
    names = [{"rank": 0, "token_str": "<unk>"}, {"rank": 1, "token_str": "<s>"}, {"rank": 2, "token_str": "</s>"}]
    whole = {"config": config, "vocab": vocab, "special_tokens": names}
    core = _core.open_tokenizer("tekken", [folder(tmp_path, tekken__json=whole) / "tekken.json"])
    assert core.encode("a") == [1, 10 + ord("a")] == reread(core).encode("a").ids
    assert core.encode("</s><SPECIAL_9>", False) == [2, 9]


BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "!", "你", "cafe", "Cafe"]


@pytest.mark.parametrize("lower", [True, False])
def test_a_vocab_txt_is_read_as_transformers_reads_it(tmp_path, lower):
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": lower}
    root = folder(
        tmp_path, vocab__txt="\n".join(BERT) + "\n", tokenizer_config__json=config, config__json={"model_type": "bert"}
    )
    ours, theirs = from_pretrained(root), AutoTokenizer.from_pretrained(root)
    for text in ["Unaffable 你好!", "CAFÉ Cafe [MASK] unaff", ""]:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"] == reread(ours._core).encode(text).ids
        assert ours(text, "un !")["input_ids"] == theirs(text, "un !")["input_ids"]


def gpt2_files(root: Path, tokenizer_class: str) -> Path:
    vocab = {token: id for id, token in enumerate(["<s>", "</s>", "<mask>", *"abcdĠ'", "ab", "Ġc", "abĠc"])}
    config = {"tokenizer_class": tokenizer_class, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "</s>"}
    if tokenizer_class == "RobertaTokenizer":
        config |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>", "pad_token": "</s>"}
    model = {"GPT2Tokenizer": "gpt2", "RobertaTokenizer": "roberta", "Qwen2Tokenizer": "qwen2"}[tokenizer_class]
    merges = "#version: 0.2\na b\nĠ c\nab Ġc\n"
    return folder(
        root, vocab__json=vocab, merges__txt=merges, tokenizer_config__json=config, config__json={"model_type": model}
    )


@pytest.mark.parametrize("name", ["GPT2Tokenizer", "RobertaTokenizer", "Qwen2Tokenizer"])
def test_vocab_json_and_merges_txt_are_read_as_their_class_reads_them(tmp_path, name):
    root = gpt2_files(tmp_path, name)
    ours, theirs = from_pretrained(root), AutoTokenizer.from_pretrained(root)
    for text in ["ab c", "abab cab", " d <mask> c", ""]:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"] == reread(ours._core).encode(text).ids


def test_a_class_that_is_not_known_is_refused_by_name(tmp_path):
    root = gpt2_files(tmp_path, "GPT2Tokenizer")
    folder(root, tokenizer_config__json={"tokenizer_class": "MarsTokenizer"})
    with pytest.raises(UnsupportedError, match="MarsTokenizer"):
        from_pretrained(root)


def test_added_tokens_of_the_side_files_are_found_in_the_text(tmp_path):
    root = folder(gpt2_files(tmp_path, "GPT2Tokenizer"), added_tokens__json={"<new>": 12})
    tokenizer = from_pretrained(root)
    assert tokenizer("ab<new>c")["input_ids"] == [9, 12, 5]


def test_added_tokens_beside_a_bare_vocabulary_are_those_of_the_reference(tmp_path):
    root = gpt2_files(tmp_path, "GPT2Tokenizer")
    tokenizer_config = json.loads((root / "tokenizer_config.json").read_bytes())
    listed = {
        "12": {"content": "<new>", "lstrip": True, "special": True},
        "13": {"content": "ab c", "normalized": True},
    }
    folder(root, tokenizer_config__json={**tokenizer_config, "added_tokens_decoder": listed, "pad_token": "[PAD]"})
    ours, theirs = from_pretrained(root), AutoTokenizer.from_pretrained(root)
    for text in ["ab <new>c", "ab cab c", "[PAD] a"]:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
        assert ours.decode(ours.encode(text), True) == theirs.decode(theirs.encode(text), True)
    assert (ours.pad_token_id, len(ours)) == (theirs.pad_token_id, len(theirs)) == (14, 15)


def test_an_added_token_that_does_not_follow_the_vocabulary_is_named(tmp_path):
    root = folder(gpt2_files(tmp_path, "GPT2Tokenizer"), added_tokens__json={"<new>": 20})
    with pytest.raises(
        ConfigError, match=r"'<new>' the id 20; in the vocabulary it is not a token.*next free id is 12"
    ):
        from_pretrained(root)


def test_a_folder_without_a_tokenizer_says_what_was_looked_for(tmp_path):
    folder(tmp_path, config__json={"model_type": "gpt2"}, vocab__json={})
    with pytest.raises(ModelNotFoundError, match=r"tokenizer\.model.*vocab\.json with merges\.txt"):
        from_pretrained(tmp_path)


# What is kept of a large file

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def large(first: str = "a") -> str:
    pairs = [a + b for a in LETTERS for b in LETTERS]
    tokens = [*LETTERS, *pairs, *(pair + c for pair in pairs for c in "wxyz")]
    tokens.sort(key=lambda token: token[0] != first)
    merges = [f"{a} {b}" for a in LETTERS for b in LETTERS] + [f"{pair} {c}" for pair in pairs for c in "wxyz"]
    model = {"type": "BPE", "vocab": {token: id for id, token in enumerate(tokens)}, "merges": merges}
    return json.dumps({"version": "1.0", "added_tokens": [], "model": model})


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Path]:
    path = folder(tmp_path / "model", tokenizer__json=large()) / "tokenizer.json"
    cache = tmp_path / "cache"
    _core.open_tokenizer("json", [path], "{}", cache)
    return path, cache


def test_kept_tables_give_the_same_tokenizer(kept):
    path, cache = kept
    first, again = _core.open_tokenizer("json", [path]), _core.open_tokenizer("json", [path], "{}", cache)
    assert len(list(cache.iterdir())) == 1
    assert again.to_json() == first.to_json()
    assert again.encode("abwcdx ef") == first.encode("abwcdx ef")


def test_a_file_that_changed_is_read_again(kept):
    path, cache = kept
    path.write_text(large("z"), encoding="utf-8")
    assert _core.open_tokenizer("json", [path], "{}", cache).token_to_id("z") == 0
    assert _core.open_tokenizer("json", [path], "{}", cache).token_to_id("z") == 0


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "folder", "version"])
def test_damaged_tables_are_not_believed(kept, damage):
    path, cache = kept
    (entry,) = cache.iterdir()
    whole, rng = bytearray(entry.read_bytes()), random.Random(5)
    for _ in range(1 if damage in ("empty", "folder", "version") else 20):
        content = bytearray(whole)
        if damage == "bit":
            content[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        elif damage == "version":
            content[8] += 1
        else:
            content = content[: rng.randrange(len(whole)) if damage == "cut" else 0]
        entry.unlink()
        entry.mkdir() if damage == "folder" else entry.write_bytes(content)
        assert _core.open_tokenizer("json", [path], "{}", cache).token_to_id("ab") == _core.open_tokenizer(
            "json", [path]
        ).token_to_id("ab")
        if damage == "folder":
            entry.rmdir()
            entry.write_bytes(whole)


def test_a_cache_that_cannot_be_written_makes_no_difference(kept, tmp_path):
    path, _ = kept
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    assert _core.open_tokenizer("json", [path], "{}", blocked / "below").token_to_id("ab") is not None


# Files of real models

SPM = [
    ("mistral-common", "tokenizer.model.v1"),
    ("mistral-common", "mistral_instruct_tokenizer_240323.model.v3"),
    ("mistral-common", "mistral_instruct_tokenizer_241114.model.v7"),
    ("sentencepiece", "botchan_en_bpe_1000.model"),
    ("sentencepiece", "botchan_en_unigram_1000.model"),
    ("sentencepiece", "kyoto_ja_unigram_8000.model"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name"), SPM)
def test_a_sentencepiece_model_gives_the_ids_of_sentencepiece(package: str, name: str) -> None:
    path = next(asset(package).rglob(name))
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    core = _core.open_tokenizer("sentencepiece", [path])
    reference = reread(core)
    control = [theirs.id_to_piece(id) for id in range(theirs.vocab_size()) if theirs.is_control(id)]
    compared = 0
    for text in [*PLAIN, *texts(3000, 21)]:
        ours = core.encode(text, False)
        # What combines goes another way through the map of characters that the tokenizers library has.
        combines = any(unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf") for c in text)
        if package == "mistral-common" or not combines:
            assert ours == ids(reference, text), text
        # Texts of control pieces are tokens to us, and a mark at the beginning takes the place of the one put there.
        if not any(piece in text for piece in [*control, "<unk>"]) and not text.lstrip().startswith("▁"):
            if package == "mistral-common" or text.isascii():
                assert ours == theirs.encode(text), text
            else:  # sums of 32 bits decide some ties otherwise
                assert theirs.decode(ours) == theirs.decode(theirs.encode(text)), text
            compared += 1
    assert compared > 200


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tekken_240718.json", "tekken_240911.json"])
def test_a_tekken_file_gives_the_ids_of_the_tokenizer_file_of_its_model(name: str) -> None:
    core = _core.open_tokenizer("tekken", [next(asset("mistral-common").rglob(name))])
    reference = Reference.from_file(str(asset("tokenizer-mistral_nemo") / "tokenizer.json"))
    for text in [*PLAIN, *texts(1500, 22)]:
        if "<" not in text and "[" not in text:
            assert core.encode(text) == reference.encode(text).ids, text


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name", "size"), [
    ("openai-whisper", "gpt2.tiktoken", 51864), ("openai-whisper", "multilingual.tiktoken", 51865),
    ("dashscope", "qwen.tiktoken", 151851),
])  # fmt: skip
def test_a_real_tiktoken_file_merges_by_its_ranks(package: str, name: str, size: int) -> None:
    path = next(asset(package).rglob(name))
    lines = [line.split() for line in path.read_text("ascii").splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    core = _core.open_tokenizer("tiktoken", [path])
    reference = reread(core)
    assert core.vocab_size() == size
    for text in [*PLAIN, *texts(1500, 23)]:
        if "<" in text:
            continue
        found = core.encode(text, False)
        assert found == ids(reference, text), text
        assert core.decode_bytes(found) == (unicodedata.normalize("NFC", text) if "qwen" in name else text).encode()
        word = next((w for w in text.split() if w.isascii() and w.isalpha()), None)
        if word is not None:
            assert core.encode(word, False) == merged(ranks, word.encode()), word


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "llama3_1", "qwen3", "llama2", "mistral_nemo"])
def test_a_saved_tokenizer_is_the_same_to_every_reader(name: str, tmp_path: Path) -> None:
    source = asset(f"tokenizer-{name}")
    tokenizer = from_pretrained(source)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(tmp_path)
    assert {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"} <= {
        p.name for p in tmp_path.iterdir()
    }
    reference = Reference.from_file(str(tmp_path / "tokenizer.json"))
    theirs, again = AutoTokenizer.from_pretrained(tmp_path), from_pretrained(tmp_path)
    for text in [*PLAIN, "a<new>b", *texts(300, 24)]:
        expected = tokenizer(text)["input_ids"]
        assert expected == reference.encode(text).ids == theirs(text)["input_ids"] == again(text)["input_ids"], text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "llama3_1", "gemma3", "gpt4o", "deepseek_v3"])
def test_a_real_file_is_written_as_the_reference_writes_it(name: str) -> None:
    path = asset(f"tokenizer-{name}") / "tokenizer.json"
    ours = _core.open_tokenizer("json", [path]).to_json()
    assert ours == Reference.from_file(str(path)).to_str(pretty=True)


def test_a_contradiction_between_files_is_named(tmp_path):
    root = gpt2_files(tmp_path, "GPT2Tokenizer")
    from_pretrained(root).save_pretrained(root)
    config = root / "tokenizer_config.json"
    tokenizer_config = json.loads(config.read_bytes())
    folder(root, added_tokens__json={"ab": "x"})
    assert from_pretrained(root)("ab")["input_ids"] == [9]  # the configuration lists the added tokens
    del tokenizer_config["added_tokens_decoder"]
    folder(root, tokenizer_config__json=tokenizer_config)
    with pytest.raises(ConfigError, match="the id of 'ab' must be a whole number"):
        from_pretrained(root)
    folder(root, added_tokens__json={"ab": 3})
    with pytest.raises(ConfigError, match="'ab' the id 3"):
        from_pretrained(root)
