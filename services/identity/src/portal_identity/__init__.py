"""Portal users, sessions, account links."""
