"""`routerlab bench`: plans, speed, length, memory, throughput."""
