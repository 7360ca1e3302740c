"""Rows from sessions and logs, and every figure, gate and verdict made of them. Knows no plan and no
protocol.
"""
