"""What the lab costs: start-up, overhead over the bare library, lateness of the event loop.

Each figure is a ratio or a distribution taken in one run; absolute times depend on the machine.
"""
