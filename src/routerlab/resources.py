"""Files that ship with the lab: in a wheel under `data/`, in a checkout at the top."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent.parent

TAXONOMY = _ROOT / "corpus" / "taxonomy.toml"
ROUTING60 = _ROOT / "corpus" / "routing60.toml"
EXEMPLARS = _ROOT / "corpus" / "exemplars.toml"
GUIDELINES = _ROOT / "corpus" / "guidelines.md"
OVERLAYS = (_ROOT / "corpus" / "real498.toml",)
"""Corpora without texts; the test parts of those that are there are never fitted to."""
KEYWORDS = _ROOT / "corpus" / "keywords.toml"
POOL = _ROOT / "corpus" / "pool.toml"
ROUTES = _ROOT / "corpus" / "routes.toml"
ROUTERS = _ROOT / "routers"
CATALOG = _ROOT / "models" / "catalog.toml"
