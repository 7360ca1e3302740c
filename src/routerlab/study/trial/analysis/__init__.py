"""From the session of a trial to every hypothesis, effect and saving. Asks nothing."""
