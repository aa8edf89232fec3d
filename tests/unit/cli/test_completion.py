"""`toyvm completion`: scripts that the shells accept, with every command and every option of a run in them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.harness import toyvm
from toyvm.cli import COMMANDS, completion
from toyvm.run_options import RECLAIM_POLICIES, CommandOptions


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_script_has_every_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert completion.main([shell]) == 0
    script = capsys.readouterr().out
    for word in (*COMMANDS, *RECLAIM_POLICIES):
        assert word in script
    for row in CommandOptions.rows.values():
        for flag in row.flags:
            assert flag.lstrip("-") in script
    if shutil.which(shell):
        subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True)


def test_bash_completes_an_option() -> None:
    pytest.importorskip("shtab")
    script = toyvm("completion", "bash").stdout.decode()
    ask = 'COMP_WORDS=(toyvm run --recl); COMP_CWORD=2; _shtab_toyvm; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "--reclaim"


def test_without_shtab_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    with pytest.raises(completion.UsageError, match="shtab is not installed"):
        completion.main(["bash"])
