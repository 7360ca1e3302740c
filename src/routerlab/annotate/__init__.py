"""From sessions and files of prompts to a labelled corpus. No screen, no model."""
