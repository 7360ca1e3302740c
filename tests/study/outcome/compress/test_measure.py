"""Real models: a small one that reads and compresses, an encoder that compares."""

from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import Exit, LabError
from routerlab.settings import Settings
from routerlab.study.outcome.compress.measure import measure
from routerlab.study.outcome.compress.reader import Encoder, Reader
from tests.engine import encoders, tiny

SETTINGS = Settings(threads=1, gpu_layers=0, annotator="ada")
PROMPT = (
    "Hi there, I would like you to write me a Python function leap(year) that tells whether a year, such as "
    "1,900 or 2024, is a leap year. Only the code, please, and thank you very much for your help with this."
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoders.build(tmp_path_factory.mktemp("encoder") / "nomic-bert.gguf", "nomic-bert")


async def test_smollm2_keeps_what_says_most(smollm2: Path, encoder: Path) -> None:
    told: list[tuple[int, int]] = []
    async with Reader(smollm2, SETTINGS) as reader, Encoder(encoder, SETTINGS) as other:
        found = await measure(
            [PROMPT, "why is the sky so blue?"],
            ("window", "self-information", "llmlingua"),
            0.6,
            reader,
            other,
            lambda done, of: told.append((done, of)),
        )
        again = await other.embed("why is the sky blue?")
        assert await reader.compress(await reader.read("日本語のテキスト"), "self-information", 0.5) != ""
    assert told == [(1, 2), (2, 2)]
    assert [one.row.method for one in found] == ["window", "self-information", "llmlingua"] * 2
    for one in found[:3]:
        assert one.prompt == PROMPT
        assert one.row.after <= 0.6 * one.row.before + 3  # what is left may be split into more tokens
        assert one.row.numbers == 2
        assert one.row.lost == 2 - ("1,900" in one.text) - ("2024" in one.text)
        assert one.row.similarity is None  # more than the tiny encoder reads
    for one in found[3:]:
        assert one.row.similarity is not None
        assert one.row.similarity < 1
    window, words, tokens = (one.text for one in found[:3])
    assert window.startswith("Hi there")
    assert " [...] " in window
    for text in (words, tokens):
        assert "leap" in text
        assert "very much" not in text  # what is known to come goes first
    assert again is not None
    assert np.linalg.norm(again) == pytest.approx(1.0)


async def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "tiny.gguf")
    with pytest.raises(LabError, match="asked of an encoder"):
        Encoder(model, SETTINGS)
    async with Reader(model, SETTINGS) as reader:
        with pytest.raises(LabError, match=r"tiny cannot read the prompt: it has .* more than a context of"):
            await reader.read("word " * 5000)
    model.write_bytes(model.read_bytes()[:9000])
    with pytest.raises(LabError) as caught:
        async with Reader(model, SETTINGS):
            pass
    assert caught.value.code == Exit.MISSING
