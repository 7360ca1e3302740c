"""Results as HTML, Markdown and terminal pictures: contents, words and form. Computes no figure of its
own.
"""
