"""GNU ld links the files of symbol questions, and says the same as their solutions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support.oracles import GNU_AR, GNU_AS, GNU_LD, require_oracle
from tests.support.quiz_seeds import SEEDS, sentence
from toyvm.quizzes.kinds import quiz


def test_gnu_ld_takes_the_same_members_and_finds_the_same_errors(tmp_path: Path) -> None:
    require_oracle(GNU_AR, GNU_AS, GNU_LD)
    maps = 0
    for seed in range(min(SEEDS, 100)):
        question = quiz("symbols", seed, level=3)
        folder = tmp_path / str(seed)
        folder.mkdir()
        for file in question.data["files"]:
            for source in file.get("members", [file]):
                subprocess.run(
                    [GNU_AS, "-o", source["name"]], input=source["source"], text=True, cwd=folder, check=True
                )
            if "members" in file:
                names = [member["name"] for member in file["members"]]
                subprocess.run([GNU_AR, "rc", file["name"], *names], cwd=folder, check=True)
        command = [GNU_LD, "-static", "-o", "program", "-Map=map", *question.data["command"]]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        members, _, errors = question.parts
        if (folder / "map").exists():
            head = (folder / "map").read_text().partition("Memory Configuration")[0]
            included = re.findall(r"^(lib\w+\.a\(\w+\.o\))", head, re.M)
            assert set(included or ["None"]) == set(sentence(members).rstrip(".").split(", ")), (
                question.solution
            )
            maps += 1
        said = [
            f"{error} {name}"
            for error in ("multiple definition of", "undefined reference to")
            for name in set(re.findall(rf"{error} `(\w+)'", done.stderr))
        ]
        stated = sentence(errors).rstrip(".").split("; ")
        assert sorted(said or ["None: the program is linked"]) == sorted(stated), question.solution
        assert (done.returncode == 0) == (not said)
    assert maps
