"""The arguments of transformers' functions, listed from the library that is installed: each acts, has no effect
at its default, or is an error of litz that names it."""

import inspect
import warnings

import pytest
import torch
import transformers as hf
from transformers.generation import GenerationMixin

import litz
from litz.errors import LitzError
from litz.generation.parameters import FOREIGN, PARAMETERS
from tests.parity.harness.decoders import save
from tests.parity.harness.rows import named

ROW = named("llama-3")
# Read by from_pretrained out of its **kwargs, as its documentation says.
LOADING_KEYWORDS = """state_dict proxies output_loading_info dtype torch_dtype device_map max_memory offload_folder
offload_buffers quantization_config variant adapter_kwargs adapter_name generation_config gguf_file
distributed_config device_mesh tp_plan tp_size trust_remote_code use_kernels key_mapping attn_implementation
experts_implementation allow_all_kernels low_cpu_mem_usage offload_state_dict load_in_8bit load_in_4bit
resume_download use_auth_token code_revision kernel_config""".split()
# Others own these: they are tried with models and tokenizers that are loaded.
ELSEWHERE = {"pretrained_model_name_or_path", "model_args", "kwargs", "self", "args"}


def names_of(function):
    return [name for name in inspect.signature(function).parameters if name not in ELSEWHERE]


LOADING = sorted({*names_of(hf.PreTrainedModel.from_pretrained), *LOADING_KEYWORDS})
CALLING = [*names_of(hf.LlamaForCausalLM.forward), *hf.utils.generic.TransformersKwargs.__annotations__, "return_dict"]
GENERATING = [
    name for name in names_of(GenerationMixin.generate) if name not in ("inputs", "generation_config", "streamer")
]
PIPELINE = [name for name in names_of(hf.pipeline) if name not in ("task", "model", "tokenizer")]
CALLING_PIPELINE = [
    name for name in names_of(hf.TextGenerationPipeline._sanitize_parameters) if name != "generate_kwargs"
]
CONFIGURATION = [
    name for name in vars(hf.GenerationConfig()) if not name.startswith("_") and name != "transformers_version"
]


class Odd:
    """A value that is wrong for every argument."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(ROW.build(), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder):
    return litz.AutoModelForCausalLM.from_pretrained(folder, threads=1)


def outcome(call):
    """None if the call went well, else its error, which must be one of litz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except LitzError as error:
            return error
    return None


def neutral(function, name):
    """The documented default of transformers, which has no effect."""
    known = inspect.signature(function).parameters.get(name)
    return None if known is None or known.default is inspect.Parameter.empty else known.default


@pytest.mark.parametrize("name", [name for name in LOADING if name != "revision"])
def test_loading_a_model(folder, name):
    value = neutral(hf.PreTrainedModel.from_pretrained, name)
    assert outcome(lambda: litz.AutoModelForCausalLM.from_pretrained(folder, **{name: value})) is None
    if name not in ("cache_dir", "token", "local_files_only", "trust_remote_code", "generation_config", "gguf_file"):
        error = outcome(lambda: litz.AutoModelForCausalLM.from_pretrained(folder, **{name: Odd()}))
        assert error is None or name.removeprefix("torch_").partition("_")[0] in str(error)


@pytest.mark.parametrize("name", [name for name in CALLING if name not in ("input_ids", "attention_mask")])
def test_calling_a_model(model, name):
    value = neutral(hf.LlamaForCausalLM.forward, name)
    assert outcome(lambda: model([[1, 2]], **{name: value})) is None
    error = outcome(lambda: model([[1, 2]], **{name: Odd()}))
    assert error is None or name in str(error)


@pytest.mark.parametrize("name", GENERATING)
def test_generating(model, name):
    requested = {"input_ids": [[1, 2]], "max_new_tokens": 1}
    if name != "kwargs":
        assert outcome(lambda: model.generate(**requested, **{name: None})) is None
        assert name in str(outcome(lambda: model.generate(**requested, **{name: Odd()})))


