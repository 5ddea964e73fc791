"""From a model's files, or a tokenizer.json alone, to a backend and its settings.

pretrained (the whole way), model_files (which files describe the tokenizer), settings and side_files (what lies beside
them, key by key), named_tokens (special tokens), class_keys (what a class adds), vocabularies (files to a backend).
"""
