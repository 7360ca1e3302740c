"""Prompts made shorter before they are sent: how, how alike they stay, what that costs in answers."""
