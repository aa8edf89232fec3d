"""Sessions of gdb with `toyvm gdbserver`: commands, and what each must print.

TOYVM_GDB names another gdb than gdb-multiarch.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GDB = os.environ.get("TOYVM_GDB", "gdb-multiarch")
_MARK = "@@@"
_SETTINGS = ("set pagination off", "set confirm off", "set width 0", "set breakpoint pending off")
_LIMIT = 300  # seconds, for a session that hangs


@dataclass(frozen=True)
class Done:
    """What a session has left: what gdb printed after each command, and what the server printed."""

    printed: list[str]
    stdout: bytes
    stderr: str

    @property
    def instructions(self) -> int:
        """The length of the run."""
        found = re.search(r"the run ended after ([\d,]+) instructions", self.stderr)
        assert found, self.stderr
        return int(found[1].replace(",", ""))


def session(
    folder: Path, program: Sequence[str | Path], commands: Sequence[str], connect: str = "target remote"
) -> Done:
    """Run `toyvm gdbserver PROGRAM`, and gdb with these commands."""
    door = folder / "door"
    server = [sys.executable, "-m", "toyvm", "gdbserver", "--socket", str(door), *map(str, program)]
    with subprocess.Popen(
        server, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_ROOT
    ) as process:
        assert process.stderr is not None
        said = b""
        while b"waits for a debugger" not in said:  # also if it prints something else before
            line = process.stderr.readline()
            assert line, said.decode()
            said += line
        words = [word for command in _SETTINGS for word in ("-ex", command)]
        for command in (f"{connect} {door}", *commands):
            words += ["-ex", f"echo {_MARK}\\n", "-ex", command]
        done = subprocess.run(
            [GDB, "-batch", "-nx", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=_ROOT,
            timeout=_LIMIT,
        )
        stdout, stderr = process.communicate(timeout=_LIMIT)
    printed = done.stdout.decode(errors="replace").split(f"{_MARK}\n")[1:]
    return Done(printed, stdout, (said + stderr).decode(errors="replace"))


_ROOT = Path(__file__).parents[2]


def check(
    folder: Path,
    program: Sequence[str | Path],
    script: Sequence[tuple[str, str]],
    connect: str = "target remote",
) -> Done:
    """Run a session, and look for the regular expression beside each command in what it printed; "" is not looked for."""
    done = session(folder, program, [command for command, _ in script], connect)
    assert len(done.printed) == 1 + len(script), done.printed
    wrong = [
        f"({command}) printed\n{text}\nnot /{wanted}/"
        for (command, wanted), text in zip(script, done.printed[1:], strict=True)
        if not re.search(wanted, text, re.MULTILINE | re.DOTALL)
    ]
    assert not wrong, "\n\n".join(wrong) + "\n\nthe session:\n" + "\n".join(done.printed)
    return done
