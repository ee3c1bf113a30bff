"""The Python language host for a Pulumi CLI that was built from source.

Pulumi's engine starts it, reads a port from its first line of output and calls the LanguageRuntime
service there. Programs, policy packs and providers run in child processes, by the interpreter of
the project's `virtualenv` option (default: the host's own). It depends only on the SDK.
"""

SHOWN = 32  # exit code of a program whose error has already been shown to the user
