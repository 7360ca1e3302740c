"""Model files: catalogue, download, verification, GGUF header, memory estimate."""
