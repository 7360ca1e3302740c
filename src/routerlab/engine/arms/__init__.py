"""What an arm is; local models (the parent's side of a worker), cascades, baselines. No network, no
session.
"""
