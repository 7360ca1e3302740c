"""What a session's records are about: prompts, of the records themselves or of the corpus that it pins."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from routerlab.core.corpus import Corpus
from routerlab.core.prediction import Trial
from routerlab.core.session.session import Pin, Session, pinned
from routerlab.resources import ROUTING60


def pinned_corpus(pin: Pin, session: Path, given: Sequence[Corpus] = ()) -> Corpus | None:
    """The corpus with the pin's hash, or None: one of those `given`, else one in this folder, beside the
    session's file, or shipped with the lab. A path in a file may not lead elsewhere."""
    for corpus in given:
        if corpus.sha256 == pin.sha256:
            return corpus
    found = pinned(pin, session, ROUTING60, Corpus)
    return found and found[1]


class About(NamedTuple):
    """The prompt a record is about, as far as it is known."""

    prompt: str | None
    case: str | None
    gold: str | None


def shown(case: str, session: Session, corpus: Corpus | None) -> About:
    """A case as an annotator saw it, which may be newer than the corpus that the session pins."""
    known = corpus.by_id.get(case) if corpus else None
    record = session.cases.get(case)
    prompt = record.prompt if record else known.prompt if known else None
    return About(prompt, case, known.label if known and known.prompt == prompt else None)


def asked(trial: Trial, session: Session, corpus: Corpus | None) -> About:
    """What a model was asked."""
    if trial.case is None:
        return About(trial.prompt, None, trial.gold)
    known = corpus.by_id.get(trial.case) if corpus else None
    prompt = known.prompt if known else shown(trial.case, session, corpus).prompt
    return About(prompt, trial.case, trial.gold or (known.label if known else None))
