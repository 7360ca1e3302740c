"""Bulk work on several machines: an arm whose model is loaded many times on a Ray cluster. Only here is ray
imported, and only when somebody asks for it.
"""
