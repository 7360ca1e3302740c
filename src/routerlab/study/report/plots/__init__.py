"""Pictures of figures as SVG. No analysis."""
