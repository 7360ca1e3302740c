"""A protocol with everything that it names: what a lock pins, and what a run needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.corpus import Case, Corpus, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.factory import exemplar_corpus
from routerlab.engine.remote.arm import RemoteSpec
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.study.benchmark.plan import planned_cases, planned_specs
from routerlab.study.outcome.matrix import Matrix
from routerlab.study.routing_table import Routes, routes_for
from routerlab.study.trial.protocol.answers import load_outcomes
from routerlab.study.trial.protocol.assignment import Planned, assign
from routerlab.study.trial.protocol.protocol import Protocol
from routerlab.study.trial.protocol.traffic import bursty, poisson, read_stamps, replayed


@dataclass(frozen=True)
class Registered:
    """The protocol in `path`, and what it names. `exemplars` is None where there are none, `routes` where the
    taxonomy has no routing table; `outcomes` are the measured answers to `cases`, None where none are named;
    `stamps` are the moments of replay traffic."""

    protocol: Protocol
    path: Path
    taxonomy: Taxonomy
    taxonomy_path: Path
    corpus: Corpus
    corpus_path: Path
    cases: Sequence[Case]
    exemplars: Corpus | None
    routes: Routes | None
    outcomes: Matrix | None
    stamps: Sequence[float]
    specs: Sequence[Spec]

    @property
    def arms(self) -> list[str]:
        """The names of all arms."""
        return [spec.name for spec in self.specs]

    @property
    def routed(self) -> list[str]:
        """The names of the arms that put labels on prompts: all but the control."""
        return [spec.name for spec in self.specs if spec.contract != "none"]

    def planned(self) -> list[Planned]:
        """All sessions in order."""
        p = self.protocol
        return assign(p.assignment, [case.id for case in self.cases], self.arms, p.sessions, p.seed)

    def due(self, n: int) -> list[float]:
        """Seconds from the start at which the first `n` sessions are due; empty for closed traffic."""
        traffic, seed = self.protocol.traffic, self.protocol.seed
        if traffic.pattern == "closed":
            return []
        if traffic.pattern == "replay":
            return replayed(n, self.stamps, traffic.rate)
        assert traffic.rate is not None
        if traffic.pattern == "bursty":
            return bursty(n, traffic.rate, traffic.burst, seed)
        return poisson(n, traffic.rate, seed)


def connections(spec: Spec, schedule: str) -> int:
    """How many sessions an arm serves at a time: one, but for a remote that waits for no turn."""
    if isinstance(spec, RemoteSpec) and not (spec.remote.is_local and schedule == "exclusive"):
        return spec.remote.concurrency
    return 1


def register(path: Path) -> Registered:
    """The protocol in `path` and all that it names; LabError when something of it is missing or not sound.

    Those without a corpus of their own use what ships; exemplars that ship are for the labels that ship.
    """
    protocol = load_toml(path, Protocol)
    taxonomy_path = Path(protocol.taxonomy) if protocol.taxonomy else TAXONOMY
    corpus_path = Path(protocol.corpus) if protocol.corpus else ROUTING60
    taxonomy = load_taxonomy(taxonomy_path)
    corpus = load_corpus(corpus_path, taxonomy)
    cases = planned_cases(protocol, corpus, path)
    routes = routes_for(Path(protocol.routes) if protocol.routes else None, taxonomy)
    outcomes = load_outcomes(protocol, cases, routes)
    _one_currency(path, protocol, routes, outcomes)
    return Registered(
        protocol=protocol,
        path=path,
        taxonomy=taxonomy,
        taxonomy_path=taxonomy_path,
        corpus=corpus,
        corpus_path=corpus_path,
        cases=cases,
        exemplars=exemplar_corpus(taxonomy, protocol.exemplars),
        routes=routes,
        outcomes=outcomes,
        stamps=read_stamps(Path(protocol.traffic.stamps)) if protocol.traffic.stamps else (),
        specs=_specs(path, protocol),
    )


def _specs(path: Path, protocol: Protocol) -> list[Spec]:
    """The protocol's arms, of which one at most is a control, and one at least is none."""
    specs = planned_specs(protocol, path)
    controls = [spec.name for spec in specs if spec.contract == "none"]
    if len(controls) > 1:
        raise LabError(f"{path}: {', '.join(controls)} are all controls; one is enough")
    if len(controls) == len(specs):
        raise LabError(f"{path}: the control is the only arm; add one that routes")
    return specs


def _one_currency(path: Path, protocol: Protocol, routes: Routes | None, outcomes: Matrix | None) -> None:
    """LabError where costs that are added up are in several currencies."""
    if routes is None:
        return
    said = [(f"remote {one.name!r}", one.prices.currency) for one in protocol.remote if one.prices]
    if protocol.cost:
        said.append(("[cost]", protocol.cost.currency))
    if outcomes:
        said.append(("the measured answers", outcomes.currency))
    for what, currency in said:
        if currency != routes.currency:
            raise LabError(
                f"{path}: {what} has prices in {currency}, routing table {routes.name!r} in "
                f"{routes.currency}; use one currency"
            )
