"""Files of cases: read from what people have, checked, promoted into, counted and split."""
