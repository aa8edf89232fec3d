"""`toyvm explain` of runs: what the commands print, in text and JSON, and their errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from toyvm.cli import main

COW = str(ROOT / "asm" / "cow.s")
INTERPOSE = str(ROOT / "asm" / "interpose.s")

Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Explain:
    def run(*words: str) -> tuple[int, str, str]:
        status = main(["explain", *words])
        out, err = capsys.readouterr()
        assert max((len(line) for line in out.splitlines()), default=0) <= 100 or "--json" in words
        return status, out, err

    return run


def test_a_fault(explain: Explain) -> None:
    status, text, _ = explain("fault", "9", COW)
    assert status == 0
    assert (
        "rule        cow: a write to a private page whose frame has other users: the writer gets a copy"
        in text
    )
    status, text, _ = explain("fault", "9", "--json", COW)
    found = json.loads(text)
    assert (found["schema"], found["number"], found["kind"], found["bytes_copied"]) == (
        "toyvm.explain.fault/1",
        9,
        "cow",
        4096,
    )
    assert int(found["pte_after"], 16) >> 10 == found["frame"]


def test_the_same_fault_among_those_of_its_process(explain: Explain) -> None:
    _, all_faults, _ = explain("fault", "9", "--json", COW)
    fault = json.loads(all_faults)
    numbers = []
    for number in range(1, 9):
        _, text, _ = explain("fault", str(number), "--pid", "101", "--json", COW)
        numbers.append(json.loads(text)["address"]) if text else None
    assert fault["address"] in numbers


def test_a_program_may_lack_a_global_pointer(explain: Explain) -> None:
    status, text, _ = explain("lookup", "__global_pointer$", "--dynamic", INTERPOSE)
    assert status == 0
    assert "rule: nothing defines it: the loader leaves gp as it is" in text


def test_the_kernel_repeats_its_own_accesses(explain: Explain, tmp_path: Path) -> None:
    _, text, _ = explain("fault", "2", "--dynamic", INTERPOSE)  # the stack of the new program
    assert "by          the kernel, for a system call, execve or the loader" in text
    assert "then        the kernel makes the access again" in text
    source = tmp_path / "random.s"
    source.write_text(
        ".bss\n.balign 4096\nbuffer: .space 8192\n.text\n.globl main\n"
        "main: la a0, buffer\nli a1, 8\nli a2, 0\nli a7, 278\necall\nli a0, 0\nret\n"
    )
    _, text, _ = explain("page", "buffer", str(source))
    number = text.partition("fault ")[2].partition(":")[0]
    _, text, _ = explain("fault", number, str(source))
    assert "instruction ecall" in text
    assert "then        the kernel makes the access again" in text


def test_a_page_and_its_frame_and_its_process(explain: Explain) -> None:
    _, text, _ = explain("page", "number", COW)
    assert "fork of process 100 made process 101" in text
    _, text, _ = explain("address", "number", "--run", "--json", COW)
    address = json.loads(text)
    assert address["schema"] == "toyvm.explain.run-address/1"
    assert address["state"] == "present"
    _, text, _ = explain("frame", hex(address["frame"]["frame"]), COW)
    assert text.startswith(f"frame {address['frame']['frame']:#x}\n")
    assert address["address"] in text
    _, text, _ = explain("process", "101", "--json", COW)
    assert json.loads(text)["pid"] == 101


def test_a_moment(explain: Explain) -> None:
    """Before the fork and after it, the frame of the same address has one user and two."""
    counts = []
    for at in ("350", "420"):
        _, text, _ = explain("address", "number", "--run", "--at", at, "--json", COW)
        counts.append(len(json.loads(text)["frame"]["mappings"]))
    assert counts == [1, 2]


def test_look_ups_and_slots(explain: Explain) -> None:
    _, text, _ = explain("lookup", "puts", "--dynamic", INTERPOSE)
    assert "rule: the first definition in the scope is used: it interposes /lib/libc.so" in text
    assert "by dlsym" in text
    _, same, _ = explain("symbol", "puts", "--run", "--dynamic", INTERPOSE)
    assert same == text
    _, before, _ = explain("got", "puts", "--at", "5", "--json", "--dynamic", INTERPOSE)
    _, after, _ = explain("got", "puts", "--json", "--dynamic", INTERPOSE)
    first, then = (json.loads(found)["words"][0] for found in (before, after))
    assert (first["state"], then["state"]) == ("not called yet", "bound at the first call")
    assert first["address"] == then["address"] and first["value"] != then["value"]
    _, by_address, _ = explain("got", first["address"], "--json", "--dynamic", INTERPOSE)
    assert json.loads(by_address)["words"] == json.loads(after)["words"]
    header = int(first["file_value"], 16)  # of the PLT; the second entry is that of puts
    _, by_entry, _ = explain("got", hex(header + 48), "--json", "--dynamic", INTERPOSE)
    assert json.loads(by_entry)["words"] == json.loads(after)["words"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("fault", "999", COW), 1, "there is no page fault 999: the run has 15, counted from 1"),
        (("fault", "many", COW), 2, "'many': expected the number of a page fault, from 1"),
        (("fault", "--at", "1", COW), 2, "expected N before --at"),
        (("fault", "1"), 2, "expected the program to run"),
        (
            ("frame", "0xfffffff", COW),
            1,
            "there is no frame 0xfffffff: the machine has the frames 0 to 0x7ffff",
        ),
        (("address", "nummber", "--run", COW), 1, "did you mean 'number'?"),
        (
            ("process", "7", "--at", "20", COW),
            1,
            "process 7 does not exist after 20 instructions; the processes are: 100",
        ),
        (("lookup", "putss", "--dynamic", INTERPOSE), 1, "did you mean 'puts'?"),
        (("lookup", "puts", COW), 1, "the program is static, or its loader"),
        (("got", "putss", "--dynamic", INTERPOSE), 1, "did you mean 'puts'?"),
        (("got", "puts", COW), 1, "toyvm's loader did not load this program"),
        (("page", "nowhere", COW), 1, "'nowhere' is neither an address nor a place"),
    ],
)
def test_errors(explain: Explain, words: tuple[str, ...], status: int, message: str) -> None:
    found, out, err = explain(*words)
    assert (found, out) == (status, "")
    assert message in err
    assert "Traceback" not in err
