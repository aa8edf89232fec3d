"""Answers as JSON: a record becomes an object, and an address or an entry a string in hexadecimal.

Numbers above 2**53 lose digits in JavaScript, so that addresses and page table entries travel as text.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from toyvm.base.record import Record

_AS_TEXT = frozenset(
    ("address", "file_value", "pc", "place", "physical", "pte", "pte_address", "pte_after", "pte_before", "value")
)  # fmt: skip


def to_json(answer: Record, schema: str = "") -> dict[str, Any]:
    """The answer as a JSON object that names its `schema`, such as `toyvm.explain.address/1`, if there is one."""
    return {"schema": schema, **_fields(answer)} if schema else _fields(answer)


def _fields(record: Record) -> dict[str, Any]:
    return {name: _value(name, getattr(record, name)) for name in record.record_fields}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Record):
        return _fields(value)
    if isinstance(value, (tuple, list)):
        return [_value(name, item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if name in _AS_TEXT and isinstance(value, int):
        return f"{value:#x}"
    return value
