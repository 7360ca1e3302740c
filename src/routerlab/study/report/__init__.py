"""Results as HTML, as Markdown and for terminals: contents, words and form. Computes no figure of its own."""
