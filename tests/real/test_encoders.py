"""Real encoders that were trained by others: vectors, labels and filled masks as their own libraries compute them."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.numpy import save_file

import litz
from tests.assets import asset
from tests.real import onnx_weights

pytestmark = pytest.mark.slow

TEXTS = [
    "Hello world",
    "",
    "你好，世界。今天天气很好，我们去公园散步吧。",
    "Café déjà vu, naïve Ångström: ÀÉÎÕÜ ñ ß",
    "word " * 600,
    "😀 emoji and \t whitespace\n\nnew lines",
    "x",
    "The quick brown fox jumps over the lazy dog. " * 12,
    *(f"Sentence number {number} " * (number % 23 + 1) for number in range(40)),
]
# Text -> the labels that onnxruntime gives to its tokens with the file itself, special ones included.
LABELS = {
    "My name is Maria Gonzalez and I live at 42 Baker Street, Springfield, IL 62704.":
        "0 0 0 0 1 3 0 0 0 0 23 25 26 0 29 29 0 31 33 33 33 0 0",
    "Email john.doe@example.com or call +1 (555) 010-9999 about invoice 7.":
        "0 0 5 6 5 5 5 5 5 0 0 0 0 7 8 8 8 8 8 8 8 0 0 0 0 0 0 0",
    "Passport X1234567, driver's licence D123-4567-8901, SSN 078-05-1120.":
        "0 0 19 19 19 19 19 0 0 0 0 0 21 21 21 12 12 12 12 12 12 12 0 0 0 7 7 8 8 8 8 8 0 0",
    "Wire the money to account 000123456789, routing number 021000021.":
        "0 0 0 0 0 0 11 11 11 11 11 11 11 0 0 0 15 15 15 15 0 0",
    "See https://example.org/help for details; nothing personal here.":
        "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "The weather in Paris is fine today.": "0 0 0 0 0 0 0 0 0 0",
    "李雷住在北京市海淀区中关村大街27号。": "0 0 0 0 0 0 0 0 0 0 0 25 25 25 25 25 23 0 0 0",
    "François Dupont, appartement 5B, 12 rue de l'Église, Montréal":
        "0 1 3 3 3 0 0 0 0 23 23 0 0 25 26 26 26 26 26 26 0 29 0",
}  # fmt: skip
REACTIONS = [
    "Brc1ccccc1.Nc1ccccc1>>c1ccc(Nc2ccccc2)cc1",
    "CC(=O)O.OCC>>CC(=O)OCC",
    "Clc1ccncc1.OB(O)c1ccccc1>>c1ccc(-c2ccncc2)cc1",
    "CCOC(=O)c1ccccc1.[OH-]>>O=C(O)c1ccccc1",
]
SMILES = re.compile(
    r"\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|\%[0-9]{2}|[0-9]"
)


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITZ_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


class TestMiniLM:
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls) -> litz.SentenceEncoder:
        return litz.SentenceEncoder(asset("minilm"))

    @pytest.fixture(scope="class")
    @classmethod
    def vectors(cls) -> np.ndarray:
        """What sentence-transformers does: 256 tokens at most, the mean of the hidden states, length 1."""
        model = hf.AutoModel.from_pretrained(asset("minilm")).eval()
        tokenizer = hf.AutoTokenizer.from_pretrained(asset("minilm"))
        made = []
        for text in TEXTS:
            inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
            with torch.no_grad():
                mean = model(**inputs).last_hidden_state[0].mean(dim=0)
            made.append((mean / mean.norm()).numpy())
        return np.stack(made)

    @pytest.mark.filterwarnings("ignore:1 text is longer than 256 tokens")
    def test_vectors_are_those_of_sentence_transformers(
        self, encoder: litz.SentenceEncoder, vectors: np.ndarray
    ) -> None:
        found = encoder.encode(TEXTS)
        assert found.shape == (len(TEXTS), 384)
        assert ((found * vectors).sum(axis=1) >= 0.99999).all()
        assert np.abs(found - vectors).max() < 1e-5

    @pytest.mark.filterwarnings("ignore:1 text is longer than 256 tokens")
    def test_a_text_alone_has_the_bits_that_it_has_in_a_batch(self, encoder: litz.SentenceEncoder) -> None:
        together = encoder.encode(TEXTS[:12], batch_size=5)
        for text, vector in zip(TEXTS, together, strict=False):
            assert (encoder.encode(text) == vector).all()

    def test_alike_texts_are_found(self, encoder: litz.SentenceEncoder) -> None:
        lines = encoder.encode(["The cat sits outside.", "Stocks fell sharply.", "A dog plays in the garden."])
        best = encoder.similarity(encoder.encode("Which animal is playing?"), lines)[0].argmax()
        assert best == 2


class TestRampart:
    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The files of the package, with the numbers that its ONNX file of 4 bits means."""
        source, made = asset("rampart"), tmp_path_factory.mktemp("rampart")
        for path in source.glob("*.*"):
            shutil.copy(path, made)
        weights = onnx_weights.read(source / "onnx" / "model_q4.onnx")
        tensors = {name: np.ascontiguousarray(value) for name, value in weights.items()}
        save_file(tensors, made / "model.safetensors", metadata={"format": "pt"})
        return made

    def test_labels_are_those_of_onnxruntime(self, folder: Path) -> None:
        model = litz.AutoModelForTokenClassification.from_pretrained(folder)
        tokenizer = litz.AutoTokenizer.from_pretrained(folder)
        inputs = tokenizer(list(LABELS), padding=True, return_tensors="np")
        found = model(**inputs).logits.argmax(axis=-1)
        for row, mask, labels in zip(found, inputs["attention_mask"], LABELS.values(), strict=True):
            assert row[mask == 1].tolist() == [int(label) for label in labels.split()]
        assert model.config.id2label[1] == "B-GIVEN_NAME"
        assert model.config.label2id["I-ZIP_CODE"] == 34
        assert model.config.num_labels == 35

    def test_logits_are_those_of_transformers(self, folder: Path) -> None:
        model = litz.AutoModelForTokenClassification.from_pretrained(folder)
        reference = hf.AutoModelForTokenClassification.from_pretrained(folder).eval()
        tokenizer = litz.AutoTokenizer.from_pretrained(folder)
        for side in ("right", "left"):
            tokenizer.padding_side = side
            inputs = tokenizer(list(LABELS), padding=True, return_tensors="pt")
            with torch.no_grad():
                expected = reference(**inputs).logits
            assert relative(model(**inputs).logits, expected) < 2e-5, "at the padding too"


