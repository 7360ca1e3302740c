"""What is decided before the first session, its lock, and what a session of a trial holds. Sends nothing,
judges nothing.
"""
