"""The report's sections, each from an analysis to text, tables and plots. No HTML."""
