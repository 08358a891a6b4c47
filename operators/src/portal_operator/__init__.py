"""The operators' command line (architecture §2, issue of operators: D13, D14, R276)."""
