"""One org per sandbox: the HTTP application and the gRPC server are built apart and must share it."""

from weakref import WeakValueDictionary

from portal_sandbox.core import Core
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.seed import seed

_ORGS: WeakValueDictionary[int, Org] = WeakValueDictionary()


def org_of(core: Core) -> Org:
    """The org over this sandbox's store, built and registered for seeding on first use."""
    org = _ORGS.get(id(core.store))
    if org is None or org.core is not core:
        org = Org(core)
        _ORGS[id(core.store)] = org
        built = org
        core.store.on_reset(lambda: seed(built))
    return org
