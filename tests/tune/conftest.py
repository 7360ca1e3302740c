"""Small products on one thread: threads of the linear algebra that wait for each other, beside other tests,
take many times as long as the work."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Hold the libraries that are loaded to one thread."""
    with threadpool_limits(1):
        yield
