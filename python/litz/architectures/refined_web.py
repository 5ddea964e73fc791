"""Falcon 40B as its first files called it: `RefinedWeb`, which meant the newer architecture without saying so."""

from dataclasses import replace

from litz.architectures import falcon

FAMILY = replace(
    falcon.FAMILY,
    defaults={**falcon.FAMILY.defaults, "new_decoder_architecture": True},
    aliases={**falcon.FAMILY.aliases, "num_key_value_heads": "n_head_kv"},
)
