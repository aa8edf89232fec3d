"""The two machines that a suite runs on: riscv64 programs under qemu with the host's kernel, and toyvm.

Both show the same root folder, read-only, the same writable folder at the same path, an empty /tmp, and user 1000.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.suites.suite import Outcome, Suite

# The environment of a part. The suites print times and sort names.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/home", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}

# binfmt_misc(5): an ELF image of 64 bits, little-endian, of type EXEC or DYN, for machine 243. Flag F opens qemu now, so
# that it serves inside the root too. Since Linux 6.7 a user namespace has a binfmt_misc of its own.
_RULE = (
    r":riscv64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:"
)
_INSIDE = r"""
set -e
root=$1 work=$2 rule=$3
shift 3
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' "$rule" >/proc/sys/fs/binfmt_misc/register
mkdir -p "$root$work"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$work" "$root$work"
ip link set lo up
exec unshare --user --map-user=1000 --map-group=1000 --root="$root" --wd="$work" "$@"
"""
_SPACES = (
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--net",
    "--ipc",
    "--uts",
)


class MachineError(Exception):
    """A machine that cannot run a part at all."""


@dataclass(frozen=True)
class Qemu:
    """riscv64 programs on the host's kernel, in namespaces, each through a static qemu-riscv64."""

    root: Path
    qemu: Path
    name = "qemu"

    def run(self, suite: Suite, command: str, work: Path) -> Outcome:
        """Run a shell command in `work`."""
        variables = [f"{name}={value}" for name, value in {**ENVIRONMENT, **suite.environment}.items()]
        rule = f"{_RULE}{self.qemu}:F"
        inside = ["/bin/sh", "-c", _INSIDE, "sh", str(self.root), str(work), rule]
        outcome = _run(
            [*_SPACES, *inside, "/usr/bin/env", "-i", *variables, "/bin/bash", "-c", command],
            work,
            suite.seconds,
        )
        if re.match(r"(unshare|mount|/bin/sh): ", outcome.output):
            raise MachineError(outcome.output.strip())
        return outcome


@dataclass(frozen=True)
class Toyvm:
    """toyvm, with an engine."""

    root: Path
    engine: str = "auto"
    slower: int = 20
    name = "toyvm"

    def run(self, suite: Suite, command: str, work: Path) -> Outcome:
        """Run a shell command in `work`. It may take `slower` times as long as under qemu."""
        options = [
            "--engine",
            self.engine,
            "--date",
            "now",
            "--sysroot",
            str(self.root),
            "--root",
            f"{work}:rw",
        ]
        for name, value in {**ENVIRONMENT, **suite.environment}.items():
            options += ["-E", f"{name}={value}"]
        shell = [str(self.root / "usr/bin/bash"), "-c", command]
        return _run(
            [sys.executable, "-m", "toyvm", "run", *options, *shell], work, suite.seconds * self.slower
        )


def _run(command: Sequence[str], work: Path, seconds: int) -> Outcome:
    """Run a command with its output in one text. A command that takes longer than `seconds` is killed."""
    process = subprocess.Popen(
        command,
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        status: int | None = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = None
    return Outcome(status, output.decode("utf-8", "backslashreplace"))
