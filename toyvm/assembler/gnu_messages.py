"""Messages in the shape of GNU as, for editors and build tools that parse them (--gnu-messages).

    hello.s: Assembler messages:
    hello.s:3: Error: unrecognized opcode `frob a0,a1'

A message has the words of GNU as where `Problem.gnu` gives them, else those of this assembler. In these
words `{statement}` is the statement, `{mnemonic}` its first word, `{operands}` the rest, and they may begin with a severity.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..base.diagnostics import Diagnostic
    from ..elf.architecture.isa_strings import Arch
    from .problems import Problem

_SEVERITIES = {"error": "Error", "warning": "Warning"}
_SPACE = re.compile(r"\s+")
_AROUND = re.compile(r"\s*([,()+*/|&^-])\s*")
STATEMENT, OPERANDS, MNEMONIC = "{statement}", "{operands}", "{mnemonic}"
_SAID = re.compile(r"(?:Fatal error|Error|Warning): ")


def header(file: str) -> str:
    """The line before all messages."""
    return f"{file}: Assembler messages:" if file else "Assembler messages:"


def shaped(diagnostic: Diagnostic, problem: Problem, line: str) -> str:
    """A diagnostic in the words of GNU as; `line` is the statement that `{statement}` stands for."""
    span = diagnostic.span
    severity = _SEVERITIES.get(diagnostic.severity, diagnostic.severity)
    head = f"{span.file}:{span.line}" if problem.placed else span.file
    lines = []
    first = problem.gnu or diagnostic.message.split("\n")[0]
    for text in (first, problem.also) if problem.also else (first,):
        if "{" in text:
            whole = scrubbed(line)
            mnemonic, _, operands = whole.partition(" ")
            text = text.replace(STATEMENT, whole).replace(OPERANDS, operands).replace(MNEMONIC, mnemonic)
        lines.append(f"{head}: {text}" if _SAID.match(text) else f"{head}: {severity}: {text}")
    for place, note in diagnostic.related:
        shown = "macro invoked from here" if "macro" in note else note
        lines.append(f"{place.file}:{place.line}:  Info: {shown}")
    return "\n".join(lines)


def scrubbed(line: str) -> str:
    """A statement as GNU as prints it: without its label, one blank behind the mnemonic and none around commas."""
    line = re.sub(r"^\s*([\w.$]+:\s*)*", "", line).strip()
    word, _, rest = _SPACE.sub(" ", line).partition(" ")
    rest = _AROUND.sub(r"\1", rest).strip()
    return f"{word} {rest}" if rest else word


_WHOLE = {
    "F": "`f' or `zfinx'",
    "D": "`d' or `zdinx'",
    "Q": "`q' or `zqinx'",
    "Zfh": "`zfh' or `zhinx'",
    "Zmmul": "`m' or `zmmul'",
    "Zaamo": "`a'",
    "Zalrsc": "`a'",
    "Zve32x": "`v' or `zve64x' or `zve32x'",
    "Zve64x": "`v' or `zve64x' or `zve32x'",
    "Zve32f": "`v' or `zve64d' or `zve64f' or `zve32f'",
    "Zca": "`c'",
}
_WIDE = {"D": "zdinx", "Q": "zqinx"}


def required(ext: str, arch: Arch) -> str:
    """The extensions that an instruction needs, in quotes, as GNU as names those that are missing."""
    first, _, second = ext.partition(" and ")
    if first == "Zfhmin" and second in _WIDE:
        letter, inx = second.lower(), _WIDE[second]
        for has, needs in (("zfhmin", letter), (letter, "zfhmin"), ("zhinxmin", inx), (inx, "zhinxmin")):
            if arch.has(has):
                return f"`{needs}'"
        return f"`zfhmin' and `{letter}', or `zhinxmin' and `{inx}'"
    if ext in ("Zcd", "Zcf"):
        letter = ext[2]
        return "`c'" if arch.has(letter) else f"`{letter}'" if arch.has("c") else f"`{letter}' and `c'"
    if second and second.lower() == "h" and arch.has("h"):
        return f"`{first.lower()}'"
    if second and arch.has(first.lower()):
        return f"`{second.lower()}'"
    return _WHOLE.get(ext) or re.sub(r"\b(?!or\b|and\b)(\w+)\b", lambda match: f"`{match[1].lower()}'", ext)
