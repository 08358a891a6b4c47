"""The integration user's own id: what it wrote came from customers, through the portal."""

from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.errors import misconfigured


class OwnUser:
    """Looked up at first use and kept: a service starts while Salesforce is away."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._id: str | None = None

    async def id(self) -> str:
        """Give it; raises what a query raises, and Misconfigured when the org does not show us the user."""
        if self._id is None:
            condition = soql.equals("Username", self._salesforce.settings.username)
            found = await self._salesforce.query_one(soql.select("User", "Id").where(condition))
            if found is None:
                raise misconfigured("the integration user cannot see itself")
            self._id = str(found["Id"])
        return self._id
