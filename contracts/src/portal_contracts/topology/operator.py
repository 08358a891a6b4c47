"""The place on the bus of the operators' command line."""

from typing import Final

from portal_contracts import identity
from portal_contracts.topology.service_topology import ServiceTopology
from portal_contracts.topology_operators import OPERATING, SIGNING_IN

OPERATOR: Final = ServiceTopology("operator", asks=(identity.MintActor, *SIGNING_IN, *OPERATING), database=False)
"""The operators' command line: a bus client with its own identity, not a service. Every command still needs the token
of an operator who signed in.
"""
