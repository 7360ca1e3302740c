"""All that a person can do, once: keys, palette, footer and help come from these lists. No widgets."""
