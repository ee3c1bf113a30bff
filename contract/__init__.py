"""What the Pulumi program (`infra`) and the scripts of the pipeline (`delivery`) agree on.

Parameter names and payloads, task definition families, image tags, pipeline stages, actions and variables. Written by
`infra` when a stack comes up, read by `delivery` when a release runs. Standard library only, since builds import it.
"""
