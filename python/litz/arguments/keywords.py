"""TypedDicts of the keyword arguments of every from_pretrained, for type checkers and editors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from litz.hub.where import WhereArguments

if TYPE_CHECKING:
    from litz.tokenizers.added_token import AddedToken


class ConfigKeys(TypedDict, total=False):
    """Keys of the configurations of all families: a value passed to from_pretrained overrides the model's own."""

    activation: str | None
    activation_function: str | None
    alibi: bool | None
    attention_bias: bool | None
    attention_multiplier: float | None
    attn_logit_softcapping: float | None
    bias: bool | None
    block_auto_adjust_ff_dim: bool | None
    block_ff_dim: int | None
    block_ffn_dim_multiplier: float | None
    block_multiple_of: int | None
    bos_token_id: int | None
    classifier_activation: str | None
    classifier_bias: bool | None
    classifier_pooling: str | None
    conv_L_cache: int | None
    conv_bias: bool | None
    decoder_bias: bool | None
    decoder_sparse_step: int | None
    dim: int | None
    do_layer_norm_before: bool | None
    embedding_multiplier: float | None
    embedding_size: int | None
    enable_bias: bool | None
    eos_token_id: int | Sequence[int] | None
    ffn_dim: int | None
    ffn_hidden_size: int | None
    final_logit_softcapping: float | None
    head_dim: int | None
    hidden_act: str | None
    hidden_activation: str | None
    hidden_dim: int | None
    hidden_size: int | None
    id2label: Mapping[int, str] | None
    inner_group_num: int | None
    intermediate_size: int | None
    layer_norm_eps: float | None
    layer_norm_epsilon: float | None
    layer_types: Sequence[str] | None
    local_attention: int | None
    logit_scale: float | None
    logits_scaling: float | None
    max_position_embeddings: int | None
    max_window_layers: int | None
    mlp_bias: bool | None
    mlp_only_layers: Sequence[int] | None
    model_type: str | None
    moe_intermediate_size: int | None
    multi_query: bool | None
    n_embd: int | None
    n_embed: int | None
    n_head: int | None
    n_head_kv: int | None
    n_heads: int | None
    n_inner: int | None
    n_layer: int | None
    n_layers: int | None
    n_positions: int | None
    new_decoder_architecture: bool | None
    no_rope_layer_interval: int | None
    no_rope_layers: Sequence[int] | None
    norm_bias: bool | None
    norm_eps: float | None
    norm_epsilon: float | None
    norm_topk_prob: bool | None
    num_attention_heads: int | None
    num_experts: int | None
    num_experts_per_tok: int | None
    num_hidden_groups: int | None
    num_hidden_layers: int | None
    num_key_value_heads: int | None
    num_kv_heads: int | None
    num_labels: int | None
    num_ln_in_parallel_attn: int | None
    original_max_position_embeddings: int | None
    pad_token_id: int | None
    parallel_attn: bool | None
    partial_rotary_factor: float | None
    pretraining_tp: int | None
    problem_type: str | None
    qk_layernorm: bool | None
    qkv_bias: bool | None
    query_pre_attn_scalar: float | None
    relative_attention_num_buckets: int | None
    residual_multiplier: float | None
    rms_norm_eps: float | None
    rope_parameters: Mapping[str, Any] | None
    rope_scaling: Mapping[str, Any] | None
    rope_theta: float | None
    rotary_emb_base: float | None
    rotary_pct: float | None
    scale_attn_by_inverse_layer_idx: bool | None
    scale_attn_weights: bool | None
    seq_length: int | None
    shared_expert_intermediate_size: int | None
    sliding_window: int | None
    sliding_window_pattern: int | None
    summary_activation: str | None
    summary_type: str | None
    summary_use_proj: bool | None
    swiglu_limit: float | None
    task_type_vocab_size: int | None
    tie_embedding: bool | None
    tie_word_embeddings: bool | None
    type_vocab_size: int | None
    use_bias: bool | None
    use_cache: bool | None
    use_parallel_residual: bool | None
    use_qk_norm: bool | None
    use_sliding_window: bool | None
    use_task_id: bool | None
    vocab_size: int | None
    word_embed_proj_dim: int | None


