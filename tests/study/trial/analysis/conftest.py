"""Trials are made of a protocol, a session and its analysis."""

from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.core.corpus import Corpus
from routerlab.core.files.toml import load_toml
from routerlab.core.session.run import Mark
from routerlab.resources import ROUTES
from routerlab.study.routing_table import Routes
from routerlab.study.trial.analysis.analysis import analyse_trial
from routerlab.study.trial.analysis.result import TrialResult
from routerlab.study.trial.protocol.assignment import Planned
from tests.study.trial.analysis.made import Made, mostly_right
from tests.study.trial.harness import Answer, protocol_file, session_file


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes a protocol and a session, and analyses it."""

    def make(
        answer: Callable[[Planned, str], Answer | None] = mostly_right,
        routes: Routes | None = None,
        end: str | None = "every session is answered",
        marks: tuple[Mark, ...] = (),
        queue_ms: float = 50.0,
        due_every_s: float = 3600.0,
        **protocol: object,
    ) -> TrialResult:
        (tmp_path / "session.toml").unlink(missing_ok=True)
        file = protocol_file(tmp_path, **protocol)  # type: ignore[arg-type]
        session = session_file(tmp_path, file, answer, end, queue_ms, due_every_s, marks)
        corpus = load_toml(tmp_path / "round.toml", Corpus)
        return analyse_trial(session, corpus, routes or load_toml(ROUTES, Routes))

    return make
