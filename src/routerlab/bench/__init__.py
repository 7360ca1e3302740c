"""What routing costs on this machine: speed, length, memory, throughput. Judges no accuracy."""
