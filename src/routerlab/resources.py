"""Files that ship with the lab: in a wheel under `data/`, in a checkout at the top."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent.parent

TAXONOMY = _ROOT / "corpus" / "taxonomy.toml"
ROUTING60 = _ROOT / "corpus" / "routing60.toml"
EXEMPLARS = _ROOT / "corpus" / "exemplars.toml"
GUIDELINES = _ROOT / "corpus" / "guidelines.md"
OVERLAYS = {
    _ROOT / "corpus" / "real498.toml": "64715d2a32e9a9fe9f449977943f574090fccf9c723e5fff97377eef03b66da6"
}
"""Corpora without texts, and the hash of each one's content: its test cases are never fitted to."""
KEYWORDS = _ROOT / "corpus" / "keywords.toml"
POOL = _ROOT / "corpus" / "pool.toml"
POOLS = (POOL, POOL.with_name("pool2.toml"))
"""What routers are fitted to: prompts written for the taxonomy, and such as people type."""
UNFAMILIAR = _ROOT / "corpus" / "unfamiliar.toml"
"""What no label fits, to measure with how well a router tells it; never fitted to."""
ROUTES = _ROOT / "corpus" / "routes.toml"
ROUTERS = _ROOT / "routers"
CATALOG = _ROOT / "models" / "catalog.toml"
