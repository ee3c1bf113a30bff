"""What people ask and answer by hand: status, history, logs, approvals, checks."""
