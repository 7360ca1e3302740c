"""Files that ship with the lab: in a wheel under `data/`, in a checkout at the top."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent.parent

TAXONOMY = _ROOT / "corpus" / "taxonomy.toml"
ROUTING60 = _ROOT / "corpus" / "routing60.toml"
EXEMPLARS = _ROOT / "corpus" / "exemplars.toml"
GUIDELINES = _ROOT / "corpus" / "guidelines.md"
OVERLAYS = {
    _ROOT / "corpus" / "real498.toml": "d085b257a3ef93b8c2802f23e4966455fe5c4dfe0ce62e3082a7179eb1af0a76",
    _ROOT / "corpus" / "real1438.toml": "a85686f25df7049182409d0e8c4fa85414e2a6999b4cc93ad7b68b64eef2538c",
    _ROOT / "corpus" / "real4198.toml": "d963d679dc17de5aec6f92efb9b4855281aebbb3d83c7146c63c4a437af9e6a8",
    _ROOT / "corpus" / "real3371.toml": "b1a7817c58cd1fb0d6bc51076eccd07f11e39c74a2cd9411152d7408cdac7681",
    _ROOT / "corpus" / "real2662.toml": "f3ef20a50c9d23efccb332b1c1d77092c426b03877866dd04a0bee4d110f2a28",
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
