"""The commands: options in, tables or JSON out. Heavy imports wait until a command runs; nothing is
computed here.
"""
