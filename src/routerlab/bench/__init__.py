"""What routing costs, measured on this machine: speed against the library and its peers, length, memory."""
