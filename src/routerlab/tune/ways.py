"""The ways to ask that tuning tries: which weights, how much they are told, with which exemplars."""

from dataclasses import dataclass
from functools import cached_property

from routerlab.core.text import plural
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.contract.contract import Exemplar
from routerlab.models.gguf import read_header


@dataclass(frozen=True)
class Way:
    """A model file with an instruction (both in `spec`), and exemplars; `own` are the rows of the corpus that
    are among the exemplars."""

    spec: ArmSpec
    shots: tuple[Exemplar, ...] = ()
    own: tuple[int, ...] = ()

    @cached_property
    def text(self) -> str:
        """It in words."""
        header = read_header(self.spec.model)
        if header.embedding:
            return f"{header.quantization}, as the model reads"
        shots = f"{plural(len(self.shots), 'exemplar')}" if self.shots else "no exemplars"
        return f"{header.quantization}, instruction {self.spec.instruction}, {shots}"
