"""The suites of shells and small tools: bash's tests/, mksh's check.t, busybox's testsuite/, gawk's test/."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.suites.fetch import build
from tests.suites.suite import FAIL, PASS, SKIP, Checks, Outcome, Suite

# What the scripts of the suites call.
TOOLS = (
    *("bash", "coreutils", "dash", "diffutils", "grep", "sed", "gawk", "findutils", "hostname"),
    *("base-files", "base-passwd", "debianutils", "libc-bin", "perl", "make"),
)
_CHUNK = 20  # tests of a part, where a suite has many short ones


def _chunks(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Chunks of names, each with a name of its own."""
    rest = list(names)
    while rest:
        chunk, rest = rest[:_CHUNK], rest[_CHUNK:]
        yield f"{chunk[0]}-{chunk[-1]}", chunk


def _bash_prepare(source: Path, root: Path) -> None:
    """Build the four helpers that bash's Makefile builds beside the tests."""
    (tests,) = source.glob("bash-*/tests")
    (tests.parent / "config.h").touch()
    flags = ("-DHAVE_STRING_H", "-DSTDC_HEADERS", f"-I{tests.parent}", f"-I{tests.parent / 'include'}")
    for name in ("recho", "zecho", "printenv", "xcase"):
        build(tests / name, tests.parent / "support" / f"{name}.c", *flags)


def _bash_parts(tests: Path) -> dict[str, str]:
    """One part for each run- script, as run-all calls it. A script that is silent beside its warnings has passed."""
    left_out = {"run-all", "run-minimal", "run-gprof"}
    return {
        path.name[4:]: f"PATH=$PWD:$PATH; sh {path.name}; test ! -e $BASH_TSTOUT && echo all output is right"
        for path in sorted(tests.glob("run-*"))
        if path.name not in left_out
    }


def _bash_read(part: str, outcome: Outcome) -> Checks:
    return {part: PASS if outcome.status == 0 and "all output is right" in outcome.output else FAIL}


BASH = Suite(
    name="bash",
    source="bash",
    packages=TOOLS,
    folder="bash-*/tests",
    prepare=_bash_prepare,
    parts=_bash_parts,
    read=_bash_read,
    environment={
        "THIS_SH": "/usr/bin/bash",
        "BUILD_DIR": "..",
        "BASH_TSTOUT": "/tmp/tstout",
        "TMPDIR": "/tmp",
        "LC_ALL": "",
    },
    seconds=200,
)


def _mksh_prepare(source: Path, root: Path) -> None:
    """Divide check.t into files of a few tests. check.pl runs them one after the other."""
    (tests,) = source.glob("mksh")
    text = (tests / "check.t").read_text("latin-1")
    cases = [case for case in text.split("\n---\n") if re.search("^name:", case, re.M)]
    for number, at in enumerate(range(0, len(cases), _CHUNK)):
        chunk = "\n---\n".join([*cases[at : at + _CHUNK], ""])
        (tests / f"check{number:02}.t").write_text(chunk, "latin-1")


def _mksh_parts(tests: Path) -> dict[str, str]:
    flags = "-v -p /usr/bin/mksh -C shell:legacy-no,int:32,fastbox,shell:textmode-no,shell:binmode-yes,regress:no-ctty"
    files = sorted(tests.glob("check??.t"))
    return {path.stem: f"perl check.pl -s {path.name} {flags} -T $PWD -U C.UTF-8" for path in files}


def _mksh_read(part: str, outcome: Outcome) -> Checks:
    lines = re.findall(r"^(pass|FAIL) \S*?:(\S+)( \(ignored\))?$", outcome.output, re.M)
    return {name: PASS if word == "pass" else SKIP if ignored else FAIL for word, name, ignored in lines}


MKSH = Suite(
    name="mksh",
    source="mksh",
    packages=(*TOOLS, "mksh", "ed"),
    folder="mksh",
    prepare=_mksh_prepare,
    parts=_mksh_parts,
    read=_mksh_read,
    seconds=120,
)


