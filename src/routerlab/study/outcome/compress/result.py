"""What a measurement of compression says, as it is saved."""

from typing import Literal

from routerlab.core.prediction import Record
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.analysis.result import Finding
from routerlab.study.outcome.record import Method


class Row(Record):
    """One prompt under one method. Tokens are the reader's, of the prompt and of what is left of it;
    `similarity` is the cosine of the encoder's means, None where it cannot read so much. Of
    the different `numbers` that the prompt names, `lost` are not in what is left."""

    prompt_sha256: str
    method: Method
    before: int
    after: int
    similarity: float | None
    numbers: int
    lost: int


class MethodFigures(Record):
    """A method over all prompts. `saved` is the share of tokens that is not sent, all prompts together;
    `similarity` the mean cosine, without the `unread` prompts, which are longer than the encoder can read;
    `alike` the share of them at or above H9's similarity. `lost` is the share of the numbers named in
    prompts that are not in what is left, None where there are none. `finding` is H9's: both limits kept."""

    method: Method
    prompts: int
    unread: int
    saved: Estimate
    similarity: Estimate | None
    alike: Estimate | None
    lost: Estimate | None
    finding: Finding


class QualityFigures(Record):
    """A variant against the same model asked whole, on the tasks that both have a score for. `difference` is
    the variant's mean score minus the other's, `p` that of no difference (signs flipped); `saved` is the
    share of prompt tokens as the model counts them, with its chat template (None where nobody counted).
    `finding` is whether answers get worse, by more than `worth`, and `needed` the tasks that would decide."""

    model: str
    whole: str
    method: Method
    keep: float
    tasks: int
    quality_whole: Estimate
    quality: Estimate
    difference: Estimate
    p: float
    saved: Estimate | None
    finding: Finding
    needed: int | None


class CompressResult(Record):
    """A measurement, with all that it was made with; `quality` is empty without outcomes. No texts. `worth`
    is the least difference of scores that matters."""

    schema_version: Literal[1] = 1
    kind: Literal["compression"] = "compression"
    lab_version: str
    prompts: str
    keep: float
    reader: str
    reader_sha256: str
    encoder: str
    encoder_sha256: str
    outcomes: str | None
    worth: float
    settings: Settings
    methods: tuple[MethodFigures, ...]
    quality: tuple[QualityFigures, ...]
    rows: tuple[Row, ...]
