"""What the lab costs: start-up, lateness of the event loop (`routerlab bench` measures what routing costs).

Each figure is a ratio or a distribution taken in one run; absolute times depend on the machine.
"""
