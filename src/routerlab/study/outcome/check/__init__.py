"""Is an answer right: one module a family of checks, `score` for all of a task's, and the sandbox that
answers' code runs in. The extra `outcome` brings the libraries. No screen.
"""
