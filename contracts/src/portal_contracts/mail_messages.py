"""What notifications answers and what causes its mails, grouped for the topology."""

from typing import Any, Final

from portal_contracts import (
    customer_news,
    fulfillment,
    identity,
    identity_email,
    identity_linking,
    identity_passwords,
    identity_personal_data,
    identity_second_factor,
    notifications,
    orders,
)
from portal_contracts.message import Event, Request

ASKED_THROUGH_THE_GATEWAY: Final[tuple[type[Request[Any]], ...]] = (
    notifications.ReadMailPreferences,
    notifications.ChangeMailPreferences,
    notifications.TakeMailEvents,
)
ASKED_BY_OPERATORS: Final[tuple[type[Request[Any]], ...]] = (notifications.ListMails, notifications.SendMailAgain)
CONSUMED: Final[tuple[type[Event], ...]] = (
    identity.SignupRequested,
    identity.CustomerRegistered,
    identity_passwords.PasswordResetRequested,
    identity_passwords.PasswordChanged,
    identity_email.EmailChangeRequested,
    identity_email.EmailChanged,
    identity_linking.LinkCodeRequested,
    identity_linking.CustomerLinked,
    identity_personal_data.DeletionRequested,
    identity_personal_data.CustomerErased,
    identity_second_factor.SecurityChanged,
    orders.OrderPlaced,
    orders.OrderRejected,
    orders.OrderWithdrawn,
    orders.ProvisionRequested,
    fulfillment.OrderActivated,
    fulfillment.PreflightFailed,
    fulfillment.ProvisioningProgressed,
    customer_news.EligibilityChanged,
    customer_news.CancellationProgressed,
    customer_news.ServiceCancellationProgressed,
    customer_news.CaseUpdated,
)
"""The causes of mails; CustomerErased is the one after which what was kept of them is forgotten."""
