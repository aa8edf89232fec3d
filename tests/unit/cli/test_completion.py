"""`toyvm completion`: scripts that the shells accept, with every command and every option of a run in them."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import toyvm
from tests.support.oracles import require_oracle
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


# What is asked, as `> LINE` and a line a match, of a script in the file $1, in the folder $2.
BASH = """
source "$1"; cd "$2"
while IFS= read -r line; do
  echo "> $line"
  read -ra COMP_WORDS <<< "$line"
  [[ $line == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )) COMPREPLY=()
  _shtab_toyvm 2>/dev/null
  printf '%s\\n' "${COMPREPLY[@]}"
done
"""
FISH = """
source $argv[1]; cd $argv[2]
while read -l line
  echo "> $line"
  complete -C "$line" | string replace -r '\\t.*' ''
end
"""
ASKING = {
    "bash": ["bash", "--norc", "-c", BASH, "bash"],
    "zsh": ["zsh", "-f", str(Path(__file__).with_name("complete.zsh"))],
    "fish": ["fish", "--no-config", "-c", FISH],
}


def offered(shell: str, lines: list[str], folder: Path) -> dict[str, set[str]]:
    """What a shell offers for each command line, which ends where the cursor is."""
    script = folder / f"completion.{shell}"
    script.write_bytes(toyvm("completion", shell).stdout)
    home = {"HOME": str(folder), "PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [*ASKING[shell], str(script), str(folder)],
        input="".join(f"{line}\n" for line in lines),
        env={**home, "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: dict[str, set[str]] = {}
    for answer in done.stdout.split("> ")[1:]:
        line, *matches = answer.split("\n")
        found[line] = {match.strip() for match in matches if match}
    assert list(found) == lines, done.stderr
    return found


def flags(command: argparse.ArgumentParser) -> set[str]:
    """The options that the help shows."""
    return {
        flag
        for action in command._actions
        if action.help is not argparse.SUPPRESS
        for flag in action.option_strings
    }


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_shell_completes_every_command_and_option_choices_and_files(shell: str, tmp_path: Path) -> None:
    require_oracle(shell)
    (tmp_path / "asm").mkdir()
    (tmp_path / "asm" / "hello.s").touch()
    parsers = completion.all_commands(None, None)._subparsers._group_actions[0].choices  # type: ignore[union-attr]  # there is one
    assert set(parsers) == set(COMMANDS)
    options = [f"toyvm {name} {dash}" for name in COMMANDS for dash in ("-", "--")]
    files = (
        "run asm/he",
        "ld -o asm/he",
        "objdump -d asm/he",
        "compare asm/he",
        "as asm/he",
        "ar rcs asm/he",
    )
    found = offered(
        shell,
        ["toyvm ", *options, "toyvm run --reclaim ", "toyvm ar ", *(f"toyvm {words}" for words in files)],
        tmp_path,
    )
    assert found["toyvm "] >= set(COMMANDS)
    for name, parser in parsers.items():
        assert found[f"toyvm {name} -"] | found[f"toyvm {name} --"] >= flags(parser) - {"-h", "--help"}, name
    assert found["toyvm run --reclaim "] == set(RECLAIM_POLICIES)
    assert "rcs" in found["toyvm ar "]
    for words in files:
        assert {name.rpartition("/")[2] for name in found[f"toyvm {words}"]} == {"hello.s"}, words


def test_ld_offers_what_its_help_lists() -> None:
    known = flags(completion._ld_parser())
    assert {"-o", "-static", "--gc-sections", "-Map", "--icf", "--version-script", "-z"} <= known
    assert not {flag for flag in known if flag.endswith("-")}


def test_without_shtab_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    with pytest.raises(completion.UsageError, match="shtab is not installed"):
        completion.main(["bash"])
