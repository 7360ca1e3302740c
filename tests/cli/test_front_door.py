"""The walk-through of the front door, with a real router and two models on loopback behind it."""

import os
import re
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.tune.harness import pool_text
from tests.conftest import REPO
from tests.engine.remote.server import serving_beside
from tests.integrations.harness import free_port
from tests.walkthrough import follow, home, steps


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_chapter_is_true(routed_smollm2: Path, tmp_path: Path) -> None:
    """Other than there: free ports, and a pool that is read in seconds."""
    here = tmp_path / "lab"
    for name in ("sessions", "routers"):
        (here / name).mkdir(parents=True)
    (here / "models").symlink_to(routed_smollm2.parent)
    for file in (REPO / "routers").glob("smollm2-135m.*"):
        shutil.copy(file, here / "routers")
    (here / "pool.toml").write_text(pool_text())
    page = (REPO / "docs" / "front-door.md").read_text()
    port = free_port()
    page = page.replace(":8088", f":{port}").replace("serve --router", f"serve --port {port} --router")
    page = page.replace("--out routers", "--corpus pool.toml --out routers")
    with serving_beside() as small, serving_beside() as large:
        page = page.replace("http://127.0.0.1:8001/v1", small.url)
        page = page.replace("http://127.0.0.1:8002/v1", large.url)
        (table,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
        (here / "routes.toml").write_text(table)
        todo = steps(page)
        assert len(todo) >= 10
        try:
            follow(todo, here, home(tmp_path), "live #2")
        finally:
            with suppress(ProcessLookupError, FileNotFoundError):
                os.kill(int((here / "door.pid").read_text()), signal.SIGKILL)
        assert (len(small.asked), len(large.asked)) == (0, 1)
    assert (here / "routers" / "mine.toml").is_file()
