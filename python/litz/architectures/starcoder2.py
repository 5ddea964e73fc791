"""StarCoder 2: layer norms, biases everywhere, a feed-forward without gate, and a window on every layer if set."""

from litz.architectures.base import LLAMA, Family, biases, layer_names, layer_norm, one_rope, plain, windows_if_set
from litz.config import Keys
from litz.spec import Spec

KEYS = {
    "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": 4096, "norm_epsilon": 1e-5, "num_key_value_heads": 2,
    "tie_word_embeddings": True, "use_bias": True,
}  # fmt: skip
NAMES = layer_names(mlp__c_fc="mlp.up", mlp__c_proj="mlp.down")


def spec(c: Keys) -> Spec:
    # Keys of the training code say what this family always is.
    for key, value in (("mlp_type", "default"), ("norm_type", "layer_norm"), ("scale_attn_weights", True)):
        c.only(key, value, family="StarCoder 2")
    c.ignore("activation_function", "layer_norm_epsilon")  # hidden_act and norm_epsilon say it
    c.ignore("attention_softmax_in_fp32", "scale_attention_softmax_in_fp32")  # softmax is in float32 anyway
    return plain(
        c, norm=layer_norm(c, "norm_epsilon"), bias=biases(c, "use_bias"), gated=False, mlp_bias=c.flag("use_bias"),
        ropes=one_rope(c), windows=windows_if_set(c),
    )  # fmt: skip


FAMILY = Family(defaults=KEYS, spec=spec, names={**LLAMA, **NAMES})