def _busybox_prepare(source: Path, root: Path) -> None:
    """Claim every feature, so that no test is left out; those of absent features fail under qemu too."""
    (tests,) = source.glob("busybox-*/testsuite")
    build(tests / "echo-ne", tests.parent / "scripts" / "echo.c")
    programs = tests / "bin"
    programs.mkdir()
    (programs / "busybox").symlink_to("/usr/bin/busybox")
    options = {
        name
        for path in tests.parent.rglob("*.c")
        for name in re.findall(r"^//config:config (\w+)", path.read_text(errors="replace"), re.M)
    }
    (programs / ".config").write_text("".join(f"CONFIG_{name}=y\n" for name in sorted(options)))


def _busybox_parts(tests: Path) -> dict[str, str]:
    """One part for each applet. runtest makes a link for each applet of the program first."""
    applets = {path.stem for path in tests.glob("*.tests")}
    applets |= {path.name for path in tests.iterdir() if path.is_dir() and path.name != "bin"}
    command = "ECHO=$PWD/echo-ne bindir=$PWD/bin tsdir=$PWD sh ./runtest -v"
    return {applet: f"{command} {applet}" for applet in sorted(applets)}


def _busybox_read(part: str, outcome: Outcome) -> Checks:
    """Names occur twice, so they are numbered."""
    verdicts = {"PASS": PASS, "FAIL": FAIL, "SKIPPED": SKIP, "UNTESTED": SKIP}
    checks: Checks = {}
    for word, name in re.findall(r"^(PASS|FAIL|SKIPPED|UNTESTED): (.*)", outcome.output, re.M):
        times = sum(other.partition(" #")[0] == name for other in checks)
        checks[f"{name} #{times + 1}" if times else name] = verdicts[word]
    return checks


BUSYBOX = Suite(
    name="busybox",
    source="busybox",
    packages=(*TOOLS, "busybox", "bzip2", "xz-utils", "tar", "cpio", "gzip", "unzip", "zip", "procps"),
    folder="busybox-*/testsuite",
    prepare=_busybox_prepare,
    parts=_busybox_parts,
    read=_busybox_read,
)


def _gawk_prepare(source: Path, root: Path) -> None:
    """Do configure's work on the Makefile of the tests, and keep nothing else. Some tests read "Makefile"."""
    (tree,) = source.glob("gawk-*")
    tests = tree / "test"
    text = (tests / "Makefile.in").read_text()
    values = {"SHELL": "/bin/sh", "AM_V": "$(V)", "AM_DEFAULT_V": "0"}
    values |= dict.fromkeys(("abs_srcdir", "abs_builddir"), "$(CURDIR)")
    values |= dict.fromkeys(("srcdir", "builddir"), ".") | dict.fromkeys(("top_srcdir", "top_builddir"), "..")
    (tests / "tests.mk").write_text(re.sub(r"@(\w+)@", lambda name: values.get(name[1], ""), text))
    shutil.copy(tests / "tests.mk", tests / "Makefile")
    for path in tree.iterdir():
        if path.is_dir() and path != tests:
            shutil.rmtree(path)
        elif path != tests:
            path.unlink()
    (tree / "gawk").symlink_to("/usr/bin/gawk")


def _gawk_parts(tree: Path) -> dict[str, str]:
    """Parts of a few tests. A test that passes removes its output."""
    text = (tree / "test" / "tests.mk").read_text().replace("\\\n", " ")
    parts = {}
    for group in ("BASIC", "UNIX", "GAWK_EXT", "ARRAYDEBUG", "LOCALE_CHARSET", "MACHINE"):
        (names,) = re.findall(rf"^{group}_TESTS =(.*)", text, re.M)
        for part, chunk in _chunks(names.split()):
            check = "; ".join(f"test -e _{name} && echo FAIL {name} || echo PASS {name}" for name in chunk)
            parts[part] = f"cd test; make -k -f tests.mk {' '.join(chunk)}; {check}"
    return parts


def _gawk_read(part: str, outcome: Outcome) -> Checks:
    made = set(re.findall(r"^([\w-]+)", outcome.output, re.M))
    lines = re.findall(r"^(PASS|FAIL) ([\w-]+)$", outcome.output, re.M)
    return {name: PASS if word == "PASS" and name in made else FAIL for word, name in lines}


GAWK = Suite(
    name="gawk",
    source="gawk",
    packages=TOOLS,
    folder="gawk-*",
    prepare=_gawk_prepare,
    parts=_gawk_parts,
    read=_gawk_read,
    seconds=120,
)
