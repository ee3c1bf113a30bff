"""The events that a webhook may subscribe to (GitHub's documentation: "Webhook events and payloads")."""

# fmt: off
EVENTS = frozenset({
    "*", "branch_protection_configuration", "branch_protection_rule", "check_run", "check_suite",
    "code_scanning_alert", "commit_comment", "create", "custom_property", "custom_property_values", "delete",
    "dependabot_alert", "deploy_key", "deployment", "deployment_protection_rule", "deployment_review",
    "deployment_status", "discussion", "discussion_comment", "fork", "gollum", "issue_comment", "issues", "label",
    "member", "merge_group", "meta", "milestone", "package", "page_build", "ping", "project", "project_card",
    "project_column", "public", "pull_request", "pull_request_review", "pull_request_review_comment",
    "pull_request_review_thread", "push", "registry_package", "release", "repository", "repository_advisory",
    "repository_import", "repository_ruleset", "repository_vulnerability_alert", "secret_scanning_alert",
    "secret_scanning_alert_location", "security_and_analysis", "star", "status", "team_add", "watch",
    "workflow_dispatch", "workflow_job", "workflow_run",
})
# fmt: on
"""Only push, create, delete, pull_request, issue_comment, status and ping are ever sent here."""
