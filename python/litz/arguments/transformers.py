"""Tables of transformers' arguments that litz does not act on, by the function that takes them."""

from litz.arguments import CPU_ONLY, Known, without_effect

_ONE_KERNEL = without_effect("every kernel here gives the same results")
_NO_DEVICES = without_effect("everything is on the CPU")
_ONE_PROCESS = Known("one process computes; leave it out")
_NO_QUANTIZATION = Known("load a GGUF file of the model, which holds quantised weights (`litz quantize` writes one)")
_NO_ADAPTERS = Known("adapters are not supported: merge them into the model first", ({}, "default"))

# from_pretrained of models.
LOADING: dict[str, Known] = {
    "device": Known(CPU_ONLY, ("cpu", "auto", -1)),
    "attn_implementation": Known(
        "every kernel here gives the same results; leave it out, or pass the name of one of transformers'",
        ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention", "paged|eager", "paged|sdpa"),
    ),
    "experts_implementation": _ONE_KERNEL,
    "use_flash_attention_2": _ONE_KERNEL,
    "low_cpu_mem_usage": without_effect("weights stay mapped from their file"),
    "max_memory": _NO_DEVICES,
    "offload_folder": _NO_DEVICES,
    "offload_buffers": _NO_DEVICES,
    "offload_state_dict": _NO_DEVICES,
    "use_safetensors": Known("safetensors are read wherever there are any; leave it out", (True,)),
    "weights_only": without_effect("a pickle is read as tensors alone, and nothing of it is executed"),
    "ignore_mismatched_sizes": Known("every weight must have its shape; leave it out", (False,)),
    "force_download": Known("delete the copy with `litz rm`, then load again", (False,)),
    "resume_download": without_effect("downloads are always resumed"),
    "proxies": Known("set HTTPS_PROXY instead", ({},)),
    "mirror": Known("set HF_ENDPOINT instead"),
    "tqdm_class": without_effect("litz shows its own progress"),
    "use_auth_token": Known("pass token= instead", (False,)),
    "code_revision": without_effect("no code of the repository is run"),
    "output_loading_info": Known("see model.load_report", (False,)),
    "return_unused_kwargs": Known("litz refuses what it does not use; leave it out", (False,)),
    "variant": Known("the files of the repository without a variant are read; leave it out"),
    "quantization_config": _NO_QUANTIZATION,
    "load_in_8bit": Known(_NO_QUANTIZATION.advice, (False,)),
    "load_in_4bit": Known(_NO_QUANTIZATION.advice, (False,)),
    "adapter_kwargs": _NO_ADAPTERS,
    "adapter_name": _NO_ADAPTERS,
    "distributed_config": _ONE_PROCESS,
    "device_mesh": _ONE_PROCESS,
    "tp_plan": _ONE_PROCESS,
    "tp_size": Known(_ONE_PROCESS.advice, (1,)),
    "use_kernels": Known("litz has its own kernels; leave it out", (False,)),
    "allow_all_kernels": Known("litz has its own kernels; leave it out", (False,)),
    "kernel_config": Known("litz has its own kernels; leave it out"),
    "fusion_config": Known("litz has its own kernels; leave it out", ({},)),
    "disable_mmap": Known("weights stay mapped from their file; leave it out", (False,)),
    "key_mapping": Known("weights must have the names of their family", ({},)),
    "state_dict": Known("save the weights as safetensors, and load that folder"),
}

# AutoConfig.from_pretrained.
CONFIGURATION: dict[str, Known] = {
    name: LOADING[name]
    for name in (
        "force_download", "resume_download", "proxies", "mirror", "use_auth_token", "code_revision",
        "return_unused_kwargs",
    )
}  # fmt: skip

_NOT_COMPUTED = "this release computes logits alone"
_POSITIONS = "positions follow from the attention mask; leave it out"

# Calling a model.
CALLING: dict[str, Known] = {
    "position_ids": Known(_POSITIONS),
    "cache_position": Known(_POSITIONS),
    "past_key_values": Known("pass the whole sequence; generate() caches by itself"),
    "inputs_embeds": Known("the native engine takes token ids"),
    "labels": Known(f"a loss is not computed: {_NOT_COMPUTED}; leave it out"),
    "use_cache": without_effect("no cache is returned, and the logits do not depend on it"),
    "token_type_ids": without_effect("decoders do not read it"),
    "output_attentions": Known(f"{_NOT_COMPUTED}; leave it out", (False,)),
    "output_hidden_states": Known(f"{_NOT_COMPUTED}; leave it out", (False,)),
    "output_router_logits": Known(f"{_NOT_COMPUTED}; leave it out", (False,)),
    "num_items_in_batch": without_effect("it scales a loss, which is not computed"),
    "is_causal": Known("decoders attend to what came before; leave it out", (True,)),
    "cu_seq_lens_q": Known("pass sequences as rows, with a mask"),
    "cu_seq_lens_k": Known("pass sequences as rows, with a mask"),
    "max_length_q": Known("pass sequences as rows, with a mask"),
    "max_length_k": Known("pass sequences as rows, with a mask"),
    "seq_idx": Known("pass sequences as rows, with a mask"),
}

_NO_LOSS = Known("a loss belongs to training, and this release only infers; leave it out")
_NO_MEMORY = Known("encoders read their input alone; leave it out")

# Calling an encoder, or another model that is not generated from.
ENCODING: dict[str, Known] = {
    "labels": _NO_LOSS,
    "next_sentence_label": _NO_LOSS,
    "start_positions": _NO_LOSS,
    "end_positions": _NO_LOSS,
    "num_items_in_batch": without_effect("it scales a loss, which is not computed"),
    "use_cache": without_effect("whole sequences are read at once, so nothing is cached"),
    "past_key_values": Known("pass the whole sequence"),
    "cache_position": Known("pass position_ids"),
    "output_attentions": Known("attention scores are never stored; leave it out", (False,)),
    "head_mask": Known("all heads are computed; leave it out"),
    "encoder_hidden_states": _NO_MEMORY,
    "encoder_attention_mask": _NO_MEMORY,
    "task_type_ids": Known("ERNIE's task 0 is read; leave it out"),
}

# pipeline().
PIPELINE: dict[str, Known] = {
    name: Known("the text-generation pipeline reads texts and conversations; leave it out")
    for name in ("feature_extractor", "image_processor", "video_processor", "processor", "pipeline_class")
} | {
    "binary_output": Known("results are dictionaries; leave it out", (False,)),
    "num_workers": without_effect("inputs are read as they are needed"),
    "framework": Known("litz has its own engine; leave it out", ("pt",)),
}
