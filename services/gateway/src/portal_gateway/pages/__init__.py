"""The few pages the gateway serves itself; the customer's web frontend is another program."""
