"""Files that people have: rows found by content, the exports of other tools recognised, and written back."""
