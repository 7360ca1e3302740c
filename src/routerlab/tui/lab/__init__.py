"""The lab: prompts to every arm side by side, history, annotation by keys."""
