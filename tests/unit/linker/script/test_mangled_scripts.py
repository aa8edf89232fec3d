"""Scripts with mistakes: a link by one ends with an image or with a message, soon, and without much memory."""

from __future__ import annotations

import random
import re
import time

import pytest

from tests.support.scripts_to_compare import OBJECTS, SCRIPTS
from tests.support.small_links import link_all, obj
from toyvm.base.errors import LinkError
from toyvm.elf.object_file import ObjectFile

LIMIT = 30.0  # seconds for one link, on a busy computer
LARGEST = 160 << 20  # bytes of an image

_TOKEN = re.compile(r"\s+|[A-Za-z_.$/][\w.$*?/-]*|\d\w*|\W")
_ODD = [
    "0xffffffffffff", "0x8000000000000000", "-1", "0", "1 << 63", "~0", "18446744073709551616", ".", "ADDR(.text)",
    "SIZEOF(.none)", "(", ")", "{", "}", ";", ":", ">", "AT", "*", "KEEP", "ALIGN(0)", "ALIGN(3)", 'ASSERT(0, "x")',
    "/DISCARD/", "/*", "*/", '"', "\0", "\xe9", "PROVIDE", "OVERLAY", "INCLUDE x", "1M", "1 / 0", ".data", "?",
    "QUAD(.)", "FILL(1)", "= 1", "NEXT(4096)", "INSERT AFTER .text;", "ORIGIN(NONE)", "CONSTANT(X)", "LOG2CEIL(0)",
    ". = 0xfffffffffffffff0;", "x = y; y = x;", "SUBALIGN(1 << 40)", "ALIGN(1 << 50)", ":none", "@", "TLS", "=",
]  # fmt: skip


_NUMBERS = [
    "0xffffffffffff", "0x8000000000000000", "(-1)", "0", "3", "(1 << 63)", "(~0)", "18446744073709551616", ".",
    "ADDR(.text)", "SIZEOF(.none)", "ALIGN(0)", "ALIGN(1 << 50)", "1M", "(1 / 0)", "0x100000", "none", "_start",
    "LOG2CEIL(0)", "ORIGIN(NONE)", "(. + 0x7fffffff)", "(. - 1)", "0xffffffff80000000", "val", "LOADADDR(.data)",
]  # fmt: skip


def mangled(text: str, chance: random.Random) -> str:
    """`text` with a few tokens left out, doubled, exchanged or replaced, for the reader; or with other numbers and
    names, for what comes behind the reader."""
    tokens = _TOKEN.findall(text)
    changed = _tokens if chance.random() < 0.3 else _words
    for _ in range(chance.choice([1, 1, 1, 2, 3, 6])):
        changed(tokens, chance)
        tokens = tokens or [";"]
    return "".join(tokens)


def _words(tokens: list[str], chance: random.Random) -> None:
    """Change a number or a name."""
    numbers = [i for i, token in enumerate(tokens) if token[0].isdigit()]
    names = [i for i, token in enumerate(tokens) if token[0].isalpha() or token[0] in "._"]
    if numbers and chance.random() < 0.6:
        tokens[chance.choice(numbers)] = chance.choice(_NUMBERS)
    elif names:
        one, two = chance.choice(names), chance.choice(names)
        tokens[one] = tokens[two]


def _tokens(tokens: list[str], chance: random.Random) -> None:
    """Change any token."""
    place = chance.randrange(len(tokens))
    match chance.randrange(5):
        case 0:
            del tokens[place]
        case 1:
            tokens.insert(place, tokens[place])
        case 2:
            other = chance.randrange(len(tokens))
            tokens[place], tokens[other] = tokens[other], tokens[place]
        case 3:
            tokens[place] = chance.choice(_ODD)
        case _:
            tokens.insert(place, f" {chance.choice(_ODD)} ")


@pytest.mark.parametrize("seed", range(8))
def test_mangled_scripts(seed: int) -> None:
    chance = random.Random(seed)
    objects = [obj(text, f"{name}.o") for name, text in OBJECTS.items()]
    for _ in range(40):
        script = mangled(chance.choice(list(SCRIPTS.values()))[0], chance)
        check(script, objects)


def check(script: str, objects: list[ObjectFile]) -> None:
    """An image, or a message with a place or without one."""
    begin = time.monotonic()
    try:
        result = link_all(*objects, scripts=(("test.ld", script),))
    except LinkError as error:
        assert str(error), script
    except Exception as error:
        raise AssertionError(script) from error
    else:
        assert len(result.image) < LARGEST, script
    assert time.monotonic() - begin < LIMIT, script
