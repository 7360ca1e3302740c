"""From what a person writes to an arm: `ID_OR_PATH[:CONTRACT]`."""

from collections.abc import Sequence

from routerlab.core.errors import Exit, LabError
from routerlab.engine.arm import CONTRACTS, ArmSpec, ContractName
from routerlab.models.catalog import find_model, load_catalog


def arm_spec(text: str, contract: ContractName) -> ArmSpec:
    """The arm that `text` names: a catalogue id, a GGUF path or the stem of a file in a models folder.

    A suffix `:json` or `:score` wins over `contract`. The arm is named after the catalogue entry or the
    file, with `:json` added for that contract. LabError when there is no such model, with what to do.
    """
    head, _, tail = text.rpartition(":")
    for name in CONTRACTS:
        if head and tail == name:
            text, contract = head, name
    model = find_model(text)
    entry = next((e for e in load_catalog().model if e.file == model.name), None)
    base = entry.id if entry else model.stem
    return ArmSpec(name=base if contract == "score" else f"{base}:{contract}", model=model, contract=contract)


def arm_specs(texts: Sequence[str], contract: ContractName) -> list[ArmSpec]:
    """The arms that the texts name, none twice."""
    specs = [arm_spec(text, contract) for text in texts]
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise LabError(f"arm {name!r} is named twice", Exit.USAGE)
    return specs
