"""Settings of transformers by name, and their effect here: one table for each kind."""

from litz.tokenizers.special_tokens import STANDARD

# Keys of tokenizer_config.json that never change what a tokenizer does, by the reason.
_BY_REASON = {
    "which code loads the tokenizer, or from where": """tokenizer_class auto_map processor_class name_or_path
    init_inputs backend is_local local_files_only files_loaded device_map from_slow use_fast trust_remote_code
    tokenizer_file vocab_file merges_file added_tokens_file special_tokens_map_file slow_tokenizer_class subfolder
    transformers_version model_type tokenizer_type tokenizer_version vocab_size language _commit_hash""",
    "an argument of calls, which take it from the caller alone": """max_length stride truncation_strategy truncation
    padding pad_to_multiple_of pad_token_type_id return_tensors return_token_type_ids return_attention_mask verbose
    add_special_tokens""",
    "an option of the programs that wrote the vocabulary, in whose file it is": """sp_model_kwargs errors unk_id
    vocab_type remove_space keep_accents normalize do_basic_tokenize never_split trim_offsets extra_ids
    wordpieces_prefix clean_text split_by_punct do_word_tokenize do_subword_tokenize word_tokenizer_type
    subword_tokenizer_type mecab_kwargs sudachi_kwargs jumanpp_kwargs""",
    "ids, which follow from the tokens": """bos_token_id eos_token_id unk_token_id sep_token_id pad_token_id
    cls_token_id mask_token_id additional_special_tokens_ids""",
    "read by Python tokenizers only": "spaces_between_special_tokens tokenize_special_tokens",
    "for chats, which go by the chat template": """use_default_system_prompt response_template response_schema
    chat_control_tokens default_chat_template""",
    "of models whose inputs are no plain text": """cls_token_box sep_token_box pad_token_box pad_token_label
    only_label_first_subword image_processor max_image_size image_seq_len""",
}  # fmt: skip
WITHOUT_EFFECT = frozenset(key for keys in _BY_REASON.values() for key in keys.split())

# What a caller may pass over the files, as the files have it.
SETTINGS = frozenset([
    *STANDARD, "extra_special_tokens", "additional_special_tokens", "model_max_length",
    "max_len", "padding_side", "truncation_side", "chat_template", "clean_up_tokenization_spaces",
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", "split_special_tokens",
    "model_input_names", "name_or_path", "add_bos_token", "add_eos_token", "add_prefix_space", "legacy",
    "do_lower_case", "strip_accents", "tokenize_chinese_chars", "added_tokens_decoder", "model_specific_special_tokens",
])  # fmt: skip
# Arguments of loading without effect here, with the values that are accepted.
NEUTRAL: dict[str, tuple[object, ...]] = {
    "force_download": (False, None),
    "resume_download": (False, True, None),
    "proxies": (None,),
    "config": (None,),
    "tokenizer_type": (None,),
    "mistral_format": (False, None),
    "fix_mistral_regex": (False, None),
    "code_revision": (None,),
    "use_auth_token": (None,),
    "verbose": (False, True, None),
    "from_slow": (False, None),
    "fast": (True, None),
    "use_default_system_prompt": (False, None),
    "errors": ("replace", None),
    "sp_model_kwargs": ({}, None),
    "spaces_between_special_tokens": (True, False, None),
    "_from_auto": (True, False, None),
    "_commit_hash": (None,),
}
