"""Everything WHMCS keeps for the customer. Paying and cards happen in WHMCS itself, behind single-use links."""

from typing import Final
from uuid import uuid4

from portal_contracts import billing, billing_profile, billing_subscriptions
from portal_gateway.exchange import Exchange
from portal_gateway.micro_cache import CachePolicy
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.reply import Reply, message_reply

SsoLinkBody: Final = without(billing.MintSsoLink, "request_id")
AddressBody: Final = without(billing.ChangeOwnAddress, "request_id")
ProfileBody: Final = without(billing_profile.ChangeOwnProfile, "request_id")
A_MINUTE: Final = CachePolicy("actor", seconds=60)


async def mint_sso_link(exchange: Exchange) -> Reply:
    """Mint a link now; it is told once, kept nowhere and never repeated (D03, R069)."""
    body = await exchange.body(SsoLinkBody)
    link = await exchange.ask(billing.MintSsoLink(**dict(body), request_id=str(uuid4())))
    return message_reply(link, 200, (b"pragma", b"no-cache"))


async def change_address(exchange: Exchange) -> Reply:
    """Change the caller's address; repeating it with one Idempotency-Key writes nothing more."""
    body = await exchange.body(AddressBody)
    profile = await exchange.ask(billing.ChangeOwnAddress(**dict(body), request_id=exchange.request_id()))
    return message_reply(profile)


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/auth/sso-link",
        step_up=True,
        message=billing.MintSsoLink,
        answer=mint_sso_link,
        body=SsoLinkBody,
        replies={200: "A link that works once, for a minute"},
        problems=("NOT_FOUND", "SSO_REFUSED", "RATE_LIMITED"),
    ),
    Operation(method="GET", path="/billing/profile", message=billing.ReadProfile, replies={200: "The billing profile"}),
    Operation(
        method="PUT",
        path="/billing/profile/address",
        step_up=True,
        message=billing.ChangeOwnAddress,
        answer=change_address,
        body=AddressBody,
        replies={200: "The billing profile as WHMCS has it now"},
        idempotency_key=True,
        problems=("NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"),
    ),
    Operation(
        method="PUT",
        path="/billing/profile",
        message=billing_profile.ChangeOwnProfile,
        answer=send_command,
        body=ProfileBody,
        replies={200: "The billing profile as WHMCS has it now"},
        idempotency_key=True,
        problems=("NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"),
    ),
    Operation(
        method="GET",
        path="/billing/payment-methods",
        message=billing.ListPaymentMethods,
        replies={200: "Cards and accounts, without their numbers"},
    ),
    Operation(
        method="GET",
        path="/billing/payment-methods/summary",
        message=billing.ReadPaymentMethodsSummary,
        replies={200: "Whether there is a usable one"},
    ),
    Operation(
        method="GET",
        path="/billing/gateways",
        message=billing.ListPaymentGateways,
        cache=A_MINUTE,
        replies={200: "The ways to pay"},
    ),
    Operation(
        method="GET", path="/billing/invoices", message=billing.ListInvoices, replies={200: "Invoices, newest first"}
    ),
    Operation(
        method="GET",
        path="/billing/invoices/{invoiceId}",
        message=billing.ReadInvoice,
        replies={200: "The invoice"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET", path="/subscriptions", message=billing.ListSubscriptions, replies={200: "The subscriptions"}
    ),
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}",
        message=billing.ReadSubscription,
        replies={200: "The subscription"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/invoices",
        message=billing_subscriptions.ListSubscriptionInvoices,
        replies={200: "Its invoices, newest first"},
        problems=("NOT_FOUND",),
    ),
)
