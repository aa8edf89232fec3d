"""Why the bytes, the sections and the addresses of a linked program are what they are, as values.

`explain_relocation`, `explain_relocations`, `RelocationExplainer` and `SectionExplainer` take a `LinkResult` that has kept
its history (`build_program(..., keep_history=True).link`, or `LinkOptions(keep_history=True)`); `explain_address` and
`compare_images` take ELF files; `size_tree` and `file_size_tree` measure a link or a file. `tree` makes JSON of the values.
Names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .address_explanations import explain_address
    from .image_differences import compare_images
    from .relocations.relocation_explanations import (
        RelocationExplainer,
        explain_relocation,
        explain_relocations,
    )
    from .section_explanations import SectionExplainer
    from .size_areas import file_size_tree, size_tree
    from .values import tree

_HOMES = {
    "RelocationExplainer": "relocations.relocation_explanations",
    "SectionExplainer": "section_explanations",
    "compare_images": "image_differences",
    "explain_address": "address_explanations",
    "explain_relocation": "relocations.relocation_explanations",
    "explain_relocations": "relocations.relocation_explanations",
    "file_size_tree": "size_areas",
    "size_tree": "size_areas",
    "tree": "values",
}

__all__ = [
    "RelocationExplainer",
    "SectionExplainer",
    "compare_images",
    "explain_address",
    "explain_relocation",
    "explain_relocations",
    "file_size_tree",
    "size_tree",
    "tree",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'toyvm.explain' has no attribute '{name}'")
