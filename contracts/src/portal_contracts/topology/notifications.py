"""Notifications's place on the bus."""

from typing import Final

from portal_contracts import (
    account_messages,
    forgetting,
    identity,
    identity_passwords,
    mail_messages,
    orders,
    personal_data_exports,
)
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology

NOTIFICATIONS: Final = ServiceTopology(
    "notifications",
    serves=(
        *mail_messages.ASKED_THROUGH_THE_GATEWAY,
        *mail_messages.ASKED_BY_OPERATORS,
        personal_data_exports.ExportMails,
        check_setup("notifications"),
    ),
    asks=(
        identity.MintSignupLink,
        identity_passwords.MintPasswordResetLink,
        identity.ReadRecipient,
        *account_messages.ASKED_FOR_MAILS,
        orders.ReadOrderMail,
    ),
    records=(forgetting.NotificationsForgotten,),
    consumes=mail_messages.CONSUMED,
)
