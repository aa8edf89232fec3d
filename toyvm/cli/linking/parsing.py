"""Parses GNU ld's command line into `Input`s and `LinkOptions`.

argparse cannot parse this command line: the order of inputs and options matters, long options take
one or two dashes, and values can follow an option directly or as a separate word.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import UsageError
from ...base.record import replace
from ...linker.link_options import LinkOptions
from .command_line import CommandLine
from .keywords import IGNORED
from .option_table import LONG, SHORT_FLAGS, SHORT_LISTS, SHORT_VALUES


def parse(argv: list[str]) -> CommandLine:
    """Parse the whole command line. Raises UsageError."""
    state = CommandLine()
    state.options["relax"] = True  # as GNU ld
    words = list(_expand(argv, 0))
    words.reverse()
    while words:
        word = words.pop()
        if not word.startswith("-") or word == "-":
            state.inputs.append(replace(state.modes, path=word))
        elif not _short(state, word, words):
            _long(state, word, words)
    return state


def _expand(argv: list[str], depth: int) -> Iterator[str]:
    """Replace @FILE by the words in FILE."""
    for word in argv:
        path = Path(word[1:])
        if word.startswith("@") and path.is_file():
            import shlex

            if depth > 16:
                raise UsageError(f"{word}: response files are nested too deeply")
            try:
                found = shlex.split(path.read_text(errors="surrogateescape"))
            except ValueError as error:
                raise UsageError(f"{word}: {str(error).lower()}") from None
            yield from _expand(found, depth + 1)
        else:
            yield word


def _value(word: str, rest: str, words: list[str]) -> str:
    """The value of an option: the rest of its word, or the next word."""
    if rest:
        return rest
    if not words:
        raise UsageError(f"option '{word}' needs a value")
    return words.pop()


def _short(state: CommandLine, word: str, words: list[str]) -> bool:
    """Parse a one-letter option.

    Returns False for another option, such as a long option with one dash.
    """
    if word.startswith("--") or _split(word)[0] in LONG or word[1:] in LONG:
        return False
    letter, rest = word[1], word[2:]
    if letter == "l":
        state.inputs.append(replace(state.modes, library=_value(word, rest, words)))
    elif letter in SHORT_LISTS:
        state.add(SHORT_LISTS[letter], _value(word, rest, words))
    elif letter in SHORT_VALUES:
        SHORT_VALUES[letter](state, _value(word, rest, words))
    elif not rest and letter in SHORT_FLAGS:
        SHORT_FLAGS[letter](state)
    else:
        return False
    return True


def _split(word: str) -> tuple[str, str | None]:
    name, equals, value = word.lstrip("-").partition("=")
    return name, value if equals else None


def _whole(name: str) -> str:
    """The option that `name` begins, if all that begin with it do the same; otherwise `name`."""
    found = [known for known in (*LONG, *IGNORED) if known.startswith(name)] if len(name) > 1 else []
    return found[0] if len({LONG.get(known) or known for known in found}) == 1 else name


def _long(state: CommandLine, word: str, words: list[str]) -> None:
    name, value = _split(word)
    if name not in LONG and name not in IGNORED:
        name = _whole(name)
    if name not in LONG:
        if name in IGNORED:
            if IGNORED[name] and value is None:
                _value(word, "", words)
            return
        from ...base.diagnostics import did_you_mean

        raise UsageError(f"unrecognized option '{word}'. {did_you_mean(name, LONG)}".rstrip())
    kind, act = LONG[name]
    if kind == "value":
        act(state, value if value is not None else _value(word, "", words))
    elif kind == "optional":
        act(state, value or "")
    else:
        act(state, "")


def _script(path: str, folders: list[str]) -> tuple[str, str]:
    """(path, text) of a linker script, which is looked for in the folders of -L, too."""
    from ...base.resources import read_input

    found = next((p for p in (path, *(os.path.join(f, path) for f in folders)) if os.path.isfile(p)), path)
    try:
        return found, read_input(found).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError(f"cannot open linker script file {path}: {error.strerror}") from None


def link_options(state: CommandLine) -> LinkOptions:
    """The options for the linker. Raises UsageError if they contradict each other."""
    lists: dict[str, object] = {name: tuple(values) for name, values in state.lists.items()}
    lists["defsyms"] = tuple(
        (text.partition("=")[0], text.partition("=")[2]) for text in state.lists.get("defsyms", [])
    )
    paths = state.lists.get("scripts") or ([state.default_script] if state.default_script else [])
    folders = state.lists.get("library_path", [])
    lists["scripts"] = tuple(_script(path, folders) for path in paths)
    lists["orderings"] = tuple(_script(path, folders) for path in state.lists.get("orderings", []))
    for name in ("rpath", "rpath_link"):
        lists[name] = tuple(part for text in state.lists.get(name, []) for part in text.split(":"))
    options = LinkOptions(**(state.options | lists))  # type: ignore[arg-type]  # a table of options has values of all types
    options = replace(options, output=state.output, section_starts=state.starts)
    if not options.define_commons and not options.shared:
        raise UsageError("--no-define-common may not be used without -shared")
    if options.common_page > options.page and "common_page" in state.options:
        pages = f"common page size ({options.common_page:#x}) > maximum page size ({options.page:#x})"
        raise UsageError(pages)
    if options.static and options.kind == "shared":
        raise UsageError("-static and -shared may not be used together")
    return options
