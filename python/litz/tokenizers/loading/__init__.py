"""From a model's files, or a tokenizer.json alone, to a backend and its settings.

files (the whole way), building (with what a caller passed), model_files (which files describe the tokenizer), settings
and side_files (the files beside them, key by key), named_tokens (special tokens), class_keys (what a class adds),
vocabularies (files to a backend).
"""
