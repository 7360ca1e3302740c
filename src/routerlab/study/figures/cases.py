"""What is known of the cases that a log is about, besides their gold: of which kind each is."""

from dataclasses import dataclass
from pathlib import Path

from routerlab.annotate.ratings.pinned import pinned_corpus
from routerlab.core.corpus import Fit
from routerlab.core.session.session import Session


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """`words` are the prompt's, parted by white space. None: not known, or of `fit`, a label fits."""

    words: int
    language: str | None = None
    source: str | None = None
    fit: Fit | None = None


def case_facts(path: Path, session: Session) -> dict[str, CaseFacts]:
    """Case -> what its corpus says of it, if the one that the session pins is at hand; of typed prompts,
    which are their own cases, only the length is known."""
    pin = session.header.corpus
    corpus = pinned_corpus(pin, path) if pin else None
    found = {
        case.id: CaseFacts(len(case.prompt.split()), case.language, case.source or corpus.source, case.fit)
        for case in (corpus.case if corpus else ())
        if corpus
    }
    typed = {trial.prompt for trial in session.trials if trial.case is None and trial.prompt is not None}
    return found | {prompt: CaseFacts(len(prompt.split())) for prompt in sorted(typed)}
