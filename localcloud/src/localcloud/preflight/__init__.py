"""Preflight checks: a command's requirements on this machine, all checked before anything is changed.

Python's standard library only, since nothing is installed yet.
"""
