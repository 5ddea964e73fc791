"""Weights that PyTorch pickled, read as data: tensors alone, no code of the file runs, no name in it is imported."""

from litz.pickles.conversion import as_safetensors

__all__ = ["as_safetensors"]