@pytest.mark.parametrize("name", CONFIGURATION)
def test_every_parameter_of_a_generation_configuration_has_its_place(name):
    assert name in PARAMETERS
    assert hasattr(litz.GenerationConfig(**{name: None}), name)
    assert name not in FOREIGN


@pytest.mark.parametrize("name", PIPELINE)
def test_making_a_pipeline(folder, tmp_path, name):
    def make(value):
        return litz.pipeline("text-generation", str(tmp_path / "nothing"), **{name: value})

    # The names are checked before the model: neither is a TypeError.
    assert isinstance(outcome(lambda: make(neutral(hf.pipeline, name))), LitzError)
    assert isinstance(outcome(lambda: make(None)), LitzError)


@pytest.mark.parametrize("name", CALLING_PIPELINE)
def test_calling_a_pipeline(model, name):
    pipe = litz.pipeline("text-generation", model, tokenizer=Odd())
    error = outcome(lambda: pipe([], **{name: None}))
    assert error is None


def test_a_keyword_that_transformers_does_not_know_is_an_error_with_a_hint(folder, model):
    with pytest.raises(litz.errors.ArgumentError, match="did you mean attn_implementation"):
        litz.AutoModelForCausalLM.from_pretrained(folder, attn_implementatoin="eager")
    with pytest.raises(litz.errors.ArgumentError, match="did you mean attention_mask"):
        model([[1, 2]], attention_msk=[[1, 1]])


def test_a_key_of_the_configuration_changes_it(folder):
    def loaded(**options):
        return litz.AutoModelForCausalLM.from_pretrained(folder, **options)

    ids = [[1, 5, 9]]
    other = hf.AutoModelForCausalLM.from_pretrained(folder, rms_norm_eps=0.5, pad_token_id=7)
    found = loaded(rms_norm_eps=0.5, pad_token_id=7)
    assert found.config.pad_token_id == other.config.pad_token_id == 7
    expected = other(torch.tensor(ids)).logits.detach()
    torch.testing.assert_close(torch.tensor(found(ids).logits), expected, atol=1e-2, rtol=1e-2)
    with pytest.raises(LitzError, match="hidden_size"):
        loaded(hidden_size=-1)
    given = loaded(config=found.config)
    assert given(ids).logits.tolist() == found(ids).logits.tolist()
    assert loaded(config=str(folder))(ids).logits.tolist() == loaded()(ids).logits.tolist()


@pytest.mark.parametrize("keep", [0, 1, 2, 99, [0, 2], torch.tensor([1])], ids=str)
def test_the_logits_that_are_kept_are_those_of_transformers(folder, model, keep):
    ids = torch.tensor([[1, 5, 9], [4, 4, 7]])
    reference = hf.AutoModelForCausalLM.from_pretrained(folder)
    expected = reference(ids, logits_to_keep=torch.tensor(keep) if isinstance(keep, list) else keep).logits
    found = model(ids, logits_to_keep=keep)
    assert found[0].shape == expected.shape
    torch.testing.assert_close(found.logits, expected.detach(), atol=2e-2, rtol=2e-2)
    assert torch.equal(model(ids, logits_to_keep=keep, return_dict=False)[0], found.logits)


@pytest.mark.parametrize("method", ["half", "float", "bfloat16", "eval", "cpu"])
def test_a_model_stays_what_it_is(model, method):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert getattr(model, method)() is model
    assert len(caught) == (method in ("half", "bfloat16"))


@pytest.mark.parametrize(
    "method",
    ["parameters", "named_parameters", "state_dict", "get_input_embeddings", "save_pretrained", "push_to_hub", "train"],
)
def test_what_a_model_cannot_do_is_an_error_that_names_it(model, method):
    with pytest.raises(litz.errors.UnsupportedError, match=method):
        getattr(model, method)()
    assert model.can_generate()
    assert model.train(False) is model
