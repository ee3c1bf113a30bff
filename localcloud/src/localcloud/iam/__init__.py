"""Identity and access: who calls, and whether the policies of its role allow what is asked.

`conditions`, `policies`, `calls`, `asks*` and `readings` are pure. Own functions rather than a library: none that is
alive evaluates policies without an AWS account, and ministack's evaluator takes a condition that it does not know for
one that is not met, also in a Deny.
"""
