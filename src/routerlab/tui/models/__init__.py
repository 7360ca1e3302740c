"""Models: what is here and what can be had; long work goes on in threads, with a way to stop it."""
