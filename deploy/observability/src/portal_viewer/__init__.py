"""Shows traces, metrics, logs and alerts of one portal."""