class ConfigOptions(WhereArguments, ConfigKeys, total=False):
    """Arguments of AutoConfig.from_pretrained; those of transformers alone must have no effect."""

    force_download: bool | None
    resume_download: bool | None
    proxies: Any
    mirror: str | None
    use_auth_token: Any
    code_revision: str | None
    return_unused_kwargs: bool | None


class LoadingOptions(WhereArguments, ConfigKeys, total=False):
    """Arguments of a model's from_pretrained; those in the tables of `arguments.transformers` must have no effect."""

    device: Any
    attn_implementation: str | None
    experts_implementation: str | None
    use_flash_attention_2: bool | None
    low_cpu_mem_usage: bool | None
    max_memory: Any
    offload_folder: str | None
    offload_buffers: bool | None
    offload_state_dict: bool | None
    use_safetensors: bool | None
    weights_only: bool | None
    ignore_mismatched_sizes: bool | None
    force_download: bool | None
    resume_download: bool | None
    proxies: Any
    mirror: str | None
    tqdm_class: Any
    use_auth_token: Any
    code_revision: str | None
    output_loading_info: bool | None
    return_unused_kwargs: bool | None
    variant: str | None
    quantization_config: Any
    load_in_8bit: bool | None
    load_in_4bit: bool | None
    adapter_kwargs: Any
    adapter_name: str | None
    distributed_config: Any
    device_mesh: Any
    tp_plan: str | None
    tp_size: int | None
    use_kernels: bool | None
    allow_all_kernels: bool | None
    kernel_config: Any
    fusion_config: Any
    disable_mmap: bool | None
    key_mapping: Any
    state_dict: Any


class TokenizerSettings(TypedDict, total=False):
    """Keys of tokenizer_config.json that a caller may pass, and arguments of loading without effect."""

    add_bos_token: bool | None
    add_eos_token: bool | None
    add_prefix_space: bool | None
    added_tokens_decoder: Mapping[Any, Any] | None
    additional_special_tokens: Sequence[Any] | None
    bos_token: "str | AddedToken | None"
    chat_template: str | Mapping[str, str] | Sequence[Mapping[str, str]] | None
    clean_up_tokenization_spaces: bool | None
    clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: bool | None
    cls_token: "str | AddedToken | None"
    do_lower_case: bool | None
    eos_token: "str | AddedToken | None"
    extra_special_tokens: Mapping[str, Any] | Sequence[Any] | None
    legacy: bool | None
    mask_token: "str | AddedToken | None"
    max_len: int | None
    model_input_names: Sequence[str] | None
    model_max_length: int | float | None
    model_specific_special_tokens: Mapping[str, Any] | None
    name_or_path: str | None
    pad_token: "str | AddedToken | None"
    padding_side: Literal["left", "right"] | None
    sep_token: "str | AddedToken | None"
    split_special_tokens: bool | None
    strip_accents: bool | None
    tokenize_chinese_chars: bool | None
    truncation_side: Literal["left", "right"] | None
    unk_token: "str | AddedToken | None"
    force_download: Any
    resume_download: Any
    proxies: Any
    config: Any
    tokenizer_type: Any
    mistral_format: Any
    fix_mistral_regex: Any
    code_revision: Any
    use_auth_token: Any
    verbose: Any
    from_slow: Any
    fast: Any
    use_default_system_prompt: Any
    errors: Any
    sp_model_kwargs: Any
    spaces_between_special_tokens: Any


class TokenizerOptions(WhereArguments, TokenizerSettings, total=False):
    """Arguments of a tokenizer's from_pretrained."""
