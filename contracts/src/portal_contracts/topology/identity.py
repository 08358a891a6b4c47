"""Identity's place on the bus."""

from typing import Final

from portal_contracts import (
    account_messages,
    account_notes,
    billing,
    billing_logins,
    billing_profile,
    drift,
    forgetting,
    identity,
    identity_passwords,
    identity_personal_data,
    identity_processes,
    identity_verification,
    operator_access,
    personal_data_exports,
    support,
)
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology
from portal_contracts.topology_operators import SIGNING_IN

IDENTITY: Final = ServiceTopology(
    "identity",
    serves=(
        identity.RequestSignup,
        identity.ConfirmSignup,
        identity.LogIn,
        identity.LogOut,
        identity_passwords.RequestPasswordReset,
        identity_passwords.ResetPassword,
        identity_passwords.ChangePassword,
        identity.MintActor,
        identity.ReadMe,
        identity.FindCustomer,
        identity.ReadRecipient,
        identity.MintSignupLink,
        identity_passwords.MintPasswordResetLink,
        *account_messages.ASKED_THROUGH_THE_GATEWAY,
        *account_messages.ASKED_FOR_MAILS,
        identity_verification.CheckVerification,
        drift.FindLinkedClients,
        check_setup("identity"),
        *SIGNING_IN,
        operator_access.ListOperators,
        operator_access.GrantOperator,
        operator_access.RevokeOperator,
        identity_personal_data.ListDeletions,
        *identity_processes.ASKED_BY_OPERATORS,
    ),
    asks=(
        billing.EnsureClient,
        billing.ReadClientProfile,
        billing.ListClientServices,
        billing_logins.CheckLogin,
        billing_profile.ChangeClientEmail,
        support.OpenStaffCase,
        forgetting.FindOpenBusiness,
        *personal_data_exports.EXPORTS,
    ),
    records=(
        identity.SignupRequested,
        identity.CustomerRegistered,
        identity.SessionRevoked,
        identity_passwords.PasswordResetRequested,
        identity_passwords.PasswordChanged,
        *account_messages.RECORDED,
    ),
    consumes=(billing_profile.ProfileChanged, *forgetting.FORGOTTEN, *account_notes.NOTED),
)
