"""In which order objects are initialised and finalised: what a library needs is ready before it, and outlives it.

The order within those bounds is glibc's (the depth-first sort of its 2.35 and later), so that programs see the same:
objects are visited from the last loaded to the first, each after what it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .link_map import LinkMap


def breadth_first(roots: Iterable[LinkMap]) -> tuple[LinkMap, ...]:
    """`roots` and all they need, each once, nearest first: the search list."""
    found = dict.fromkeys(roots)
    queue = list(found)
    for obj in queue:
        for needed in obj.needed:
            if needed not in found:
                found[needed] = None
                queue.append(needed)
    return tuple(queue)


def dependencies_first(
    objects: Sequence[LinkMap], main: LinkMap | None = None, *, root_last: bool = True
) -> list[LinkMap]:
    """`objects` such that each comes after those it needs (circles are cut where the visit began).

    `main`, the program, is visited only for itself: nothing that names it as a dependency moves it forward.
    `root_last`: the first of `objects`, which all were loaded for, comes last even in a circle.
    """
    wanted = set(objects)
    visited: set[LinkMap] = set()
    order: list[LinkMap] = []
    for start in reversed(objects):
        stack = [(start, iter(start.needed))] if start not in visited else []
        visited.add(start)
        while stack:
            obj, rest = stack[-1]
            follow = next((n for n in rest if n in wanted and n not in visited and n is not main), None)
            if follow is None:
                order.append(obj)
                stack.pop()
            else:
                visited.add(follow)
                stack.append((follow, iter(follow.needed)))
    if root_last and order and order[-1] is not objects[0]:
        order.remove(objects[0])
        order.append(objects[0])
    return order
