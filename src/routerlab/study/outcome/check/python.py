"""Tests of an answer's code, in the sandbox."""

from routerlab.study.outcome.check.extract import code_of
from routerlab.study.outcome.check.sandbox import Job, Sandbox
from routerlab.study.outcome.task import PythonCheck

_LONG = 120


def check_python(
    check: PythonCheck, answer: str, files: dict[str, str], sandbox: Sandbox, *, is_file: bool = False
) -> tuple[float, str]:
    """The share of the tests that pass, and the first that did not. `files` lie beside the code. With
    `is_file` the answer is a file's content, all of it code."""
    code = answer if is_file else code_of(answer, check.language)
    job = Job(check.tests, answer, code, check.run, check.setup, check.seconds, files)
    results = sandbox.run(job)
    failed = [(test, wrong) for test, wrong in zip(check.tests, results, strict=True) if wrong is not None]
    passed = len(results) - len(failed)
    if not failed:
        return 1.0, ""
    test, wrong = failed[0]
    shown = " ".join(test.split())
    shown = shown if len(shown) <= _LONG else shown[:_LONG] + "..."
    return passed / len(results), f"tests {passed} of {len(results)}; failed: {shown} ({wrong})"
