"""The Python language host for a Pulumi CLI that was built here.

The engine starts it, reads a port from its first line of output and calls the LanguageRuntime
service there. Programs, policy packs and providers run in child processes, with the interpreter of
the project's `virtualenv` option (without one: this host's). It needs nothing but the SDK.
"""

SHOWN = 32  # exit status of a program that failed when the user has been told why
