"""Chains as text: chain files and presets."""

from .chain_file import ChainFile, ChainFileError, load_chain
from .digest import chain_digest
from .factory import presets
from .saving import dump_chain, save_chain

__all__ = ["ChainFile", "ChainFileError", "chain_digest", "dump_chain", "load_chain", "presets", "save_chain"]
