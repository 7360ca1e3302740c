"""A real router, asked once for what `analyze` needs of it."""

from pathlib import Path

import pytest

from routerlab.api import load_router
from routerlab.study.outcome.tables.prompts import ask

PROMPTS = ["Write a Python function that reverses a string.", "Why is the sky blue?"]


async def test_labels_and_features_are_of_one_pass(
    routed_smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(routed_smollm2.parent.parent)
    told: list[tuple[int, int]] = []
    found = await ask("routers/smollm2-135m.toml", PROMPTS, lambda done, total: told.append((done, total)))
    with load_router("routers/smollm2-135m.toml") as router:
        assert found.labels == tuple(one.routed for one in router.route_many(PROMPTS))
    assert found.features is not None
    assert found.features.shape[0] == 2
    assert found.features[0].tolist() != found.features[1].tolist()
    assert told == [(1, 2), (2, 2)]


async def test_what_is_no_probe_gives_labels_only() -> None:
    found = await ask("baseline:keywords", PROMPTS, lambda done, total: None)
    assert found.features is None
    assert len(found.labels) == 2
