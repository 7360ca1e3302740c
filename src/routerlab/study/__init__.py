"""The studies: run, analysed, judged and reported. No screen."""
