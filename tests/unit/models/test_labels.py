"""The labels of a classifier, as transformers reads them from a configuration."""

import pytest
import transformers as hf

from litz.config import Config
from litz.errors import ConfigError


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"num_labels": 1},
        {"num_labels": 5},
        {"id2label": {"0": "no", "1": "yes", "2": "perhaps"}, "label2id": {"no": 0, "yes": 1, "perhaps": 2}},
        {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "num_labels": 50},
        {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}, "num_labels": 2},
    ],
)
def test_labels_are_those_of_transformers(values):
    expected, found = hf.BertConfig.from_dict(values), Config(values, kind="encoder")
    assert found.id2label == expected.id2label
    assert found.label2id == expected.label2id
    assert found.num_labels == expected.num_labels
    assert found.get("id2label") == values.get("id2label"), "as an item, a key is what the file says"


@pytest.mark.parametrize("wrong", [-1, "three", 2.5, 10**9])
def test_a_number_of_labels_that_is_none_is_named(wrong):
    with pytest.raises(ConfigError, match="num_labels must be an integer"):
        Config({"num_labels": wrong}).id2label  # noqa: B018
