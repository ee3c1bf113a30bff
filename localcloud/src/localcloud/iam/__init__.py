"""IAM: authentication of callers, and authorization of their requests by the policies of their role.

`conditions`, `policies`, `calls`, `asks*` and `readings` are pure. Written here because no maintained library
evaluates policies without an AWS account, and ministack's evaluator treats an unknown condition as not met, even in
a Deny.
"""
