"""A sitting: what people write becomes arms, the runner asks them, and every answer is kept. No way of its
own to ask.
"""
