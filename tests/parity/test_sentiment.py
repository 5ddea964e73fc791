"""The usual program that finds a text's sentiment, with torch tensors in and out."""

import json
from pathlib import Path

import pytest
import torch
import transformers as hf

import litz
from tests.parity.harness.decoders import save

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "love", "hate", "programming", "!", "."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sentiment")
    torch.manual_seed(3)
    config = hf.DistilBertConfig(
        vocab_size=len(WORDS), dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=16,
        id2label={0: "NEGATIVE", 1: "POSITIVE"}, label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )  # fmt: skip
    model = hf.DistilBertForSequenceClassification(config).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.3)
    save(model, path)
    (path / "vocab.txt").write_text("\n".join(WORDS))
    settings = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "pad_token": "[PAD]"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


def sentiments(library: object, name: Path, texts: list[str]) -> tuple[torch.Tensor, list[str]]:
    tokenizer = library.AutoTokenizer.from_pretrained(name)
    model = library.AutoModelForSequenceClassification.from_pretrained(name)
    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**tokens)
    probabilities = torch.softmax(outputs.logits, dim=1)
    return probabilities, [model.config.id2label[label.item()] for label in torch.argmax(probabilities, dim=1)]


def test_the_usual_program_gives_what_it_gives_with_transformers(folder: Path) -> None:
    texts = ["I love programming!", "I hate programming.", "love love love"]
    found, labels = sentiments(litz, folder, texts)
    expected, expected_labels = sentiments(hf, folder, texts)
    torch.testing.assert_close(found, expected, rtol=2e-5, atol=2e-6)
    assert labels == expected_labels
