"""A vLLM server's own log: what its versions write of requests, and what is made of it as prompts."""

import time
from pathlib import Path

import pytest

from routerlab.annotate.corpus.prompts import read_prompts
from routerlab.annotate.formats.vllm import is_log, read_log, turns
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

TAX = load_taxonomy(TAXONOMY)
CHATML = (
    r"<|im_start|>system\nBe it.<|im_end|>\n<|im_start|>user\nIt\'s \"late\", params: {x}\nWhy?<|im_end|>"
)
PARAMS = "SamplingParams(n=1, temperature=0.0, stop=['a', 'b'], max_tokens=128, extra_args=None)"
OLD = f"""\
INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)
INFO 12-06 14:09:27 logger.py:37] Received request cmpl-24f0-0: \
prompt: '{CHATML}\\n<|im_start|>assistant\\n', params: {PARAMS}, prompt_token_ids: [128000, 12805, 264, 11], \
lora_request: LoRARequest(lora_name='router', lora_int_id=1), prompt_adapter_request: None.
INFO 12-06 14:09:27 engine.py:280] Added request cmpl-24f0-0.
INFO 12-06 14:09:29 [async_llm_engine.py:179] Finished request cmpl-24f0-0.
INFO 12-06 14:09:30 async_llm_engine.py:433] Received request cmpl-b: prompt: None, prefix_pos: None,\
sampling_params: SamplingParams(n=1), prompt_token_ids: [1, 2], lora_request: None.
INFO 12-06 14:09:31 async_llm_engine.py:120] Aborted request cmpl-b.
INFO 12-06 14:09:27 logger.py:37] Received request chatcmpl-c prompt cut off
INFO:     127.0.0.1:34612 - "POST /v1/completions HTTP/1.1" 200 OK
"""
NEW = """\
(APIServer pid=1) DEBUG 11-07 04:35:26 [logger.py:47] Request chatcmpl-e details: \
prompt: "don't [INST]Why?[/INST]", prompt_token_ids: None, prompt_embeds shape: None.
(APIServer pid=1) INFO 11-07 04:35:26 [logger.py:56] Received request chatcmpl-e: \
params: SamplingParams(n=1), lora_request: None.
(APIServer pid=1) INFO 11-07 04:35:26 [async_llm.py:270] Added request chatcmpl-e-8af3.
(APIServer pid=1) INFO 11-07 04:35:27 [logger.py:71] Generated response chatcmpl-e (streaming delta): \
output: '{"label": ', output_token_ids: [1], finish_reason: None
(APIServer pid=1) INFO 11-07 04:35:28 [logger.py:71] Generated response chatcmpl-e (streaming delta): \
output: '"code/simple"}', output_token_ids: [2, 3], finish_reason: None
(APIServer pid=1) INFO 11-07 04:35:28 [logger.py:71] Generated response chatcmpl-e (streaming complete): \
output: '{"label": "code/simple"}', output_token_ids: None, finish_reason: stop
(APIServer pid=1) INFO 11-07 04:35:29 [logger.py:56] Received request chatcmpl-f: \
params: SamplingParams(n=1), lora_request: None.
"""


def test_requests_of_older_versions() -> None:
    kind, rows = read_log(OLD.splitlines())
    assert kind == ("log (2 requests in 5 lines, 2 other lines left out, 1 line of requests not understood)")
    (first, one), (second, other) = rows
    assert (first, second) == (2, 5)
    assert one["prompt"].endswith('user\nIt\'s "late", params: {x}\nWhy?<|im_end|>\n<|im_start|>assistant\n')
    assert (one["params"], one["tokens_in"], one["adapter"]) == (PARAMS, 4, "router")
    assert one["ended"] - one["began"] == 2
    assert "prompt" not in other
    assert (other["failed"], other["tokens_in"], other["params"]) == ("aborted", 2, "SamplingParams(n=1)")


def test_requests_of_newer_versions_with_their_answers() -> None:
    kind, rows = read_log(NEW.splitlines())
    assert kind == "log (2 requests in 7 lines)"
    (_, one), (_, other) = rows
    assert (one["vllm"], one["prompt"]) == ("chatcmpl-e", "don't [INST]Why?[/INST]")
    assert (one["answer"], one["finish_reason"]) == ('{"label": "code/simple"}', "stop")
    assert one["ended"] - one["began"] == 2
    assert other.keys() == {"vllm", "began", "params"}


def test_answers_in_pieces_are_put_together_where_no_line_has_the_whole() -> None:
    lines = NEW.splitlines()
    pieces = [line for line in lines if "complete" not in line]
    uncounted = [
        line.replace("""'{"label": "code/simple"}'""", "'<streaming_complete: 3 tokens>'") for line in lines
    ]
    for log in (pieces, uncounted):
        (_, one), _ = read_log(log)[1]
        assert (one["answer"], one["tokens_out"]) == ('{"label": "code/simple"}', 3)


@pytest.mark.parametrize(
    "prompt",
    [
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<bos><start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>S<\uff5cUser\uff5c>Why?<\uff5cAssistant\uff5c><think>\n",
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nWhy? [/INST]",
        "<|start|>system<|message|>S<|end|><|start|>user<|message|>Why?<|end|><|start|>assistant",
        "<|system|>\nS<|end|>\n<|user|>\nWhy?<|end|>\n<|assistant|>\n",
        "Why?",
    ],
)
def test_a_template_is_taken_off(prompt: str) -> None:
    assert [turn["content"] for turn in turns(prompt) if turn["role"] == "user"] == ["Why?"]


def test_prompts_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text(OLD + NEW)
    found = read_prompts(path, TAX)
    assert found.read_as.startswith("log (4 requests in 12 lines, 2 other lines left out, 1 line of requests")
    assert "understood) of vLLM: prompt = a user's turn" in found.read_as
    assert [(c.prompt, c.label, c.source_id) for c in found.cases] == [
        ('It\'s "late", params: {x}\nWhy?', None, "cmpl-24f0-0"),
        ("Why?", None, "chatcmpl-e"),
    ]
    assert found.left == {"its text is not in the log (VLLM_LOGGING_LEVEL=DEBUG writes it)": (5, 15)}
    path.write_text("\n".join(NEW.splitlines()[-1:]))
    with pytest.raises(LabError, match=r"holds no prompt \(1 left out, its text is not in the log"):
        read_prompts(path, TAX)


def test_other_texts_are_none() -> None:
    assert not is_log(
        "Received request to write a regex\nRequest denied: why?\nAdded request form to the page\n"
    )


@pytest.mark.parametrize("prompt", ["[INST]" * 20_000, "[INST]<<SYS>>" * 20_000, "<|user|>" + " " * 20_000])
def test_a_prompt_that_never_ends_a_turn_is_read_in_one_pass(prompt: str) -> None:
    began = time.thread_time()
    assert len(turns(prompt)) == 1
    assert time.thread_time() - began < 5  # it took 29 s and 93 s when every turn looked for its end anew


@pytest.mark.parametrize(
    "line",
    [
        r"Received request a: prompt: '\x9', params: X",
        r"Received request a: prompt: '\N{nothing}', params: X",
        "INFO 99-99 99:99:99 Received request a: params: X",
        "Received request a: params: X" + "lora_request: LoRARequest(" * 20_000,
    ],
)
def test_a_line_that_no_server_writes_is_no_traceback(line: str) -> None:
    began = time.thread_time()
    ((_, row),) = read_log([line])[1]
    assert row.keys() == {"vllm", "params"}
    assert time.thread_time() - began < 5
