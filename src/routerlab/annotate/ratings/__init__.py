"""What each annotator, adjudicator and model said of each prompt, and how far they agree. Writes nothing."""
