"""Process plumbing every service needs; knows no domain and no vendor."""
