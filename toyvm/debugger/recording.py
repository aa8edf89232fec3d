"""Recordings: what came from outside in one run, in a file that is enough to run it again elsewhere.

A recording is a ZIP archive with `manifest.json`, the bytes of standard input, and the bytes of the
files that the run opened. docs/reference/recording.md describes it. A recording may come from
anybody: it is read with limits, nothing of it is written to the disk, and what is malformed raises
RecordingError.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any, TypeVar

from toyvm.base.errors import ToyvmError
from toyvm.base.light_types import Self
from toyvm.base.record import Record
from toyvm.base.resources import require_regular
from toyvm.base.version import VERSION
from toyvm.guestfs import add_program, mount_system_files, sandbox
from toyvm.kernel.vfs.host_files import HostDir
from toyvm.kernel.vfs.nodes import Stat
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.kernel.vfs.recorded_files import HostRecord, NodeRecord, RecordedFiles
from toyvm.run_options import RunOptions
from toyvm.system import Session, Start

FORMAT, FORMAT_VERSION = "toyvm recording", 1
MANIFEST, INPUT = "manifest.json", "input"
MOST_ENTRIES = 100_000
LARGEST_MANIFEST = 64 << 20
LARGEST_FILE = 1 << 30
_PROBE = 1 << 15  # bytes that say whether compression is worth its time
_DATE = (1980, 1, 1, 0, 0, 0)  # of the members: a recording depends on nothing but its run
_STAT = ("dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blocks", "mtime")
# Options of a run that are not part of its recording: the host's folders and environment, which it
# replaces, and what only shows something.
_LEFT_OUT = frozenset(
    {"root", "root_writable", "sysroot", "env", "env_all", "net", "engine", "caching", "trace", "views", "breakpoint",
     "break_count", "trace_range", "watch", "date"}
)  # fmt: skip
_MALFORMED = (
    zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, EOFError, RecursionError, NotImplementedError,
    RuntimeError, OverflowError, AttributeError, IndexError,
)  # fmt: skip
T = TypeVar("T")


class RecordingError(ToyvmError):
    """A file is no recording that this version can read."""


class RecordedProgram(Record):
    """A program that was built for the run (`build.Program` as `guestfs.add_program` sees it)."""

    name: str
    image: bytes
    files: Mapping[str, bytes]


class RecordedStart(Record):
    """A process that the run began with: guest path, arguments, environment, and the program if it was built."""

    path: str
    argv: tuple[str, ...]
    environment: tuple[str, ...]
    copy: int = 0
    program: RecordedProgram | None = None


class Outcome(Record):
    """How a run ended, for comparison: counts, and a digest of its output (`output_bytes` long)."""

    status: int
    instructions: int
    syscalls: int
    context_switches: int
    faults: int
    output: str
    output_bytes: int

    def difference(self, other: Outcome) -> str:
        """The first thing that differs in `other`, as text; empty if nothing does."""
        for name in self.record_fields:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                return f"{name.replace('_', ' ')}: {theirs} instead of {mine}"
        return ""


class Recording(Record, eq=False):
    """A recording that was read. `version` is toyvm's; `roots` are guest paths of host directories and files."""

    version: str
    options: RunOptions
    starts: tuple[RecordedStart, ...]
    home: str
    roots: tuple[tuple[str, int], ...]
    files: RecordedFiles
    input: tuple[bytes, ...]
    outcome: Outcome

    def vfs(self) -> Vfs:
        """The files that the run saw, without its programs."""
        options = self.options
        vfs = Vfs(memfs_bytes=options.memfs_bytes, disk_limit=options.disk_limit)
        vfs.hostfs = self.files.fs
        trees = [(place, self.files.node(number)) for place, number in self.roots]
        for place, node in trees:
            if place == "/" and isinstance(node, HostDir):
                vfs.root = node
        for place, node in trees:
            if isinstance(node, HostDir):
                vfs.host_folders.append((place, place))
                if place != "/":
                    vfs.mount(place, node)
        vfs.home = self.home
        vfs.mount_memory()
        mount_system_files(vfs, libraries=options.libraries)
        return vfs

    def populate(self, session: Session) -> None:
        """Create the processes that the run began with. Raises the exceptions of `Session.start`."""
        vfs, kernel = session.kernel.vfs, session.kernel
        single = {
            place: number for place, number in self.roots if not isinstance(self.files.node(number), HostDir)
        }
        for start in self.starts:
            if start.program is not None:
                add_program(vfs, start.program, start.copy)  # type: ignore[arg-type] # what it uses of a Program
            elif start.path in single:
                vfs.mount(start.path, self.files.node(single[start.path]))
            kernel.spawn(start.path, start.argv, start.environment, vfs.home)


