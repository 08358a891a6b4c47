"""Identity's messages about a customer's own account, grouped for the topology by who asks them."""

from typing import Any, Final

from portal_contracts import identity_api_tokens as api_tokens
from portal_contracts import identity_email as email
from portal_contracts import identity_linking as linking
from portal_contracts import identity_passkeys as passkeys
from portal_contracts import identity_personal_data as data
from portal_contracts import identity_second_factor as factors
from portal_contracts import identity_sessions as sessions
from portal_contracts import identity_signup_form as signup_form
from portal_contracts import identity_verification as verification
from portal_contracts.message import Event, Request

ASKED_THROUGH_THE_GATEWAY: Final[tuple[type[Request[Any]], ...]] = (
    signup_form.ReadSignupForm,
    linking.LinkAccount,
    linking.ContinueLinking,
    sessions.ListSessions,
    sessions.RevokeSession,
    sessions.LogOutEverywhere,
    sessions.StepUp,
    sessions.ListSecurityEvents,
    email.RequestEmailChange,
    email.ConfirmEmailChange,
    factors.ReadSecondFactors,
    factors.BeginAuthenticator,
    factors.ConfirmAuthenticator,
    factors.RemoveAuthenticator,
    factors.RenewRecoveryCodes,
    passkeys.BeginPasskey,
    passkeys.AddPasskey,
    passkeys.RemovePasskey,
    passkeys.BeginPasskeyLogIn,
    passkeys.LogInWithPasskey,
    api_tokens.ListApiTokens,
    api_tokens.MakeApiToken,
    api_tokens.RevokeApiToken,
    verification.ReadVerification,
    verification.SubmitDocument,
    verification.BeginIdentityCheck,
    verification.ConcludeIdentityCheck,
    data.ExportPersonalData,
    data.ReadDeletion,
    data.RequestDeletion,
    data.WithdrawDeletion,
)
ASKED_FOR_MAILS: Final[tuple[type[Request[Any]], ...]] = (
    email.MintEmailChangeLink,
    email.ReadFormerRecipient,
    linking.MintLinkCode,
)
"""By notifications, when a mail is sent."""
RECORDED: Final[tuple[type[Event], ...]] = (
    email.EmailChangeRequested,
    email.EmailChanged,
    factors.SecurityChanged,
    linking.LinkCodeRequested,
    linking.CustomerLinked,
    data.DeletionRequested,
    data.CustomerErased,
)
