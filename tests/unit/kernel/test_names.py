"""Names inside the kernel: no two modules and no two classes have the same one."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import toyvm.kernel

MODULES = sorted(Path(toyvm.kernel.__file__).parent.rglob("*.py"))


def test_no_module_name_occurs_twice() -> None:
    names = Counter(path.stem for path in MODULES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_no_class_name_occurs_twice() -> None:
    trees = [ast.parse(path.read_text()) for path in MODULES]
    names = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []
