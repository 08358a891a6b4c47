"""How each service of the provisioning path is joined in a simulation: its own code on in-memory tables."""
