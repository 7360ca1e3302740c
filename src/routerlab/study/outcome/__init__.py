"""Does right routing give better answers: tasks that a machine can check, answered once by every downstream
model, and what any policy would have got from them. No screen.
"""
