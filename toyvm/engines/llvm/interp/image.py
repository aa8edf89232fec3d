"""The machine code of the interpreter with its decoding table: made once, and kept in the cache.

The image has no absolute address, so it is loaded by copying it.
"""

from __future__ import annotations

import marshal

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.resources import marshalled

from ..native_code import CodeArena
from ..translator import IMAGE

if TYPE_CHECKING:
    from ..translator import Translator

_KEY = b"interpreter"
_SHARED = "interpreter"  # its name in `Translator.shared`
_MOST = 4 << 20  # bytes of an image
# The functions that Python needs: where native code enters and leaves the interpreter, and two handlers.
NAMES = ("start", "left", "decode", "sought")


class InterpreterImage:
    """The image in executable memory: its address, that of its decoding table, and of each function of `NAMES`."""

    def __init__(self, content: bytes, table: int, places: dict[str, int]):
        self._arena = CodeArena(len(content))
        self._arena.place(content)
        self.address = self._arena.base
        self.table = self.address + table
        self.functions = {name: self.address + place for name, place in places.items()}


def cached(translator: Translator) -> InterpreterImage | None:
    """The image that another engine has loaded, or the one from the cache."""
    image = translator.shared.get(_SHARED)
    if image is None and (found := translator.cached(IMAGE, _KEY)) is not None:
        image = translator.shared[_SHARED] = InterpreterImage(*marshal.loads(found[2]))
    assert image is None or isinstance(image, InterpreterImage)
    return image


def make(translator: Translator) -> InterpreterImage:
    """Compile the image, and cache it. Raises MemoryError if the host is short of memory."""
    from .handler_table import HandlerModule  # imports the table and the printers

    module = HandlerModule()
    arena = CodeArena(_MOST)
    symbols = arena.load(translator.compile(module.often()))
    assert symbols is not None
    rest = arena.load(translator.compile(module.rarely(), quick=True), symbols)
    assert rest is not None
    symbols.update(rest)
    code = arena.contents()
    code += bytes(-len(code) % 16)
    table = module.table(lambda name: symbols[name] - arena.base)
    image = code + table, len(code), {name: symbols[name] - arena.base for name in NAMES}
    translator.keep(IMAGE, _KEY, marshalled(image))
    made = translator.shared[_SHARED] = InterpreterImage(*image)
    return made
