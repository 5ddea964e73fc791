"""Rows of the parity harness: the families that are not built like Llama, each with its options in turn."""

from typing import Any

import transformers as hf

from tests.parity.decoders import CONTEXT, VOCAB, Row, rope

TOKENS = {"vocab_size": VOCAB, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SMALL = {**TOKENS, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
BOUNDED = {**SMALL, "max_position_embeddings": CONTEXT}
GRANITE = {"attention_multiplier": 0.3, "embedding_multiplier": 7.0, "residual_multiplier": 0.4, "logits_scaling": 3.0}
FALCON_40B = {"new_decoder_architecture": True, "num_kv_heads": 2}
FALCON_RW = {"alibi": True, "bias": True, "multi_query": False, "parallel_attn": False}
OPT_350M = {"do_layer_norm_before": False, "word_embed_proj_dim": 24}


def _falcon(name: str, attention: str = "eager", **keys: Any) -> Row:
    return Row(f"falcon-{name}", hf.FalconConfig, keys, plain=BOUNDED, attention=attention)


def _neox(name: str, **keys: Any) -> Row:
    wide = {"hidden_size": 64, "intermediate_size": 48}  # a quarter of each head turns: 4 of 16
    return Row(f"neox-{name}", hf.GPTNeoXConfig, keys, plain={**BOUNDED, **wide})


def _opt(name: str, **keys: Any) -> Row:
    return Row(f"opt-{name}", hf.OPTConfig, keys, plain={**BOUNDED, "ffn_dim": 48})


def _gpt2(name: str, attention: str = "eager", **keys: Any) -> Row:
    return Row(f"gpt2-{name}", hf.GPT2Config, keys, plain=BOUNDED, attention=attention)


def _bloom(name: str, **keys: Any) -> Row:
    return Row(f"bloom-{name}", hf.BloomConfig, keys, plain=SMALL)


CLASSIC = [
    Row("granite", hf.GraniteConfig, GRANITE),
    Row("granite-biased-tied", hf.GraniteConfig, {**GRANITE, "attention_bias": True, "mlp_bias": True,
                                                  "tie_word_embeddings": True}),
    Row("olmo2", hf.Olmo2Config),
    Row("olmo2-biased-yarn", hf.Olmo2Config, {**rope("yarn", factor=4.0, original_max_position_embeddings=16),
                                              "attention_bias": True, "tie_word_embeddings": True}),
    Row("stablelm", hf.StableLmConfig),
    Row("stablelm-biased-half", hf.StableLmConfig, {"use_qkv_bias": True,
                                                    **rope("default", partial_rotary_factor=0.5)}),
    Row("stablelm-qk-norm", hf.StableLmConfig, {"qk_layernorm": True, "num_key_value_heads": 4}),
    Row("stablelm-12b", hf.StableLmConfig, {"qk_layernorm": True, "use_parallel_residual": True}),
    Row("starcoder2", hf.Starcoder2Config),
    Row("starcoder2-window", hf.Starcoder2Config, {"sliding_window": 7}),
    Row("starcoder2-unbiased-untied", hf.Starcoder2Config, {"use_bias": False, "tie_word_embeddings": False}),
    Row("cohere", hf.CohereConfig),
    Row("cohere-plus", hf.CohereConfig, {"use_qk_norm": True}),
    Row("cohere-biased-untied", hf.CohereConfig, {"attention_bias": True, "tie_word_embeddings": False,
                                                  "logit_scale": 0.7}),
    Row("phi", hf.PhiConfig),
    Row("phi-2", hf.PhiConfig, {"hidden_size": 64, **rope("default", partial_rotary_factor=0.4)}),
    Row("phi-qk-norm", hf.PhiConfig, {"qk_layernorm": True, "num_key_value_heads": 4}),
    _gpt2("plain"),
    _gpt2("odd-feed-forward", n_inner=51, activation_function="relu"),
    # Reordered, the reference's eager attention wants float32 throughout.
    _gpt2("by-layer", "sdpa", scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True),
    _gpt2("unscaled-untied", scale_attn_weights=False, tie_word_embeddings=False),
    _neox("parallel"),
    _neox("sequential", use_parallel_residual=False, **rope("default", partial_rotary_factor=1.0)),
    _neox("unbiased-tied", attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_new"),
    _neox("linear", **rope("linear", factor=4.0, partial_rotary_factor=0.5)),
    _falcon("7b"),
    _falcon("7b-biased-untied", bias=True, tie_word_embeddings=False, ffn_hidden_size=51),
    _falcon("40b", **FALCON_40B),
    _falcon("11b", **FALCON_40B, num_ln_in_parallel_attn=1, bias=True),
    # The reference's eager attention adds ALiBi twice to Falcon; its default does not.
    _falcon("rw", "sdpa", **FALCON_RW),
    _falcon("rw-six-heads", "sdpa", **FALCON_RW, hidden_size=48, num_attention_heads=6),
    _falcon("alibi-parallel", "sdpa", alibi=True),
    _falcon("rope-in-turn", multi_query=False, parallel_attn=False, **rope("dynamic", factor=2.0)),
    _bloom("four-heads"),
    _bloom("six-heads-untied", hidden_size=48, n_head=6, tie_word_embeddings=False),
    _opt("pre-norm"),
    _opt("350m", **OPT_350M),
    _opt("350m-untied", **OPT_350M, tie_word_embeddings=False),
    _opt("projected-pre-norm", word_embed_proj_dim=40),
    _opt("unbiased-gelu", enable_bias=False, activation_function="gelu"),
    _opt("no-final-norm", _remove_final_layer_norm=True),
]  # fmt: skip
