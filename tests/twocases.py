"""A corpus of two cases, for commands that are run in an empty folder."""

TWO_CASES = """schema_version = 1
name = "two"
taxonomy = "front-door"

[[case]]
id = "A"
prompt = "write a regex for ISO dates"
label = "code/simple"

[[case]]
id = "B"
prompt = "why is the sky blue?"
label = "CoT/simple"
"""
