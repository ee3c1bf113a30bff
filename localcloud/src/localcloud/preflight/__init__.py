"""What a command needs of this machine, looked at all at once before anything is made.

Python's standard library alone, since nothing is installed by then.
"""
