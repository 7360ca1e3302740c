"""Arms behind an OpenAI-compatible endpoint, and answers of theirs played back. No model."""
