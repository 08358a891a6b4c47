"""Mail, at most once."""
