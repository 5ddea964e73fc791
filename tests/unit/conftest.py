import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    from litz.models.auto import AutoModelForCausalLM
    from tests.unit.tiny import write_model

    return AutoModelForCausalLM.from_pretrained(write_model(tmp_path_factory.mktemp("tiny")), threads=1)


@pytest.fixture(scope="session")
def tokenizer():
    from tests.unit.tiny import tiny_tokenizer

    return tiny_tokenizer()
