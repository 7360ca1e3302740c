"""The ways to ask: names, instructions, encodings, heads, calibration and router files. Data and text; no
process, no model.
"""
