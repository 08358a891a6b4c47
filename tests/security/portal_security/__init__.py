"""What the security suites share: the served document, and many customers with marks in their records."""
