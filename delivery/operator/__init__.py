"""The operator's tools: status, history, logs, approvals, retry, cleanup and checks."""