class Recorder:
    """Writes the recording of one run. Use it as a context manager; an exception leaves no file.

    The run uses `vfs`; `finish` is called after its end.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = os.fspath(path)
        self._partial = f"{self._path}.partial"
        require_regular(self._path)
        try:
            self._zip = zipfile.ZipFile(self._partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        except OSError as failure:
            raise ToyvmError(f"{self._path}: {failure.strerror}") from None
        self._kept: set[str] = set()
        self._record = HostRecord(self._keep)
        self.input: list[bytes] = []
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        if self._finished:
            os.replace(self._partial, self._path)
        else:
            os.unlink(self._partial)

    def vfs(self, options: RunOptions) -> Vfs:
        """The files of the run, which are recorded as it looks at them. Raises ToyvmError."""
        return sandbox(
            options.root,
            writable=False,
            sysroot=options.sysroot,
            libraries=options.libraries,
            memfs_bytes=options.memfs_bytes,
            disk_limit=options.disk_limit,
            witness=self._record,
        )

    def _keep(self, piece: Callable[[], bytes]) -> str:
        """Keep the bytes of a file; the name of its member."""
        name = f"files/{len(self._kept)}"
        self._kept.add(name)
        data = piece()
        with self._zip.open(_member(name, data), "w", force_zip64=True) as member:
            while data:
                member.write(data)
                data = piece()
        return name

    def finish(
        self, session: Session, starts: Sequence[Start], options: RunOptions, outcome: Outcome
    ) -> None:
        """Write what is known at the end."""
        vfs = session.kernel.vfs
        names: Counter[str] = Counter()
        begun = []
        for start, spawned in zip(starts, session.spawned, strict=True):
            program = start.program
            row: dict[str, Any] = {
                "path": spawned.path,
                "argv": list(spawned.argv),
                "environment": list(spawned.environment),
            }
            name = os.path.basename(program) if isinstance(program, (str, os.PathLike)) else program.name
            row["copy"] = names[name]
            names[name] += 1
            if not isinstance(program, (str, os.PathLike)):
                files = {
                    "image": program.image,
                    **{f"file:{name}": data for name, data in program.files.items()},
                }
                row["program"] = {
                    "name": program.name,
                    "members": {k: self._keep_bytes(v) for k, v in files.items()},
                }
            begun.append(row)
        roots = [(place, vfs.node(place)) for place, _ in vfs.host_folders]
        roots += [(row["path"], vfs.node(row["path"])) for row in begun if "program" not in row]
        for _, node in roots:
            self._record.note(node)
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "toyvm": VERSION,
            "options": _options(options),
            "starts": begun,
            "home": vfs.home,
            "roots": [[place, node.identity[1]] for place, node in roots],
            "nodes": [_node(record) for record in self._record.nodes.values()],
            "input": [len(piece) for piece in self.input],
            "outcome": {name: getattr(outcome, name) for name in outcome.record_fields},
        }
        self._write(INPUT, b"".join(self.input))
        self._write(MANIFEST, json.dumps(manifest, indent=1).encode())
        self._finished = True

    def _keep_bytes(self, data: bytes) -> str:
        pieces = iter((data, b""))
        return self._keep(lambda: next(pieces))

    def _write(self, name: str, data: bytes) -> None:
        self._zip.writestr(_member(name, data), data, compresslevel=1)


def _member(name: str, beginning: bytes) -> zipfile.ZipInfo:
    """A member whose bytes begin so; it is compressed if these can be."""
    info = zipfile.ZipInfo(name, _DATE)
    probe = beginning[:_PROBE]
    if len(zlib.compress(probe, 1)) < 0.9 * len(probe):
        info.compress_type = zipfile.ZIP_DEFLATED
    return info


def outcome_of(session: Session, status: int, output: str, output_bytes: int) -> Outcome:
    """The outcome of a session that has ended."""
    stats = session.kernel.stats
    return Outcome(
        status,
        stats.instructions,
        stats.syscalls,
        stats.context_switches,
        stats.page_faults,
        output,
        output_bytes,
    )


def _options(options: RunOptions) -> dict[str, Any]:
    """The options that are not defaults, as JSON."""
    from toyvm.base.dates import seconds_of

    found: dict[str, Any] = {"date": str(int(seconds_of(options.date)))}
    for name, row in RunOptions.rows.items():
        value = getattr(options, name)
        if name not in _LEFT_OUT and value != row.default:
            found[name] = value
    return found


def _node(record: NodeRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"stat": [getattr(record.status, name) for name in _STAT]}
    if record.target:
        row["target"] = record.target
    if record.content:
        row["content"] = record.content
    if record.entries:
        row["entries"] = record.entries
    if record.names is not None:
        row["names"] = record.names
    return row


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a recording. Raises RecordingError for a file that is none, ToyvmError if it cannot be opened."""
    name = os.fspath(path)
    require_regular(name)
    try:
        stream = open(name, "rb")  # noqa: SIM115 # it stays open for the files' bytes
    except OSError as failure:
        raise ToyvmError(f"{name}: {failure.strerror}") from None
    try:
        return _read(name, stream)
    except RecordingError:
        raise
    except (*_MALFORMED, OSError) as failure:
        raise RecordingError(f"{name}: no recording, or a damaged one ({failure})") from None


