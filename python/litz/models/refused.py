"""Methods of transformers' models that litz lacks: each raises UnsupportedError with an alternative."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from litz.errors import UnsupportedError
from litz.nearest import nearest

_PACKED = "weights are mapped or packed for the kernels, and only computed with; read them with the safetensors package"
_NO_TRAINING = "the native engine only infers"
_NO_SAVING = "litz does not change a model's files: copy those of {path} instead"


def refused(name: str, advice: str) -> Callable[..., NoReturn]:
    """A method that raises UnsupportedError with the advice."""

    def method(self: Any, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError(f"{name}: {advice.format(path=self.name_or_path)}")

    method.__name__ = name
    method.__doc__ = f"UnsupportedError: {advice.partition(':')[0]}."
    return method


def refused_maker(name: str, advice: str) -> Callable[..., NoReturn]:
    """A static method that raises UnsupportedError with the advice."""

    def method(*_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError(f"{name}: {advice}")

    method.__name__ = name
    method.__doc__ = f"UnsupportedError: {advice}."
    return method


class WithoutWeights:
    """What a model whose weights cannot be taken out refuses by name."""

    name_or_path: str

    if not TYPE_CHECKING:  # or type checkers would take every name for one

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):  # copying and pickling ask before the object has anything
                raise AttributeError(name)
            near = nearest(name, dir(type(self)), cutoff=0.75)
            hint = f"did you mean {near}?" if near else "this release does not have it"
            raise AttributeError(f"a loaded model has no {name!r}: {hint}", obj=self)

    from_pretrained = staticmethod(refused_maker("from_pretrained", "call AutoModelForCausalLM.from_pretrained"))

    parameters = refused("parameters", _PACKED)
    named_parameters = refused("named_parameters", _PACKED)
    buffers = refused("buffers", _PACKED)
    modules = refused("modules", _PACKED)
    named_modules = refused("named_modules", _PACKED)
    state_dict = refused("state_dict", _PACKED)
    load_state_dict = refused("load_state_dict", _PACKED)
    get_input_embeddings = refused("get_input_embeddings", _PACKED)
    get_output_embeddings = refused("get_output_embeddings", _PACKED)
    set_input_embeddings = refused("set_input_embeddings", _PACKED)
    resize_token_embeddings = refused("resize_token_embeddings", _PACKED)
    gradient_checkpointing_enable = refused("gradient_checkpointing_enable", _NO_TRAINING)
    enable_input_require_grads = refused("enable_input_require_grads", _NO_TRAINING)
    compute_transition_scores = refused("compute_transition_scores", "scores are not kept; call model(ids).logits")
    save_pretrained = refused("save_pretrained", _NO_SAVING)
    push_to_hub = refused("push_to_hub", "litz uploads nothing: upload the files of {path} yourself")
    load_adapter = refused("load_adapter", "adapters are not supported: merge them into the model first")
    compile = refused("compile", "nothing is compiled, the kernels are there; leave it out")
    cuda = refused("cuda", "the native engine runs on the CPU; leave it out")
