"""Who asks whom what, and when: balanced by blocks, or by a hash as in the original study."""

from collections import Counter

import pytest

from routerlab.study.trial.protocol.assignment import Method, Planned, arm_of, assign, balance

CASES = [f"c{i}" for i in range(20)]
ARMS = ["control", "b", "c", "d"]


def by_arm(planned: list[Planned]) -> dict[str, Counter[str]]:
    return {arm: Counter(p.case for p in planned if p.arm == arm) for arm in ARMS}


@pytest.mark.parametrize("sessions", [20, 60, 47, 7])
def test_blocks_ask_every_arm_the_same_cases_equally_often(sessions: int) -> None:
    planned = assign("blocks", CASES, ARMS, sessions, seed=3)
    counts = by_arm(planned)
    assert all(counts[arm] == counts["control"] for arm in ARMS)
    assert counts["control"].total() == sessions
    assert max(counts["control"].values()) - min(counts["control"][c] for c in CASES) <= 1


def test_a_block_has_every_arm_once_and_one_case() -> None:
    planned = assign("blocks", CASES, ARMS, 40, seed=3)
    blocks = [planned[i : i + 4] for i in range(0, len(planned), 4)]
    assert all({p.arm for p in block} == set(ARMS) for block in blocks)
    assert all(len({(p.case, p.block, p.repeat) for p in block}) == 1 for block in blocks)
    assert len({tuple(p.arm for p in block) for block in blocks}) > 10  # interleaved in changing order
    assert [p.index for p in planned] == list(range(160))


@pytest.mark.parametrize("method", ["blocks", "hash"])
def test_the_seed_decides_and_ids_and_keys_are_unique(method: Method) -> None:
    one, same, other = (assign(method, CASES, ARMS, 40, seed) for seed in (1, 1, 2))
    assert one == same
    assert [p.arm for p in one] != [p.arm for p in other]
    assert len({p.id for p in one}) == len(one) == 160
    assert len({(p.case, p.arm, p.repeat) for p in one}) == 160


def test_a_hash_of_the_id_decides_on_the_arm() -> None:
    # echo -n 7-00000 | sha256sum, modulo 4
    assert [arm_of(f"7-{i:05d}", ARMS) for i in range(4)] == ["c", "control", "control", "b"]
    planned = assign("hash", CASES, ARMS, 100, seed=7)
    assert len(planned) == 400
    assert all(p.arm == arm_of(p.id, ARMS) for p in planned)
    assert all(p.block is None for p in planned)


def test_hashes_leave_cases_uneven_and_the_balance_says_so() -> None:
    from scipy.stats import chisquare

    planned = assign("hash", CASES, ARMS, 100, seed=7)
    found = balance(planned, CASES, ARMS)
    counts = by_arm(planned)
    assert found.arms == {arm: counts[arm].total() for arm in ARMS}
    assert found.p == pytest.approx(chisquare(list(found.arms.values())).pvalue)
    assert found.fewest == min(counts[a][c] for a in ARMS for c in CASES)
    assert found.most == max(counts[a][c] for a in ARMS for c in CASES)
    assert found.apart > 2
    assert found.apart > 0
    even = balance(assign("blocks", CASES, ARMS, 100, seed=7), CASES, ARMS)
    assert (even.apart, even.fewest, even.most, even.p) == (0, 5, 5, 1.0)


def test_a_case_that_no_arm_is_asked_counts_as_none() -> None:
    found = balance(assign("blocks", CASES, ARMS, 7, seed=1), CASES, ARMS)
    assert (found.fewest, found.most, found.apart) == (0, 1, 0)
