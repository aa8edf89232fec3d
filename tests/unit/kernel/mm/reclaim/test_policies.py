"""The replacement policies alone: small memories, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toyvm.kernel.mm.reclaim.policies import POLICIES, TAU, Candidates, Policy, Selection
from toyvm.run_options import RECLAIM_POLICIES

COUNT = 16


def candidates(
    frames: list[int],
    accessed: frozenset[int] | set[int] = frozenset(),
    dirty: frozenset[int] | set[int] = frozenset(),
    born: dict[int, int] | None = None,
    now: int = 0,
) -> Candidates:
    """Frames with what their entries say; they were filled in order of their numbers unless `born` says otherwise."""
    return Candidates(
        np.array(frames, np.int64),
        np.array([frame in accessed for frame in frames], np.bool_),
        np.array([frame in dirty for frame in frames], np.bool_),
        np.array([(born or {}).get(frame, frame) for frame in frames], np.int64),
        now,
    )


def plain(choice: Selection) -> tuple[list[int], set[int]]:
    return choice.victims.tolist(), set(choice.cleared.tolist())


def test_the_command_line_knows_the_policies() -> None:
    assert set(RECLAIM_POLICIES) == set(POLICIES)


def test_fifo_takes_who_came_first_used_or_not() -> None:
    among = candidates([1, 2, 3, 4], accessed={2}, born={1: 9, 2: 3, 3: 5, 4: 1})
    assert plain(POLICIES["fifo"](COUNT).choose(among, 2)) == ([4, 2], set())


def test_second_chance_sends_the_used_to_the_end_of_the_queue() -> None:
    policy = POLICIES["second-chance"](COUNT)
    assert plain(policy.choose(candidates([1, 2, 3, 4], accessed={1, 3}), 1)) == ([2], {1})
    # 1 is behind 3 and 4 now, though it came before them.
    assert plain(policy.choose(candidates([1, 3, 4]), 3)) == ([3, 4, 1], set())


def test_second_chance_takes_the_first_when_all_are_used() -> None:
    policy = POLICIES["second-chance"](COUNT)
    assert plain(policy.choose(candidates([1, 2, 3], accessed={1, 2, 3}), 2)) == ([1, 2], {3})


def test_the_hand_of_the_clock_goes_on_where_it_stopped() -> None:
    policy = POLICIES["clock"](COUNT)
    assert plain(policy.choose(candidates([1, 2, 3, 4, 5], accessed={1, 2}), 1)) == ([3], {1, 2})
    assert plain(policy.choose(candidates([1, 2, 4, 5], accessed={4}), 2)) == ([5, 1], {4})


def test_aging_remembers_more_than_one_interval() -> None:
    policy = POLICIES["lru"](COUNT)
    policy.choose(candidates([1, 2, 3], accessed={1, 2}), 0)
    policy.choose(candidates([1, 2, 3], accessed={2, 3}), 0)
    policy.choose(candidates([1, 2, 3]), 0)
    # 1 was used once long ago, 2 twice, 3 once lately.
    assert plain(policy.choose(candidates([1, 2, 3]), 3))[0] == [1, 3, 2]


def test_aging_forgets_a_page_whose_frame_was_filled_anew() -> None:
    policy = POLICIES["lru"](COUNT)
    policy.choose(candidates([1, 2], accessed={1}), 0)
    assert plain(policy.choose(candidates([1, 2], born={1: 8, 2: 2}), 1))[0] == [2]
    assert plain(policy.choose(candidates([1, 2], accessed={2}, born={1: 8, 2: 2}), 1))[0] == [1]


def test_random_repeats_itself_with_the_same_seed_only() -> None:
    among = candidates(list(range(1, COUNT)))
    draws = [plain(POLICIES["random"](COUNT, seed).choose(among, 8))[0] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    policy = POLICIES["random"](COUNT, 1)
    assert plain(policy.choose(among, 8)) != plain(policy.choose(among, 8))


def test_wsclock_takes_what_left_the_working_set_and_clean_pages_first() -> None:
    policy = POLICIES["wsclock"](COUNT)
    policy.choose(candidates([1, 2, 3, 4], now=0), 1)
    policy.choose(candidates([1, 2, 3, 4], accessed={2}, now=TAU), 1)
    among = candidates([1, 2, 3, 4], accessed={4}, dirty={1}, now=TAU + 1)
    assert plain(policy.choose(among, 3))[0] == [
        3,
        1,
        2,
    ]  # old and clean, old and dirty, the longest not used


def test_wsclock_passes_no_further_than_it_must() -> None:
    policy = POLICIES["wsclock"](COUNT)
    policy.choose(candidates([1, 2, 3, 4], now=0), 1)
    victims, cleared = plain(policy.choose(candidates([2, 3, 4], accessed={2, 4}, now=TAU + 1), 1))
    assert (victims, cleared) == ([3], {2})


@pytest.mark.parametrize("name", RECLAIM_POLICIES)
@given(data=st.data())
def test_any_policy_gives_as_many_as_there_are(name: str, data: st.DataObject) -> None:
    """Victims are distinct candidates, as many as asked for; only accessed candidates that stay have their A bits cleared."""
    policy: Policy = POLICIES[name](COUNT, 3)
    now = 0
    for _ in range(data.draw(st.integers(1, 6))):
        now += data.draw(st.integers(0, 2 * TAU))
        frames = sorted(data.draw(st.sets(st.integers(1, COUNT - 1), min_size=1)))
        some = st.sets(st.sampled_from(frames))
        born = {frame: data.draw(st.integers(1, 50)) for frame in frames}
        accessed, want = data.draw(some), data.draw(st.integers(1, COUNT))
        victims, cleared = plain(
            policy.choose(candidates(frames, accessed, data.draw(some), born, now), want)
        )
        assert len(victims) == min(want, len(frames)) == len(set(victims))
        assert set(victims) <= set(frames) and cleared <= accessed
