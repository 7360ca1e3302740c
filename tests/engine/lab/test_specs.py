"""From what people write to an arm: how an answer is read goes all the way to the worker and the record."""

from pathlib import Path

from routerlab.cli.shared.open import _model_again
from routerlab.core.session.arm import ArmRecord
from routerlab.engine.lab.materials import arm_record
from routerlab.engine.lab.specs import arm_spec
from tests.conftest import PATIENCE_S
from tests.engine.asking import TWO
from tests.engine.tiny import build
from tests.engine.workers import SETTINGS, arms


async def test_a_lenient_arm_is_asked_as_json_and_says_so(tmp_path: Path) -> None:
    model = build(tmp_path / "tiny.gguf")
    strict, lenient = (arm_spec(f"{model}:{suffix}", "score") for suffix in ("json", "json-lenient"))
    assert (strict.name, strict.contract, strict.parse) == ("tiny:json", "json", None)
    assert (lenient.name, lenient.contract, lenient.parse) == ("tiny:json-lenient", "json", "lenient")
    arm = arms(SETTINGS, TWO, ()).model_arm(lenient)
    await arm.start()
    answer = await arm.ask("hello", PATIENCE_S)
    record = arm_record(arm)
    await arm.stop()
    assert (answer.status, answer.strict) == ("unparsed", False)
    assert isinstance(record, ArmRecord)
    assert record.parse == "lenient"
    assert record.identity != record.model_copy(update={"parse": None}).identity
    assert _model_again(record) == lenient
