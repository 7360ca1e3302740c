"""GGUF files: the catalogue, pulling and verifying, headers, memory, placement on devices. Loads no model."""
