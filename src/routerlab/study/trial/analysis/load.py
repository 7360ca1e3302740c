"""A trial's result from its session's file, with the corpus and the routing table that were locked."""

from collections.abc import Callable
from pathlib import Path

from routerlab.annotate.ratings.pinned import pinned_corpus
from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session
from routerlab.models.fingerprint import hash_file
from routerlab.resources import ROUTES
from routerlab.study.outcome.matrix import Matrix
from routerlab.study.routing_table import Routes, check_labels
from routerlab.study.trial.analysis.analysis import analyse_trial
from routerlab.study.trial.analysis.result import TrialResult
from routerlab.study.trial.protocol.answers import load_outcomes
from routerlab.study.trial.protocol.session import Recorded, ended, recorded

Tell = Callable[[str], None]
"""Gets what a reader should know of the result besides."""


def finished_trial(path: Path, session: Session, tell: Tell) -> TrialResult:
    """The result of a trial that is over; LabError of one that is not: its protocol says when to look."""
    if ended(session) is None:
        raise LabError(
            f"{path}: a trial that is not over; `routerlab trial peek` shows outcomes, and writes that down"
        )
    return _result(path, session, tell)


def open_trial(path: Path, tell: Tell, corpus: Path | None = None, routes: Path | None = None) -> TrialResult:
    """The result of the trial in `path`, over or not; LabError when it is no trial's.

    `corpus` is where the corpus is now; `routes` another routing table than the locked one. Where one of them
    is not to be had, `tell` says so, and the result is without what needs it.
    """
    return _result(path, read_session(path).session, tell, corpus, routes)


def _result(
    path: Path, session: Session, tell: Tell, corpus: Path | None = None, routes: Path | None = None
) -> TrialResult:
    cases, table = _corpus(path, session, corpus, tell), _routes(path, session, routes, tell)
    return analyse_trial(path, cases, table, _outcomes(recorded(path, session), cases, table, tell))


def _corpus(path: Path, session: Session, named: Path | None, tell: Tell) -> Corpus | None:
    """The corpus that the session pins. LabError when one that was named is another."""
    pin = session.header.corpus
    if pin is None:
        raise LabError(f"{path}: pins no corpus, so it is no trial's session")
    if named:
        found = load_toml(named, Corpus)
        if found.sha256 != pin.sha256:
            raise LabError(
                f"{named}: is not the corpus of the trial ({pin.name} {pin.sha256[:12]}); this one is "
                f"{found.sha256[:12]}"
            )
        return found
    if (corpus := pinned_corpus(pin, path)) is None:
        tell(
            f"the corpus {pin.name} as it was ({pin.sha256[:12]}) is not at {pin.path}: no costs of "
            "downstream models; name it with `trial analyze --corpus`"
        )
    return corpus


def _routes(path: Path, session: Session, named: Path | None, tell: Tell) -> Routes | None:
    """The routing table that was named, else the locked one, unless that changed."""
    trial = recorded(path, session)
    locked = trial.lock.pins.get("routes")
    if named is None and locked is None:
        return None
    file = named or (Path(trial.protocol.routes) if trial.protocol.routes else ROUTES)
    try:
        routes = load_toml(file, Routes)
        check_labels(file, routes, session.header.taxonomy.labels)
    except LabError as e:
        if named:
            raise
        tell(f"no costs of downstream models: {e}")
        return None
    if routes.sha256 == locked:
        return routes
    if named is None:
        tell(
            f"{file} is not the routing table that was locked: no costs of downstream models; name it with "
            "`trial analyze --routes` to use it all the same"
        )
        return None
    tell(f"{file} is another routing table than the one that was locked")
    return routes


def _outcomes(trial: Recorded, corpus: Corpus | None, routes: Routes | None, tell: Tell) -> Matrix | None:
    """The measured answers that were locked, unless they changed, or what they are of is not at hand."""
    named = trial.protocol.outcomes
    if named is None:
        return None
    if corpus is None or routes is None:
        tell("no quality of answers, which takes the corpus and the routing table")
        return None
    try:
        if hash_file(Path(named)) != trial.lock.pins.get("outcomes"):
            raise LabError(f"{named} is not the file that was locked")
        return load_outcomes(trial.protocol, [corpus.by_id[case] for case in trial.lock.cases], routes)
    except LabError as e:
        tell(f"no quality of answers: {e}")
        return None
