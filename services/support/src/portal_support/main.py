from datetime import timedelta

from portal_chassis.forgetting import serve as forget_customers
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_clamd import scanner_of_environment
from portal_contracts.forgetting import SupportForgotten
from portal_salesforce.client import Salesforce
from portal_salesforce.settings import SalesforceSettings
from portal_support.add_comment import AddCustomerComment
from portal_support.attach_file import AttachCustomerFile
from portal_support.check_setup import case_look
from portal_support.consumers import UseCases, register
from portal_support.open_case import OpenCustomerCase
from portal_support.open_staff_case import OpenCaseForStaff
from portal_support.read_cases import ReadCustomerCases
from portal_support.read_file import ReadCustomerFile
from portal_support.salesforce import SalesforceCases, case_headers
from portal_support.salesforce_belongings import SalesforceBelongings
from portal_support.salesforce_files import SalesforceFiles
from portal_support.salesforce_news import SalesforceNews
from portal_support.salesforce_user import OwnUser
from portal_support.settings import SupportSettings
from portal_support.store import PostgresLinks, PostgresNews, PostgresWrites
from portal_support.store_forgetting import PostgresMemory
from portal_support.store_retention import forget_what_is_old
from portal_support.watch_process import KEY, KIND, CaseWatch, WatchState
from portal_support.write_once import WriteOnce


async def wire(service: Service) -> None:
    """Join support's parts."""
    settings = SupportSettings()
    salesforce = Salesforce(SalesforceSettings(), headers=case_headers(settings.auto_assign))
    service.on_stop(salesforce.close)
    user = OwnUser(salesforce)
    cases, files = SalesforceCases(salesforce, user), SalesforceFiles(salesforce, user)
    links, news = PostgresLinks(service.database), PostgresNews(service.database)
    once, reading = WriteOnce(PostgresWrites(service.database)), ReadCustomerCases(cases, links)
    use_cases = UseCases(
        read=reading,
        open=OpenCustomerCase(cases, SalesforceBelongings(salesforce, service.bus), links, reading, once),
        comment=AddCustomerComment(cases, reading, news, once, service.clock),
        attach=AttachCustomerFile(reading, files, once, scanner_of_environment()),
        fetch=ReadCustomerFile(files),
        for_staff=OpenCaseForStaff(cases),
    )
    register(service.bus, use_cases)
    serve_setup(service, case_look(salesforce))
    forget_customers(service.bus, service.processes, service.clock, PostgresMemory(), SupportForgotten)
    forget_what_is_old(service.pruning, service.settings)
    every = timedelta(seconds=settings.watch_seconds)
    service.processes.register(CaseWatch(SalesforceNews(salesforce, user), news, every).definition())
    async with service.database.transaction() as transaction:
        if not await service.processes.start(transaction, KIND, KEY, WatchState()):
            await service.processes.wake(transaction, KIND, KEY)
