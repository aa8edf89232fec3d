"""In which order objects are initialised and finalised: what a library needs is ready before it, and outlives it.

The order within those bounds is glibc's (the depth-first sort of its 2.35 and later), so that programs see the same:
objects are visited from the last loaded to the first, each after what it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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


def users_first(
    objects: Sequence[LinkMap], main: LinkMap, *, force_first: bool = True, bindings: bool = False
) -> tuple[LinkMap, ...]:
    """`objects` such that each comes before those it needs (circles are cut where the visit began).

    `main`, the program, is visited only for itself: nothing that names it as a dependency moves it. `force_first`: the first of
    `objects`, which all were loaded for, comes first even in a circle. `bindings`: an object comes before those it was bound to,
    too, where what is needed allows it: for finalisers.
    """
    order = _visit(objects, objects, main, bindings)
    if bindings and any(obj.reldeps for obj in objects):
        # Again without the bindings, which must not undo what is needed.
        return tuple(reversed(_visit(objects, list(reversed(order)), main, False)))
    order.reverse()
    if force_first and order[0] is not objects[0]:
        order.remove(objects[0])
        order.insert(0, objects[0])
    return tuple(order)


def _visit(
    objects: Sequence[LinkMap], starts: Sequence[LinkMap], main: LinkMap, bindings: bool
) -> list[LinkMap]:
    """A depth-first visit from the last of `starts` to the first: the objects in the order in which the visit leaves them."""
    waiting = set(objects)
    order: list[LinkMap] = []
    for start in reversed(starts):
        if start not in waiting:
            continue
        waiting.discard(start)
        stack = [(start, _followed(start, bindings))]
        while stack:
            obj, rest = stack[-1]
            follow = next((n for n in rest if n in waiting and n is not main), None)
            if follow is None:
                order.append(obj)
                stack.pop()
            else:
                waiting.discard(follow)
                stack.append((follow, _followed(follow, bindings)))
    return order


def _followed(obj: LinkMap, bindings: bool) -> Iterator[LinkMap]:
    """What the visit goes on to from `obj`."""
    yield from obj.dependencies
    if bindings:
        yield from reversed(obj.reldeps)
