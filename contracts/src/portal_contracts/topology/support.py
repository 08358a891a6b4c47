"""Support's place on the bus."""

from typing import Final

from portal_contracts import (
    billing,
    customer_news,
    forgetting,
    identity_personal_data,
    personal_data_exports,
    support,
    support_files,
)
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology

SUPPORT: Final = ServiceTopology(
    "support",
    serves=(
        *support_files.ASKED_THROUGH_THE_GATEWAY,
        support.OpenStaffCase,
        personal_data_exports.ExportCases,
        support.CloseStaffCase,
        check_setup("support"),
    ),
    asks=(billing.ListClientServices,),
    records=(customer_news.CaseUpdated, forgetting.SupportForgotten),
    consumes=(identity_personal_data.CustomerErased,),
)
