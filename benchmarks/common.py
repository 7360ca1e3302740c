"""Shared by the benchmarks: the materials, percentiles and the model."""

import os
from dataclasses import dataclass
from pathlib import Path

import routerlab
from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.statistics.quantiles import percentile
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.lab.materials import Materials
from routerlab.models.catalog import find_model
from routerlab.resources import EXEMPLARS, ROUTING60, TAXONOMY

ROOT = Path(routerlab.__file__).parents[2]


@dataclass(frozen=True)
class Setup:
    """Everything a benchmark asks with."""

    taxonomy: Taxonomy
    corpus: Corpus
    exemplars: tuple[Exemplar, ...]
    exemplars_sha256: str
    model: Path

    @property
    def materials(self) -> Materials:
        """The same, as a lab wants it."""
        return Materials(self.taxonomy, TAXONOMY, self.corpus, ROUTING60)


def setup(model: str = "smollm2-135m") -> Setup:
    """The shipped taxonomy, cases and exemplars, and a model that must have been pulled."""
    os.chdir(ROOT)
    taxonomy = load_taxonomy(TAXONOMY)
    exemplars = load_corpus(EXEMPLARS, taxonomy)
    shots = tuple(Exemplar(prompt=c.prompt, label=c.label) for c in exemplars.case)
    return Setup(
        taxonomy, load_corpus(ROUTING60, taxonomy), shots, exemplars.sha256, find_model(model).absolute()
    )


def spread(values: list[float]) -> dict[str, float]:
    """n, median, P95 and maximum."""
    p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
    return {"n": len(values), "p50": p50 or 0.0, "p95": p95 or 0.0, "max": max(values, default=0.0)}
