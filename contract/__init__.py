"""Names and payloads that the Pulumi program (`infra`) and the pipeline's scripts (`delivery`) share.

Parameter names and payloads, task definition families, image tags, pipeline stages, actions and variables. `infra`
writes them when a stack is deployed, `delivery` reads them at run time. Standard library only, since builds import it.
"""
