"""The catalog this instance answers from: in memory, reloaded when another instance has read a newer one."""

from portal_catalog.ports import SnapshotStore
from portal_catalog.snapshot import Snapshot
from portal_contracts.problems import Refused, TryLater


class Shelf:
    """Holds the current snapshot."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._snapshot: Snapshot | None = None

    @property
    def current(self) -> Snapshot:
        """Give the snapshot; TryLater SALESFORCE_UNAVAILABLE while there has never been one."""
        if self._snapshot is None:
            raise TryLater("SALESFORCE_UNAVAILABLE")
        return self._snapshot

    @property
    def version(self) -> str:
        """The version held; empty for none."""
        return self._snapshot.version if self._snapshot is not None else ""

    async def filled(self) -> bool:
        """Readiness: whether there is anything to answer from."""
        return self._snapshot is not None

    def put(self, snapshot: Snapshot) -> None:
        """Answer from this one from now on."""
        self._snapshot = snapshot

    async def reload(self, version: str | None = None) -> None:
        """Take the stored snapshot, unless the version asked for is held already."""
        if version is not None and version == self.version:
            return
        stored = await self._store.load()
        if stored is not None:
            self._snapshot = stored

    def page(self, sku: str) -> bytes:
        """Give one product on show as a finished reply; Refused NOT_FOUND."""
        try:
            return self.current.pages[sku]
        except KeyError:
            raise Refused("NOT_FOUND") from None
