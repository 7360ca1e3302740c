"""Reports: what a result says, as a page of HTML, as Markdown, and as plots for a terminal."""
