from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_salesforce.client import Salesforce
from portal_salesforce.settings import SalesforceSettings
from portal_support.check_setup import case_look
from portal_support.consumers import register
from portal_support.salesforce import SalesforceCases, case_headers
from portal_support.settings import SupportSettings


async def wire(service: Service) -> None:
    """Join support's parts."""
    salesforce = Salesforce(SalesforceSettings(), headers=case_headers(SupportSettings().auto_assign))
    service.on_stop(salesforce.close)
    register(service.bus, SalesforceCases(salesforce), service.clock)
    serve_setup(service, case_look(salesforce))
