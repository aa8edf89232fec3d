"""Paths: from a guest's name for a file to its node, one component at a time, as chroot(2) would resolve it.

`..` goes back along the directories that were walked and stops at the root; an absolute link begins at the guest's root.
So a path cannot leave the sandbox, because no directory outside it is ever held. Errors are OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.record import Record

from ..limits import GUEST_ID
from ..mm.cache.page_cache import PageCache
from .host_files import HostDir, HostFile, HostFs, Witness
from .memory_files import R_OK, W_OK, X_OK, MemDir, MemFile, MemFs, MemNode, require_access
from .nodes import DirNode, FileNode, Node, SymlinkNode
from .open_file import (
    O_ACCMODE,
    O_CLOEXEC,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOFOLLOW,
    O_PATH,
    O_TMPFILE,
    O_TRUNC,
    DeviceNode,
    MagicLink,
    OpenFile,
    OpenFileNode,
)

MAX_LINKS = 40
NAME_MAX, PATH_MAX = 255, 4096
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS = 1, 2, 4
RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_CACHED = 8, 16, 32
_WANTED = (R_OK, W_OK, R_OK | W_OK, R_OK | W_OK)  # by O_ACCMODE
Components = tuple[str, ...]
Trail = list[tuple[str, DirNode]]  # from the root, whose name is "", down: each directory with its name


class Location(Record):
    """A resolved path. `node` is None when only the last component does not exist. `path` has no links and no dots."""

    parent: DirNode
    name: str
    node: Node | None
    path: str
    file: OpenFile | None = None  # the open file whose link in /proc/PID/fd the path ends at


class _Mount(Record):
    node: Node
    first: bool  # whether it hides what the directory below has under this name


class Vfs:
    """The name space of one run: a root directory and what is mounted over or under it.

    `root` None means an empty directory in memory. Use `sandbox` for the usual tree.
    """

    def __init__(
        self, root: DirNode | None = None, *, memfs_bytes: int = 256 << 20, disk_limit: int | None = None
    ):
        self.hostfs = HostFs(disk_limit)
        self.memfs = MemFs(dev=0x15, limit=memfs_bytes)
        self.root: DirNode = root if root is not None else MemDir(self.memfs, owner=GUEST_ID)
        self._mounts: dict[Components, dict[str, _Mount]] = {}
        self._mount_depth = 0  # components of the longest mount point
        self.host_folders: list[
            tuple[str, str]
        ] = []  # guest path and host path of each directory of the host
        self.home = "/"  # where programs start: their first current directory

    @classmethod
    def sandbox(
        cls,
        root: str | None = ".",
        *,
        writable: bool = False,
        sysroot: str | None = None,
        memfs_bytes: int = 256 << 20,
        disk_limit: int | None = None,
        witness: Witness | None = None,
    ) -> Vfs:
        """`/` is the host directory `root` (None: empty); /tmp and /dev/shm in memory. Raises OSError for a bad `root`.

        `disk_limit` is what the guest may add to a writable `root`, in bytes.

        With `sysroot`, that host directory is `/`, read-only, and `root` has the path that it has on the host, where
        programs start.
        """
        vfs = cls(memfs_bytes=memfs_bytes, disk_limit=disk_limit)
        vfs.hostfs.witness = witness
        if sysroot is not None and (root is None or not os.path.samefile(root, sysroot)):
            vfs.root = HostDir.open_root(sysroot, vfs.hostfs)
            vfs.host_folders.append(("/", os.path.abspath(sysroot)))
            place = os.path.realpath(root) if root is not None else "/"
            if root is not None and place != "/":
                vfs.mount(place, HostDir.open_root(root, vfs.hostfs, writable=writable))
                vfs.home = place
                vfs.host_folders.append((place, os.path.abspath(root)))
        elif root is not None:
            vfs.root = HostDir.open_root(root, vfs.hostfs, writable=writable)
            vfs.host_folders.append(("/", os.path.abspath(root)))
        vfs.mount_memory()
        return vfs

    def mount_memory(self) -> None:
        """Mount /tmp, /dev and /dev/shm."""
        self.mount("/tmp", MemDir(self.memfs, 0o1777))
        self.mount("/dev", MemDir(self.memfs))
        self.mount("/dev/shm", MemDir(self.memfs, 0o1777))

    def switch_on(self, clock: Callable[[], int]) -> None:
        """The machine has a clock: what is mounted has its date."""
        self.memfs.clock = clock
        mounted = [mount.node for folder in self._mounts.values() for mount in folder.values()]
        for node in (self.root, *mounted):
            if isinstance(node, MemNode):
                node.atime = node.mtime = node.ctime = clock()

    # Putting the tree together

    def mount(self, path: str, node: Node, *, first: bool = True) -> None:
        """Let `path` be `node`. `first=False`: only where the tree has nothing of that name (a lower layer of an overlay)."""
        *parents, name = [part for part in path.split("/") if part]
        parents = self._real_parts(parents)
        for depth in range(len(parents)):
            above = self._mounts.setdefault(tuple(parents[:depth]), {})
            if parents[depth] not in above:
                above[parents[depth]] = _Mount(MemDir(self.memfs, read_only=True), first=False)
        self._mounts.setdefault(tuple(parents), {})[name] = _Mount(node, first)
        self._mount_depth = max(self._mount_depth, len(parents) + 1)

    def _real_parts(self, parts: list[str]) -> list[str]:
        """The components of a directory that exists, without links: /bin is usr/bin in most distributions. Else `parts`."""
        try:
            place = self.resolve("/" + "/".join(parts))
        except OSError:
            return parts
        return [part for part in place.path.split("/") if part] if place.node is not None else parts

    def add_file(self, path: str, data: bytes, *, mode: int = 0o755, first: bool = True) -> MemFile:
        """A read-only file of these bytes at `path`; missing directories appear."""
        file = MemFile(self.memfs, mode, data, read_only=True)
        self.mount(path, file, first=first)
        return file

    def add_host_file(self, path: str, host_path: str, *, first: bool = True) -> None:
        """One read-only file of the host at `path`. Raises OSError when there is none."""
        directory, name = os.path.split(os.path.realpath(host_path))
        self.mount(path, HostDir.open_root(directory, self.hostfs).lookup(name), first=first)

    # Walking

    def _mounted_at(self, trail: Trail) -> dict[str, _Mount]:
        """What is mounted in the directory that `trail` leads to; a long trail has no key to be made for it."""
        if len(trail) > self._mount_depth:
            return {}
        return self._mounts.get(tuple(name for name, _ in trail[1:]), {})

    def _child(self, directory: DirNode, mounted: dict[str, _Mount], name: str) -> Node:
        """The entry `name` of `directory`, with what is `mounted` in it seen."""
        mount = mounted.get(name)
        if mount is not None and mount.first:
            return mount.node
        try:
            return directory.lookup(name)
        except OSError as failure:
            if mount is None or failure.errno != errno.ENOENT:
                raise
            return mount.node

    def names(self, directory: DirNode, path: str) -> list[str]:
        """The entries of a directory, mounts included, sorted."""
        where = tuple(part for part in path.split("/") if part)
        return sorted({*directory.names(), *self._mounts.get(where, {})})

    def resolve(self, path: str, cwd: str = "/", *, follow: bool = True, rules: int = 0) -> Location:
        """Where `path` leads, seen from `cwd`. `follow` says whether a link as the last component is followed, `rules` are
        the RESOLVE_ flags of openat2(2).

        Raises OSError: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EXDEV by a rule, and what a directory raises.
        """
        if not path:
            raise error(errno.ENOENT)
        trail: Trail = [("", self.root)]
        if rules & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
            if path.startswith("/") and rules & RESOLVE_BENEATH:
                raise error(errno.EXDEV)
            trail = self._trail(cwd)
        elif rules & RESOLVE_NO_XDEV and not path.startswith("/"):
            trail = self._trail(cwd)
        elif not path.startswith("/"):
            path = f"{cwd}/{path}"
        # What `..` and an absolute link cannot leave.
        floor = len(trail) if rules & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) else 1
        device = trail[-1][1].identity[0]
        if len(os.fsencode(path)) >= PATH_MAX:
            raise error(errno.ENAMETOOLONG)
        todo = _reversed_parts(path)
        must_be_dir = path.endswith(("/", "/.", "/..")) or path in (".", "..")
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if len(trail) > floor:
                    trail.pop()
                    _stays_on(device, trail[-1][1], rules)
                elif rules & RESOLVE_BENEATH:
                    raise error(errno.EXDEV)
                continue
            if len(os.fsencode(part)) > NAME_MAX:
                raise error(errno.ENAMETOOLONG)
            last = not todo
            directory = trail[-1][1]
            if isinstance(directory, MemDir):
                directory.require(X_OK)
            try:
                node = self._child(directory, self._mounted_at(trail), part)
            except OSError as failure:
                if failure.errno == errno.ENOENT and last:
                    return Location(directory, part, None, _path(trail, part))
                raise
            _stays_on(device, node, rules)
            if isinstance(node, SymlinkNode) and (follow or not last or must_be_dir):
                links += 1
                if links > MAX_LINKS or rules & (RESOLVE_NO_SYMLINKS | node.magic * RESOLVE_NO_MAGICLINKS):
                    raise error(errno.ELOOP)
                if node.magic and rules & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
                    raise error(errno.EXDEV)
                if isinstance(node, MagicLink) and not isinstance(node.target(), DirNode):
                    if not last or must_be_dir:
                        raise error(errno.ENOTDIR)
                    return Location(directory, part, node.target(), node.file.path, node.file)
                target = node.readlink()
                if target.startswith("/"):
                    if rules & RESOLVE_BENEATH:
                        raise error(errno.EXDEV)
                    del trail[floor:]
                    _stays_on(device, trail[-1][1], rules)
                todo += _reversed_parts(target)
                continue
            if isinstance(node, DirNode):
                trail.append((part, node))
                continue
            if not last or must_be_dir:
                raise error(errno.ENOTDIR)
            return Location(directory, part, node, _path(trail, part))
        names = [name for name, _ in trail[1:]]
        parent = trail[-2][1] if len(trail) > 1 else self.root
        return Location(parent, names[-1] if names else "/", trail[-1][1], "/" + "/".join(names))

    def _trail(self, path: str) -> Trail:
        """The directories down to one whose path has no links. Raises OSError."""
        trail: Trail = [("", self.root)]
        for part in path.split("/"):
            if part:
                node = self._child(trail[-1][1], self._mounted_at(trail), part)
                if not isinstance(node, DirNode):
                    raise error(errno.ENOTDIR)
                trail.append((part, node))
        return trail

    def node(self, path: str, cwd: str = "/", *, follow: bool = True) -> Node:
        """The node at `path`. Raises OSError(ENOENT) and what `resolve` raises."""
        found = self.resolve(path, cwd, follow=follow).node
        if found is None:
            raise error(errno.ENOENT)
        return found

    def has(self, path: str, cwd: str = "/") -> bool:
        """Whether `path` leads to anything."""
        try:
            return self.resolve(path, cwd).node is not None
        except OSError:
            return False

    def entry(self, path: str, cwd: str = "/") -> Location:
        """The place of a last component that may be removed or renamed. Raises OSError: ENOENT, EBUSY for a mount, EROFS."""
        place = self.resolve(path, cwd, follow=False)
        if place.node is None:
            raise error(errno.ENOENT)
        self._not_mounted(place)
        return place

    def vacancy(self, path: str, cwd: str = "/") -> Location:
        """The place of a last component that does not exist yet. Raises OSError(EEXIST)."""
        place = self.resolve(path, cwd, follow=False)
        if place.node is not None:
            raise error(errno.EEXIST)
        return place

    def _not_mounted(self, place: Location) -> None:
        parts = tuple(part for part in place.path.split("/") if part)
        if not parts or parts[-1] in self._mounts.get(parts[:-1], {}):
            raise error(errno.EBUSY)

    # Opening

    def open(
        self,
        path: str,
        flags: int,
        mode: int,
        cache: PageCache,
        cwd: str = "/",
        rules: int = 0,
        before: Callable[[Node, int], None] | None = None,
    ) -> OpenFile:
        """open(2). `before` gets a file that exists, and the flags, before it is opened. Raises OSError, and what `before` raises."""
        exclusive = flags & O_CREAT and flags & O_EXCL
        if flags & O_PATH:
            flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        elif flags & O_CREAT and flags & O_DIRECTORY:
            raise error(errno.EINVAL)
        place = self.resolve(path, cwd, follow=not (flags & O_NOFOLLOW or exclusive), rules=rules)
        node = place.node
        if flags & O_TMPFILE & ~O_DIRECTORY and not flags & O_PATH:
            return self._open_unnamed(node, flags, mode, cache)
        created = False
        if node is None:
            if not flags & O_CREAT:
                raise error(errno.ENOENT)
            if path.endswith("/"):
                raise error(errno.EISDIR)
            node = place.parent.create(place.name, mode & 0o7777)
            created = True
        elif exclusive:
            raise error(errno.EEXIST)
        elif flags & O_DIRECTORY and not isinstance(node, DirNode):
            raise error(errno.ENOTDIR)
        if flags & O_PATH:
            from .opened_nodes import PathFile

            return PathFile(node, flags, place.path)
        if isinstance(node, OpenFileNode):
            return node.file.reopen(flags, place.path)
        if place.file is not None and not isinstance(node, (FileNode, DirNode)):  # a named pipe
            return place.file.reopen(flags, place.path)
        read_only = isinstance(node, MemFile) and not node.writable  # which is EROFS, whatever the mode
        if not created and isinstance(node, MemNode) and not read_only:
            require_access(node.stat(), _WANTED[flags & O_ACCMODE] | (W_OK if flags & O_TRUNC else 0))
        if before is not None and not created:
            before(node, flags)
        return self._open_node(node, flags, place.path, cache)

    def _open_unnamed(self, node: Node | None, flags: int, mode: int, cache: PageCache) -> OpenFile:
        """open(2) with O_TMPFILE. Raises OSError."""
        if not flags & O_DIRECTORY or not flags & O_ACCMODE:
            raise error(errno.EINVAL)
        if node is None:
            raise error(errno.ENOENT)
        if not isinstance(node, DirNode):
            raise error(errno.ENOTDIR)
        if not isinstance(node, HostDir):
            require_access(node.stat(), W_OK | X_OK)
        from .opened_nodes import RegularFile

        file = node.unnamed(mode & 0o7777)
        if isinstance(file, MemFile):
            file.linkable = not flags & O_EXCL
        flags &= ~(O_TMPFILE | O_EXCL | O_CREAT)
        return RegularFile(file, cache, flags, f"/tmp/#{file.identity[1]} (deleted)")

    def _open_node(self, node: Node, flags: int, path: str, cache: PageCache) -> OpenFile:
        wants_write = flags & 0o3 != 0
        if isinstance(node, SymlinkNode):
            raise error(errno.ELOOP)
        if isinstance(node, DirNode):
            if wants_write or flags & O_CREAT:
                raise error(errno.EISDIR)
            from .opened_nodes import DirectoryFile

            return DirectoryFile(node, flags, path, self._lister(node, path))
        if isinstance(node, DeviceNode):
            return node.open(flags, path)
        if not isinstance(node, FileNode):
            if node.kind == stat.S_IFSOCK:
                raise error(errno.ENXIO)
            raise error(errno.EACCES)  # a fifo, socket or device of the host
        if isinstance(node, HostFile):
            node.open_host()
        if wants_write and not node.writable:
            raise error(errno.EROFS)
        from .opened_nodes import RegularFile

        file = RegularFile(node, cache, flags, path)
        if flags & O_TRUNC and wants_write:
            file.truncate(0)
        return file

    def _lister(self, node: DirNode, path: str) -> Callable[[], list[str]]:
        return lambda: self.names(node, path)


def _stays_on(device: int, node: Node, rules: int) -> None:
    """Raises OSError(EXDEV) if RESOLVE_NO_XDEV keeps the walk on another file system."""
    if rules & RESOLVE_NO_XDEV and node.identity[0] != device:
        raise error(errno.EXDEV)


def _reversed_parts(path: str) -> list[str]:
    """The components of a path, the last one first."""
    return [part for part in path.split("/") if part not in ("", ".")][::-1]


def _path(trail: Trail, name: str) -> str:
    return "/".join((*(part for part, _ in trail), name))
