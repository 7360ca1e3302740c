"""What commands share: options and what they open, progress, reading, tables. Knows no command."""
