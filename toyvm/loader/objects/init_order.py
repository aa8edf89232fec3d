"""The order of initialisers and finalisers: a library is initialised after its dependencies.

The order is that of glibc 2.35 and later: a depth-first sort that visits objects from the last
loaded to the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .link_map import LinkMap


def breadth_first(roots: Iterable[LinkMap]) -> tuple[LinkMap, ...]:
    """`roots` and all their dependencies, breadth first, each once: the search list."""
    found = dict.fromkeys(roots)
    queue = list(found)
    for obj in queue:
        for needed in obj.needed:
            if needed not in found:
                found[needed] = None
                queue.append(needed)
    return tuple(queue)


def users_first(
    objects: Sequence[LinkMap], main: LinkMap, *, force_first: bool = True, bindings: bool = False
) -> tuple[LinkMap, ...]:
    """Sort `objects` so that each comes before its dependencies.

    A cycle is cut where the visit began.

    main         the program; it is not visited as a dependency of another object
    force_first  the first of `objects`, for which all were loaded, comes first even in a cycle
    bindings     an object also comes before those it was bound to, if dependencies allow it
    """
    order = _visit(objects, objects, main, bindings)
    if bindings and any(obj.reldeps for obj in objects):
        # A second sort without the bindings: dependencies take precedence over bindings.
        return tuple(reversed(_visit(objects, list(reversed(order)), main, False)))
    order.reverse()
    if force_first and order[0] is not objects[0]:
        order.remove(objects[0])
        order.insert(0, objects[0])
    return tuple(order)


def _visit(
    objects: Sequence[LinkMap], starts: Sequence[LinkMap], main: LinkMap, bindings: bool
) -> list[LinkMap]:
    """Visit objects depth first, from the last of `starts` to the first.

    Return them in postorder.
    """
    waiting = set(objects)
    order: list[LinkMap] = []
    for start in reversed(starts):
        if start not in waiting:
            continue
        waiting.discard(start)
        stack = [(start, _successors(start, bindings))]
        while stack:
            obj, rest = stack[-1]
            follow = next((n for n in rest if n in waiting and n is not main), None)
            if follow is None:
                order.append(obj)
                stack.pop()
            else:
                waiting.discard(follow)
                stack.append((follow, _successors(follow, bindings)))
    return order


def _successors(obj: LinkMap, bindings: bool) -> Iterator[LinkMap]:
    """The objects that are visited from `obj`."""
    yield from obj.dependencies
    if bindings:
        yield from reversed(obj.reldeps)
