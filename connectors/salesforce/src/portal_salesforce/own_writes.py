"""Writes of values that are ours to write: no rule of the org is expected to refuse them."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal_salesforce.client import Salesforce
from portal_salesforce.errors import SalesforceRefusal, refused_writing
from portal_salesforce.field_values import Fields


class OwnWrites:
    """Writes whose refusal a person has to mend: Misconfigured SALESFORCE_MISCONFIGURED, never SalesforceRefusal.

    A durable process is blocked by it with a code and an owner, and goes on by itself once the org is mended, where an
    error of ours would only be tried again. Otherwise the calls of `Salesforce` by the same names.
    """

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce

    async def create(self, object_name: str, fields: Fields) -> str:
        """Create a record and give its id. NOT safe to repeat."""
        with _mended_by_a_person(object_name):
            return await self._salesforce.create(object_name, fields)

    async def update(self, object_name: str, record_id: str, fields: Fields) -> None:
        """Write some fields of a record; None empties a field."""
        with _mended_by_a_person(object_name):
            await self._salesforce.update(object_name, record_id, fields)

    async def upsert(self, object_name: str, external_field: str, value: str, fields: Fields) -> tuple[str, bool]:
        """Create or change the record with this external id; gives its id and whether it was created."""
        with _mended_by_a_person(object_name):
            return await self._salesforce.upsert(object_name, external_field, value, fields)


@contextmanager
def _mended_by_a_person(object_name: str) -> Iterator[None]:
    try:
        yield
    except SalesforceRefusal as refusal:
        raise refused_writing(object_name, refusal) from None
