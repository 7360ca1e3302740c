"""Whether arms are alike in all that is not compared. Harmony is checked, not assumed."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from routerlab.core.corpus import Corpus, fold
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.session.arm import AnyArmRecord, ArmRecord, BaselineRecord, RemoteRecord
from routerlab.core.text import plural
from routerlab.engine.arms.arm import ArmSpec, Spec
from routerlab.engine.arms.baseline import BaselineSpec
from routerlab.engine.arms.cascade import member_files
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.router import Cascade, load_router
from routerlab.engine.lab.specs import router_spec
from routerlab.engine.worker.build import BuildInfo
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import read_header
from routerlab.resources import POOL
from routerlab.study.figures.rows import grouped

_BITS = re.compile(r"(?:MXFP|NVFP|IQ|TQ|BF|Q|F)(\d+)(?:_\w+)?")


def quantization_class(quantization: str) -> str | None:
    """How many bits a weight has, about: "4-bit" for Q4_K_M and Q4_1 alike; None for a name that tells
    nothing."""
    found = _BITS.fullmatch(quantization)
    return f"{found[1]}-bit" if found else None


def weights(spec: Spec) -> dict[str, Path]:
    """The model files behind an arm, each under a name; none for an arm that has no model."""
    if isinstance(spec, BaselineSpec):
        own = [item for m in spec.members for item in weights(m).items()]
        return {f"{spec.name}/{name}": path for name, path in own}
    if not isinstance(spec, ArmSpec):
        return {}
    router = load_router(spec.router) if spec.router else None
    if spec.router and isinstance(router, Cascade):
        members = [router_spec(path) for path in member_files(spec.router, router)]
        return {f"{spec.name}/{member.name}": member.model for member in members}
    return {spec.name: spec.model}


def check_provenance(specs: Iterable[Spec], build: BuildInfo) -> dict[Path, str]:
    """SHA-256 by model file. LabError (exit 2) when anything about a model's origin is not known: what the
    weights are, how they are quantized, or which library computes with them."""
    if not build.version.strip():
        raise LabError("the version of llama.cpp is not known; nothing measured with it could be repeated")
    known: dict[Path, str] = {}
    for name, path in (item for spec in specs for item in weights(spec).items()):
        try:
            quantization = read_header(path).quantization
            known[path] = file_sha256(path)
        except LabError as e:
            raise LabError(f"{name}: its provenance cannot be told: {e}") from None
        if quantization_class(quantization) is None:
            raise LabError(
                f"{name}: {path} has an unknown quantization ({quantization}), so it can be compared with "
                "nothing; convert it to a type that this lab knows"
            )
    return known


def models(arms: Mapping[str, AnyArmRecord]) -> dict[str, ArmRecord]:
    """The records of the models behind the arms, each under a name."""
    found: dict[str, ArmRecord] = {}
    for name, record in arms.items():
        if isinstance(record, ArmRecord):
            found[name] = record
        elif isinstance(record, BaselineRecord):
            found |= {f"{name}/{member.name}": member for member in record.member}
    return found


def differences(arms: Mapping[str, AnyArmRecord]) -> list[str]:
    """What the models do not have in common, a line each; empty where they are alike.

    Besides what every arm of a session shares: machine, corpus and taxonomy.
    """
    facts: dict[str, Callable[[ArmRecord], str]] = {
        "quantization": lambda r: quantization_class(r.quantization) or r.quantization,
        "threads": lambda r: plural(r.threads, "thread"),
        "library": lambda r: r.llama_cpp,
        "devices": lambda r: " + ".join(re.findall(r"[A-Za-z]\w*(?= [\d.]+ [MG]iB)", r.device)) or r.device,
    }
    lines = []
    records = models(arms)
    for what, fact in facts.items():
        having = grouped((fact(record), name) for name, record in records.items())
        if len(having) > 1:
            parts = (f"{value} ({', '.join(names)})" for value, names in having.items())
            lines.append(f"{what}: {'; '.join(parts)}")
    elsewhere = {name: arm.base_url for name, arm in arms.items() if isinstance(arm, RemoteRecord)}
    return lines + [
        f"{name}: which weights, library and machine answer at {url} is not known"
        for name, url in elsewhere.items()
    ]


def leaks(specs: Sequence[Spec], corpus: Corpus, shots: Sequence[Exemplar]) -> list[str]:
    """Where arms have seen what they are tested with, a line each."""
    lines = []
    for spec in specs:
        members = spec.members if isinstance(spec, BaselineSpec) else (spec,)
        routers = [load_router(m.router) for m in members if isinstance(m, ArmSpec) and m.router]
        if any(router.evidence.fitted_to(corpus.sha256) for router in routers):
            lines.append(f"{spec.name}: was tuned on {corpus.name}, the corpus that it is tested with")
        if isinstance(spec, BaselineSpec) and spec.contract == "majority":
            counted = load_toml(spec.file or POOL, Corpus)
            if counted.sha256 == corpus.sha256:
                lines.append(f"{spec.name}: counts the labels of {corpus.name}, which it is tested with")
    prompts = {fold(case.prompt) for case in corpus.case}
    if shown := sum(fold(shot.prompt) in prompts for shot in shots):
        lines.append(f"exemplars: {shown} of them are cases of {corpus.name}")
    return lines