def read_reactions(folder: Path) -> tuple[torch.Tensor, torch.Tensor, dict[str, int]]:
    """Ids and mask of the reactions, tokens by the pattern of their authors, and the vocabulary."""
    vocabulary = {token: place for place, token in enumerate((folder / "vocab.txt").read_text().split("\n"))}
    rows = [["[CLS]", *SMILES.findall(reaction), "[SEP]"] for reaction in REACTIONS]
    width = max(map(len, rows))
    ids = [[vocabulary[token] for token in [*row, *["[PAD]"] * (width - len(row))]] for row in rows]
    mask = [[int(place < len(row)) for place in range(width)] for row in rows]
    return torch.tensor(ids), torch.tensor(mask), vocabulary


def configuration(folder: Path, model_type: str) -> dict[str, Any]:
    """The folder's, which is older than model types."""
    return {"model_type": model_type, **json.loads((folder / "config.json").read_text())}


class TestReactions:
    """BERTs and an ALBERT of chemical reactions, in the older layout of torch.save."""

    @pytest.mark.parametrize(
        ("name", "folder", "model_type", "reference"),
        [
            ("rxnfp", "bert_pretrained", "bert", hf.BertForMaskedLM),
            ("rxnmapper", "albert_heads_8_uspto_all_1310k", "albert", hf.AlbertForMaskedLM),
        ],
    )
    def test_masks_are_filled_as_by_transformers(
        self, name: str, folder: str, model_type: str, reference: type[hf.PreTrainedModel]
    ) -> None:
        path = asset(name) / folder
        ids, mask, vocabulary = read_reactions(path)
        places = torch.arange(2, ids.shape[1], 3)
        masked = ids.clone()
        masked[:, places] = torch.where(mask[:, places] == 1, vocabulary["[MASK]"], masked[:, places])
        model = litz.AutoModelForMaskedLM.from_pretrained(path, config=configuration(path, model_type))
        found = model(masked, attention_mask=mask).logits
        with torch.no_grad():
            expected = reference.from_pretrained(path).double().eval()(masked, attention_mask=mask).logits
        assert relative(found, expected) < 2e-5
        hidden = (masked == vocabulary["[MASK]"]) & (mask == 1)
        right = (found.argmax(dim=-1) == ids)[hidden]
        assert (found.argmax(dim=-1) == expected.argmax(dim=-1))[hidden].all()
        assert right.float().mean() > 0.5, "it was trained for this"

    def test_reactions_have_the_classes_that_transformers_gives(self) -> None:
        path = asset("rxnfp") / "bert_ft_10k_25s"
        ids, mask, _ = read_reactions(path)
        model = litz.AutoModelForSequenceClassification.from_pretrained(path)
        assert model.config.num_labels == 50
        with torch.no_grad():
            reference = hf.BertForSequenceClassification.from_pretrained(path).double().eval()
            expected = reference(ids, attention_mask=mask).logits
        found = model(ids, attention_mask=mask).logits
        assert relative(found, expected) < 2e-5
        assert torch.equal(found.argmax(dim=1), expected.argmax(dim=1))

    def test_hidden_states_and_the_pooler_are_those_of_transformers(self) -> None:
        path = asset("rxnfp") / "bert_ft"
        ids, mask, _ = read_reactions(path)
        with torch.no_grad():
            expected = hf.BertModel.from_pretrained(path).double().eval()(ids, attention_mask=mask)
        found = litz.AutoModel.from_pretrained(path, config=configuration(path, "bert"))(ids, attention_mask=mask)
        assert relative(found.last_hidden_state, expected.last_hidden_state) < 2e-5
        assert relative(found.pooler_output, expected.pooler_output) < 2e-5
