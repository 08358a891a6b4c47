"""The provisioning path of the portal in one process, on virtual time."""
