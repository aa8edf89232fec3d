"""Directives that put bytes into a section: numbers, strings, padding, whole files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from toyvm.base.bits import M64
from toyvm.elf.leb128 import sleb128, uleb128
from toyvm.relocations import R

from ..encode import split
from ..expressions import combine
from ..grammar import Expr, number, parse_expression
from ..problems import MAX_ALIGNMENT_LOG2, MAX_SECTION_BYTES, Problem
from ..sections import Fix, Linear, Part, PartKind, ZeroBytes, may_relax
from ..state import AssemblyState
from ..statements import joined, split_operands, unquote

Directive = Callable[[AssemblyState, str], None]
NOP = (0x13).to_bytes(4, "little")
SHORT_NOP = b"\x01\0"
_EXPRESSIONS: dict[str, Expr] = {}


def _is_small_negative(value: int, mask: int) -> bool:
    """Whether a positive number is a small negative one in two's complement, of 64 bits or of as many as it has."""
    if value < 0:
        return False
    bits = max(64, -(-value.bit_length() // 16) * 16)
    return value >> (bits - 1) == 1 and value - (1 << bits) >= -mask - 1


def expression(text: str) -> Expr:
    """`parse_expression` with a cache for short texts."""
    found = _EXPRESSIONS.get(text)
    if found is None:
        found = parse_expression(text)
        if len(_EXPRESSIONS) < 100_000 and len(text) < 100:
            _EXPRESSIONS[text] = found
    return found


def data(size: int) -> Directive:
    """`.byte`, `.half`, `.word`, `.dword` and their synonyms: numbers of `size` bytes."""
    mask = (1 << 8 * size) - 1

    def directive(state: AssemblyState, rest: str) -> None:
        state.mark("d")
        chunk = state.chunk
        out = bytearray()
        for piece in split_operands(rest):
            expr = expression(piece)
            if not isinstance(expr, int):
                chunk.data += bytes(out)  # `.` is the place of this number
                out.clear()
            value = expr if isinstance(expr, int) else state.evaluate(expr)
            if isinstance(value, int):
                if not -mask <= value <= mask and not _is_small_negative(value, mask):
                    shown = value if value >= 0 else value & M64
                    state.warn(f"value {shown:#x} truncated to {value & mask:#x}", piece)
                out += (value & mask).to_bytes(size, "little")
                continue
            linear = value if isinstance(value, Linear) else split(state, expr)
            chunk.fixes.append(Fix(len(chunk.data), -size, *linear, False, state.where))
            out += bytes(size)
        chunk.check_room(len(out))
        chunk.data += bytes(out)

    return directive


def octa(state: AssemblyState, rest: str) -> None:
    """`.octa`: numbers of 16 bytes, constants only."""
    state.mark("d")
    for piece in split_operands(rest):
        match = _LONG_NUMBER.fullmatch(piece)
        value = _long(*match.groups()) if match else state.number_of(piece, "a .octa value")
        state.chunk.data += (value & ((1 << 128) - 1)).to_bytes(16, "little")


# A number that may have more than the 64 bits of an expression, with the operators that gas applies to such numbers.
_LONG_NUMBER = re.compile(r"([~+-]*)\s*(0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)")


def _long(operators: str, digits: str) -> int:
    value = number(digits)
    for operator in reversed(operators):
        value = ~value if operator == "~" else -value if operator == "-" else value
    return value


def dtprel(size: int, type: R) -> Directive:
    """`.dtprelword`, `.dtpreldword`: the offset of a thread-local symbol in its module's block."""

    def directive(state: AssemblyState, rest: str) -> None:
        for piece in split_operands(rest):
            linear = split(state, parse_expression(piece))
            chunk = state.chunk
            chunk.fixes.append(Fix(len(chunk.data), type, *linear, False, state.where))
            chunk.data += bytes(size)

    return directive


def leb128(signed: bool) -> Directive:
    """`.uleb128`, `.sleb128`: numbers, and distances of labels, which may be known only at the end."""
    encode = sleb128 if signed else uleb128

    def directive(state: AssemblyState, rest: str) -> None:
        state.mark("d")
        for piece in split_operands(rest):
            value = state.evaluate(parse_expression(piece))
            number = None if may_relax(value) else state.fixed(value)
            chunk = state.chunk
            if number is not None:
                chunk.data += encode(number if signed else number & M64)
                continue
            if isinstance(chunk.data, ZeroBytes):
                raise Problem("a number cannot be put into a section without contents (@nobits)", piece)
            part = Part(
                len(chunk.data),
                chunk.frag + 1,
                PartKind.LEB128,
                addend=signed,
                where=state.where,
                target=value,
            )
            chunk.stretch(part)

    return directive


def strings(ending: bytes) -> Directive:
    """`.ascii`, `.asciz`, `.string`: strings, each followed by `ending`."""

    def directive(state: AssemblyState, rest: str) -> None:
        state.mark("d")
        text = b"".join([joined(piece) + ending for piece in split_operands(rest)])
        state.chunk.check_room(len(text))
        state.chunk.data += text

    return directive


def wide_strings(size: int) -> Directive:
    """`.string16`, `.string32`, `.string64`: each byte of a string as a number of `size` bytes, and a zero."""

    def directive(state: AssemblyState, rest: str) -> None:
        state.mark("d")
        for piece in split_operands(rest):
            for byte in joined(piece) + b"\0":
                state.chunk.data += byte.to_bytes(size, "little")

    return directive


def skip(state: AssemblyState, rest: str) -> None:
    """`.skip size, fill` (`.space`, `.zero`)."""
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 2:
        raise Problem("this takes a size and an optional fill byte", expected="size, fill")
    fill = bytes((state.number_of(pieces[1], "the fill") & 0xFF,)) if len(pieces) == 2 else b"\0"
    expr = parse_expression(pieces[0])
    value = state.evaluate(expr)
    count = state.fixed(value)
    chunk = state.chunk
    state.mark("d")
    if count is None:
        part = Part(
            len(chunk.data), chunk.frag + 1, PartKind.SPACE, where=state.where, fill=fill, target=value
        )
        chunk.stretch(part)
        return
    if count < 0:
        state.warn(".space repeat count is negative, ignored", pieces[0])
        return
    chunk.skip(count, fill)
    chunk.frag += 1


def fill(state: AssemblyState, rest: str) -> None:
    """`.fill repeat, size, value`: the value has at most 4 bytes, and the size is at most 8."""
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 3:
        raise Problem(".fill takes a count, a size and a value", expected="repeat, size, value")
    numbers = [state.number_of(piece, "an operand of .fill") if piece else None for piece in pieces[1:]]
    size, value = [*numbers, None, None][:2]
    size, value = 1 if size is None else size, value or 0
    times = state.evaluate(parse_expression(pieces[0])) if pieces[0] else 1
    repeat = state.fixed(times)
    if size < 0 or (repeat is not None and repeat < 0):
        state.warn("negative count or size in .fill, ignored")
        return
    if size > 8:
        state.warn(".fill size clamped to 8", pieces[1])
        size = 8
    state.mark("d")
    pattern, chunk = (value & 0xFFFFFFFF).to_bytes(8, "little")[:size], state.chunk
    if repeat is not None:
        chunk.skip(repeat, pattern)
        chunk.frag += 1
        return
    part = Part(
        len(chunk.data),
        chunk.frag + 1,
        PartKind.SPACE,
        where=state.where,
        fill=pattern or b"\0",
        target=combine("*", times, size),
    )
    chunk.stretch(part)


def repeat_count(state: AssemblyState, text: str) -> int:
    """The count of a repeated value. Raises Problem if it is negative or not known here."""
    count = state.number_of(text, "the count")
    if count < 0:
        raise Problem(f"count {count} is negative", text)
    return count


def repeated(size: int) -> Directive:
    """`.dcb.w count, value` and the other sizes: a number of `size` bytes, `count` times (0 without a value)."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        if not 1 <= len(pieces) <= 2:
            raise Problem("this takes a count and a value", expected="count, value")
        count = repeat_count(state, pieces[0])
        value = state.number_of(pieces[1], "the value") if len(pieces) > 1 else 0
        state.mark("d")
        state.chunk.skip(count, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    return directive


def reserved(size: int) -> Directive:
    """`.ds.w count, fill` and the other sizes: room for `count` numbers of `size` bytes."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        if not 1 <= len(pieces) <= 2:
            raise Problem("this takes a count and an optional fill", expected="count, fill")
        count = state.number_of(pieces[0], "the count")
        value = state.number_of(pieces[1], "the fill") if len(pieces) > 1 else 0
        if count <= 0:
            state.warn(f"count {count} of numbers to reserve is not positive, ignored", pieces[0])
            return
        state.mark("d")
        state.chunk.skip(count, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    return directive


def align(power: bool, width: int = 1) -> Directive:
    """`.align .p2align` (`power`: a power of two) and `.balign` (bytes), with a fill of `width` bytes."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        if len(pieces) > 3:
            raise Problem(
                "an alignment takes at most a fill and a limit after it",
                pieces[3],
                expected="alignment, fill, limit",
            )
        number = state.number_of(pieces[0], "the alignment") if pieces and pieces[0] else 0
        log2 = number if power else _log2(number)
        if not 0 <= log2 <= MAX_ALIGNMENT_LOG2:
            raise Problem(
                f"alignment of 2**{log2} bytes is not in 2**0..2**{MAX_ALIGNMENT_LOG2}",
                pieces[0],
                expected=f"0 to {MAX_ALIGNMENT_LOG2}" if power else f"1 to {1 << MAX_ALIGNMENT_LOG2}",
            )
        given = state.number_of(pieces[1], "the fill") if len(pieces) > 1 and pieces[1] else None
        limit = state.number_of(pieces[2], "the limit") if len(pieces) > 2 and pieces[2] else 0
        pattern = None if given is None else (given & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        align_here(state, 1 << log2, pattern, limit)

    return directive


def _log2(number: int) -> int:
    if number & (number - 1) or number < 0:
        raise Problem(f"alignment {number} is not a power of two", str(number), expected="a power of two")
    return max(number.bit_length() - 1, 0)


def align_here(state: AssemblyState, alignment: int, pattern: bytes | None, limit: int) -> None:
    """Pad the current place to `alignment`, in code with nops unless there is a `fill`.

    If relaxation is on, code gets the maximum number of nops and an R_RISCV_ALIGN, and the linker
    deletes the surplus (gas: riscv_frag_align_code). An alignment up to the length of the shortest
    instruction needs no padding.
    """
    chunk = state.chunk
    section = chunk.section
    section.align = max(section.align, alignment)
    if alignment == 1:
        return
    code = section.is_code and pattern is None
    shortest = 2 if state.modes.rvc else 4
    if code and alignment <= shortest:
        return
    if code and state.modes.relax:
        state.mark("x", padding=True)
        count = alignment - shortest
        chunk.check_room(count)
        chunk.fixes.append(Fix(len(chunk.data), R.ALIGN, None, None, count, False, state.where))
        chunk.data += nops(count)
        chunk.frag += 1
        return
    state.mark("x" if code else "d", padding=True)
    filling = None if code else pattern or b"\0"
    odd = code and len(chunk.data) & 1  # such padding gets its mapping symbols at the end
    if not chunk.parts and chunk.number == 0 and not odd:
        _pad(state, alignment, filling, limit)
        chunk.frag += 1
        return
    part = Part(
        len(chunk.data),
        chunk.frag + 1,
        PartKind.ALIGN,
        addend=alignment,
        where=state.where,
        fill=filling,
        limit=limit,
    )
    chunk.stretch(part)


def _pad(state: AssemblyState, alignment: int, filling: bytes | None, limit: int) -> None:
    """Pad a chunk whose offsets are known up to here."""
    from ..layout.section_layout import pattern

    chunk = state.chunk
    size = -len(chunk.data) % alignment
    if limit and size > limit:
        return
    if isinstance(chunk.data, ZeroBytes) or (filling is not None and len(filling) == 1):
        chunk.skip(size, filling or b"\0")
    else:
        chunk.data += nops(size) if filling is None else pattern(filling, size)


def nops(size: int) -> bytes:
    """`size` bytes of padding in code: nops, after a zero byte and a 2-byte nop if the size requires them.

    gas: riscv_make_nops.
    """
    return bytes(size % 2) + (SHORT_NOP if size & 2 else b"") + NOP * (size // 4)


def org(state: AssemblyState, rest: str) -> None:
    """`.org place, fill`: pad up to an offset of the section."""
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 2:
        raise Problem(".org takes an offset and an optional fill byte", expected="place, fill")
    byte = bytes((state.number_of(pieces[1], "the fill") & 0xFF,)) if len(pieces) == 2 else b"\0"
    value = state.evaluate(parse_expression(pieces[0]))
    if isinstance(value, int) and not 0 <= value <= MAX_SECTION_BYTES:
        raise Problem(f".org {value} is not in 0..{MAX_SECTION_BYTES}", pieces[0])
    chunk = state.chunk
    if isinstance(chunk.data, ZeroBytes) and isinstance(value, int) and value >= len(chunk.data):
        chunk.skip(value - len(chunk.data), byte)
        return
    chunk.stretch(
        Part(len(chunk.data), chunk.frag + 1, PartKind.ORG, where=state.where, fill=byte, target=value)
    )


def incbin(state: AssemblyState, rest: str) -> None:
    """`.incbin "file", skip, count`: the bytes of a file."""
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 3:
        raise Problem(".incbin takes a file, bytes to skip and a count", expected='"file", skip, count')
    name = unquote(pieces[0]).decode("utf-8", "surrogateescape")
    path, contents = find_file(state, name, pieces[0], MAX_SECTION_BYTES)
    start = state.number_of(pieces[1], "the skip") if len(pieces) > 1 and pieces[1] else 0
    count = state.number_of(pieces[2], "the count") if len(pieces) > 2 else None
    if not 0 <= start <= len(contents) or (count is not None and not 0 <= count <= len(contents) - start):
        raise Problem(
            f"skip {start} and count {count} do not fit the {len(contents)} bytes of {path}", pieces[0]
        )
    state.mark("d")
    state.chunk.check_room(len(contents))
    state.chunk.data += contents[start : None if count is None else start + count]


def find_file(state: AssemblyState, name: str, at: str, largest: int) -> tuple[str, bytes]:
    """Path and contents of file `name`: in the current folder, in a folder of -I, or beside the including file.

    Raises Problem, also for a file of more than `largest` bytes.
    """
    here = Path(state.source.place(state.where)[0]).parent
    folders = (Path("."), *map(Path, state.options.include_dirs), here)
    files = state.options.files
    if files is not None:
        places = (os.path.normpath(folder / name) for folder in folders)
        found = next((place for place in places if place in files), None)
        if found is None:
            known = ", ".join(sorted(files)[:8])
            message = f"there is no file '{name}' among those given with the source"
            raise Problem(message, at, expected=f"one of {known}" if known else "")
        return found, files[found]
    for folder in folders if "\0" not in name else ():
        path = folder / name
        try:
            if not path.is_file():
                continue
            size = path.stat().st_size
        except OSError:
            break  # an invalid file name
        if size > largest:
            raise Problem(f"{path}: {size} bytes; the limit is {largest}", at)
        return str(path), path.read_bytes()
    raise Problem(
        f"cannot find the file '{name}'",
        at,
        expected="a file here or in a folder given by -I",
        gnu=f"unable to include `{name}'" if name.endswith("/") else f"file not found: {name}",
    )


SIZES = {
    **dict.fromkeys((".byte", ".1byte", ".dc.b"), 1),
    **dict.fromkeys((".half", ".hword", ".short", ".2byte", ".dc", ".dc.w"), 2),
    **dict.fromkeys((".word", ".long", ".int", ".4byte", ".dc.l"), 4),
    **dict.fromkeys((".dword", ".quad", ".8byte", ".dc.a"), 8),
}
"""The directives for numbers, and the size of a number in bytes."""

DATA: dict[str, Directive] = {
    **{name: data(size) for name, size in SIZES.items()},
    ".octa": octa,
    ".dtprelword": dtprel(4, R.TLS_DTPREL32),
    ".dtpreldword": dtprel(8, R.TLS_DTPREL64),
    ".uleb128": leb128(signed=False),
    ".sleb128": leb128(signed=True),
    ".ascii": strings(b""),
    **dict.fromkeys((".asciz", ".string", ".string8"), strings(b"\0")),
    ".string16": wide_strings(2),
    ".string32": wide_strings(4),
    ".string64": wide_strings(8),
    **dict.fromkeys((".skip", ".space", ".zero"), skip),
    ".fill": fill,
    **dict.fromkeys((".dcb", ".dcb.w"), repeated(2)),
    ".dcb.b": repeated(1),
    ".dcb.l": repeated(4),
    ".ds.b": reserved(1),
    **dict.fromkeys((".ds", ".ds.w"), reserved(2)),
    **dict.fromkeys((".ds.l", ".ds.s"), reserved(4)),
    ".ds.d": reserved(8),
    **dict.fromkeys((".ds.p", ".ds.x"), reserved(12)),
    **dict.fromkeys((".align", ".p2align"), align(True)),
    ".p2alignw": align(True, 2),
    ".p2alignl": align(True, 4),
    ".balign": align(False),
    ".balignw": align(False, 2),
    ".balignl": align(False, 4),
    ".org": org,
    ".incbin": incbin,
}
