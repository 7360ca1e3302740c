"""The front door: a router's decisions over HTTP, and chat sent on to what it decides. Nothing here draws a
screen, and no text of a user is written down unless that was asked for.
"""
