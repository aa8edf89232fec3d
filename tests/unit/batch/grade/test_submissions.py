"""Submissions: what is read of files and folders, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toyvm.base.errors import UsageError
from toyvm.batch.grade.submissions import MOST_BYTES, Submission, read_submission, read_submissions
from toyvm.build import assemble_file, build_program
from toyvm.elf.object_writer import write_object


def read(path: Path, *accept: str) -> Submission:
    return read_submission(path, path.name, accept or ("source",))


def test_a_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "ada.s").write_text("nop")
    folder = tmp_path / "bill"
    (folder / "parts").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("main.s", "parts/b.S", "parts/c.inc", ".git/x.s", "old.o"):
        (folder / name).write_text(name)
    ada, bill = read_submissions([folder, tmp_path / "ada.s"], ["source"])
    assert (ada.name, ada.sources) == ("ada", {"ada.s": b"nop"})
    assert bill.name == "bill" and list(bill.sources) == ["main.s", "parts/b.S"] and not bill.objects
    assert set(bill.others) == {"main.s", "parts/b.S", "parts/c.inc", "old.o"}


def test_objects_and_images_only_where_they_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text(".globl main\nmain: ret\n")
    data = write_object(assemble_file(tmp_path / "a.s"))
    image = build_program([assemble_file(tmp_path / "a.s")], linkage="static").image
    (tmp_path / "a.o").write_bytes(data)
    (tmp_path / "image").write_bytes(image)
    assert read(tmp_path / "a.o", "object").objects == {"a.o": data}
    assert read(tmp_path / "a.o").problem == "it is not an assembly source (.s)"
    assert read(tmp_path / "image", "object", "image").image == image
    for name, wrong, why in (
        ("bad", b"\x7fELFgarbage", "bad: truncated: 11 bytes, an ELF header has 64"),
        ("x86", image[:18] + b"\x3e\0" + image[20:], "x86: not a RISC-V file (machine 62)"),
        ("object", data, "object is no linked program"),
        ("cut", image[:900], "cut: truncated: "),
        ("x86.o", data[:18] + b"\x3e\0" + data[20:], "x86.o: not a RISC-V file (machine 62)"),
    ):
        (tmp_path / name).write_bytes(wrong)
        assert read(tmp_path / name, "object", "image").problem.startswith(why)
    wanted = "it is not an object file (.o) or a linked program"
    assert read(tmp_path / "a.s", "object", "image").problem == wanted
    (tmp_path / "script.o").write_text("INPUT(/etc/passwd)")  # the linker would read it as a script
    assert read(tmp_path / "script.o", "object").problem == "script.o is no ELF object file"
    (tmp_path / "short.o").write_bytes(data[:20])
    assert read(tmp_path / "short.o", "object").problem


def test_links_pipes_and_large_files_are_the_submissions_own_problem(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "link.s").symlink_to(secret)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner.s").symlink_to(secret)
    (tmp_path / "linked").symlink_to(tmp_path / "folder")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.s")
    with open(tmp_path / "large.s", "wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    problems = {path.name: read(path).problem for path in tmp_path.iterdir()}
    assert problems == {
        "secret": "it is not an assembly source (.s)",
        "link.s": "link.s is a symbolic link",
        "folder": "inner.s is a symbolic link",
        "linked": "linked is a symbolic link",
        "empty": "there is no file in it that is an assembly source (.s)",
        "pipe.s": "pipe.s is no regular file",
        "large.s": "it has more than 8 MiB",
    }


def test_names_differ_and_print(tmp_path: Path) -> None:
    for folder, name in (("x", "ada.s"), ("y", "ada.s"), ("y", "Ada.s"), ("y", "\x1b[2J\udcff.s")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text("nop")
    with pytest.raises(UsageError, match=r"two submissions are named 'ada': .*; give the folders"):
        read_submissions([tmp_path / "x/ada.s", tmp_path / "y/ada.s"], ["source"])
    with pytest.raises(UsageError, match="differ only in case: 'ada' and 'Ada'"):
        read_submissions([tmp_path / "x/ada.s", tmp_path / "y/Ada.s"], ["source"])
    (odd,) = read_submissions([tmp_path / "y/\x1b[2J\udcff.s"], ["source"])
    assert odd.name == "\\x1b[2J\\xff" and not odd.problem
    with pytest.raises(UsageError, match="No such file"):
        read_submissions([tmp_path / "nobody.s"], ["source"])
    with pytest.raises(UsageError, match="no submissions"):
        read_submissions([], ["source"])
