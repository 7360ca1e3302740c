"""The queue that an annotator or adjudicator works through, and the session it is written to."""