def _read(path: str, stream: IO[bytes]) -> Recording:
    archive = zipfile.ZipFile(stream)
    if len(archive.infolist()) > MOST_ENTRIES:
        raise RecordingError(f"{path}: more than {MOST_ENTRIES:,} members")

    def member(name: str, most: int = LARGEST_FILE) -> bytes:
        try:
            with archive.open(name) as source:
                data = source.read(most + 1)
        except _MALFORMED as failure:
            raise RecordingError(f"{path}: {name} is missing or damaged ({failure})") from None
        if len(data) > most:
            raise RecordingError(f"{path}: {name} has more than {most:,} bytes")
        return data

    manifest = json.loads(member(MANIFEST, LARGEST_MANIFEST))
    if _of(manifest, "format", str) != FORMAT:
        raise RecordingError(f"{path}: this is no recording of toyvm")
    if _of(manifest, "version", int) != FORMAT_VERSION:
        raise RecordingError(
            f"{path}: format version {manifest['version']}; this toyvm reads {FORMAT_VERSION}"
        )
    nodes = {}
    for row in _of(manifest, "nodes", list):
        record = _read_node(row)
        nodes[record.status.ino] = record
    data, pieces = member(INPUT), []
    for length in _of(manifest, "input", list):
        if not isinstance(length, int) or not 0 < length <= len(data):
            raise ValueError("a piece of the input has a wrong length")
        pieces.append(data[:length])
        data = data[length:]
    roots = []
    for place, number in _of(manifest, "roots", list):
        if not isinstance(place, str) or not place.startswith("/") or number not in nodes:
            raise ValueError("a root is wrong")
        roots.append((place, number))
    if not _of(manifest, "starts", list):
        raise ValueError("no program was started")
    outcome = _of(manifest, "outcome", dict)
    ended: dict[str, Any] = {
        name: _of(outcome, name, str if name == "output" else int) for name in Outcome.record_fields
    }
    return Recording(
        _of(manifest, "toyvm", str),
        _read_options(_of(manifest, "options", dict)),
        tuple(_read_start(row, member) for row in _of(manifest, "starts", list)),
        _of(manifest, "home", str),
        tuple(roots),
        RecordedFiles(nodes, member),
        tuple(pieces),
        Outcome(**ended),
    )


def _of(row: Any, name: str, kind: type[T]) -> T:
    """A field of a JSON object. Raises ValueError if its type is another."""
    value = row[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"'{name}' is of another type")
    if isinstance(value, str):
        os.fsencode(value)  # raises UnicodeEncodeError for what is no name of a file
    return value


def _words(row: Any, name: str) -> tuple[str, ...]:
    words = _of(row, name, list)
    if not all(isinstance(word, str) and b"\0" not in os.fsencode(word) for word in words):
        raise ValueError(f"'{name}' is of another type")
    return tuple(words)


def _read_start(row: Any, member: Callable[[str], bytes]) -> RecordedStart:
    program = None
    if "program" in row:
        members = _of(row["program"], "members", dict)
        files = {name: member(str(place)) for name, place in members.items()}
        own = {name.removeprefix("file:"): data for name, data in files.items() if name != "image"}
        program = RecordedProgram(_of(row["program"], "name", str), files["image"], own)
    return RecordedStart(
        _of(row, "path", str),
        _words(row, "argv"),
        _words(row, "environment"),
        _of(row, "copy", int) if "copy" in row else 0,
        program,
    )


def _read_node(row: Any) -> NodeRecord:
    numbers = _of(row, "stat", list)
    if len(numbers) != len(_STAT) or not all(isinstance(n, int) and abs(n) < 1 << 63 for n in numbers):
        raise ValueError("the status of a file is wrong")
    if not 0 <= numbers[_STAT.index("mode")] < 1 << 16:
        raise ValueError("the mode of a file is wrong")
    entries = row.get("entries", {})
    if not all(isinstance(n, int) and -4096 < n < 1 << 63 for n in entries.values()):
        raise ValueError("an entry of a directory is wrong")
    return NodeRecord(
        Stat(**dict(zip(_STAT, numbers, strict=True))),
        _of(row, "target", str) if "target" in row else "",
        _of(row, "content", str) if "content" in row else "",
        dict(entries),
        list(_words(row, "names")) if "names" in row else None,
    )


def _read_options(given: dict[str, Any]) -> RunOptions:
    for name in given:
        if name != "date" and (name in _LEFT_OUT or name not in RunOptions.rows):
            raise ValueError(f"no option of a recording is called '{name}'")
    if not isinstance(given.get("date", ""), str):
        raise ValueError("the date is of another type")
    options = RunOptions(**given)
    options.check()
    return options
