"""The two studies: run, analysed, judged and reported. No screen."""
