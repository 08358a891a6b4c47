"""Bus in: what customers do for the security of their own accounts."""

from portal_chassis.bus import Bus, Call, Delivery
from portal_contracts import identity_api_tokens as api_tokens
from portal_contracts import identity_email as email
from portal_contracts import identity_passkeys as passkeys
from portal_contracts import identity_personal_data as data
from portal_contracts import identity_second_factor as factors
from portal_contracts import identity_sessions as sessions
from portal_contracts import identity_verification as verification
from portal_contracts.account_notes import BillingNoted, FulfillmentNoted
from portal_contracts.identity import OpenedSession, Recipient
from portal_contracts.identity_processes import AccountProcessList, ListAccountProcesses, RetryAccountProcess
from portal_contracts.message import Acknowledged
from portal_contracts.operators import OperatorOutcome
from portal_identity.store_audit import Audit
from portal_identity.use_cases import UseCases


def register_security(bus: Bus, use: UseCases) -> None:
    """Answer what concerns sessions, the e-mail address, second factors and tokens."""
    _register_sessions(bus, use)
    _register_email(bus, use)
    _register_authenticator(bus, use)
    _register_passkeys(bus, use)
    _register_api_tokens(bus, use)
    _register_verification(bus, use)
    _register_personal_data(bus, use)


def register_notes(bus: Bus, audit: Audit) -> None:
    """Take what others note of an account's security (R050)."""

    @bus.consumes(BillingNoted)
    async def on_billing_noted(event: BillingNoted, delivery: Delivery) -> None:
        await audit.note_billing(delivery.transaction, event)

    @bus.consumes(FulfillmentNoted)
    async def on_fulfillment_noted(event: FulfillmentNoted, delivery: Delivery) -> None:
        await audit.note_fulfillment(delivery.transaction, event)


def _register_sessions(bus: Bus, use: UseCases) -> None:
    @bus.answers(sessions.ListSessions)
    async def list_sessions(_: sessions.ListSessions, call: Call) -> sessions.SessionList:
        caller = call.customer()
        return sessions.SessionList(sessions=await use.sessions.list(caller.user_id, caller.session_id))

    @bus.answers(sessions.RevokeSession)
    async def revoke_session(command: sessions.RevokeSession, call: Call) -> Acknowledged:
        return await use.end_session(call.customer(), command)

    @bus.answers(sessions.LogOutEverywhere)
    async def log_out_everywhere(command: sessions.LogOutEverywhere, call: Call) -> Acknowledged:
        return await use.end_all_sessions(call.customer(), command)

    @bus.answers(sessions.StepUp)
    async def step_up(command: sessions.StepUp, call: Call) -> OpenedSession:
        return await use.prove_anew(call.customer(), command)

    @bus.answers(sessions.ListSecurityEvents)
    async def list_security_events(query: sessions.ListSecurityEvents, call: Call) -> sessions.SecurityEventList:
        found = await use.audit.list(call.customer().user_id, query.before_id, query.limit)
        return sessions.SecurityEventList(events=found)


def _register_email(bus: Bus, use: UseCases) -> None:
    @bus.answers(email.RequestEmailChange)
    async def request_email_change(command: email.RequestEmailChange, call: Call) -> email.EmailChangeAccepted:
        return await use.keep_email_change(call.customer(), command)

    @bus.answers(email.ConfirmEmailChange)
    async def confirm_email_change(command: email.ConfirmEmailChange, _: Call) -> Acknowledged:
        return await use.use_change_link(command)

    @bus.answers(email.MintEmailChangeLink)
    async def mint_email_change_link(command: email.MintEmailChangeLink, _: Call) -> email.EmailChangeLink:
        return await use.mint_change_link(command)

    @bus.answers(email.ReadFormerRecipient)
    async def read_former_recipient(query: email.ReadFormerRecipient, _: Call) -> Recipient:
        return await use.read_former_mailbox(query.change_id)


def _register_authenticator(bus: Bus, use: UseCases) -> None:
    @bus.answers(factors.ReadSecondFactors)
    async def read_second_factors(_: factors.ReadSecondFactors, call: Call) -> factors.SecondFactors:
        return await use.read_factors(call.customer())

    @bus.answers(factors.BeginAuthenticator)
    async def begin_authenticator(_: factors.BeginAuthenticator, call: Call) -> factors.AuthenticatorSeed:
        return await use.authenticator.begin(call.customer())

    @bus.answers(factors.ConfirmAuthenticator)
    async def confirm_authenticator(command: factors.ConfirmAuthenticator, call: Call) -> factors.RecoveryCodes:
        return await use.authenticator.confirm(call.customer(), command)

    @bus.answers(factors.RemoveAuthenticator)
    async def remove_authenticator(command: factors.RemoveAuthenticator, call: Call) -> Acknowledged:
        return await use.authenticator.remove(call.customer(), command)

    @bus.answers(factors.RenewRecoveryCodes)
    async def renew_recovery_codes(command: factors.RenewRecoveryCodes, call: Call) -> factors.RecoveryCodes:
        return await use.authenticator.renew_codes(call.customer(), command)


def _register_passkeys(bus: Bus, use: UseCases) -> None:
    @bus.answers(passkeys.BeginPasskey)
    async def begin_passkey(_: passkeys.BeginPasskey, call: Call) -> passkeys.PasskeyChallenge:
        return await use.passkeys.begin(call.customer())

    @bus.answers(passkeys.AddPasskey)
    async def add_passkey(command: passkeys.AddPasskey, call: Call) -> passkeys.Passkey:
        return await use.passkeys.add(call.customer(), command)

    @bus.answers(passkeys.RemovePasskey)
    async def remove_passkey(command: passkeys.RemovePasskey, call: Call) -> Acknowledged:
        return await use.passkeys.remove(call.customer(), command)

    @bus.answers(passkeys.BeginPasskeyLogIn)
    async def begin_passkey_log_in(command: passkeys.BeginPasskeyLogIn, _: Call) -> passkeys.PasskeyChallenge:
        return await use.passkey_log_in.begin(command)

    @bus.answers(passkeys.LogInWithPasskey)
    async def log_in_with_passkey(command: passkeys.LogInWithPasskey, _: Call) -> OpenedSession:
        return await use.passkey_log_in.finish(command)


def _register_api_tokens(bus: Bus, use: UseCases) -> None:
    @bus.answers(api_tokens.ListApiTokens)
    async def list_api_tokens(_: api_tokens.ListApiTokens, call: Call) -> api_tokens.ApiTokenList:
        return await use.api_tokens.list(call.customer())

    @bus.answers(api_tokens.MakeApiToken)
    async def make_api_token(command: api_tokens.MakeApiToken, call: Call) -> api_tokens.MadeApiToken:
        return await use.api_tokens.make(call.customer(), command)

    @bus.answers(api_tokens.RevokeApiToken)
    async def revoke_api_token(command: api_tokens.RevokeApiToken, call: Call) -> Acknowledged:
        return await use.api_tokens.revoke(call.customer(), command)


def _register_verification(bus: Bus, use: UseCases) -> None:
    @bus.answers(verification.ReadVerification)
    async def read_verification(_: verification.ReadVerification, call: Call) -> verification.Verification:
        return await use.verify.read(call.customer())

    @bus.answers(verification.SubmitDocument, at_once=4, waiting=8)  # each is up to 7 MB
    async def submit_document(command: verification.SubmitDocument, call: Call) -> verification.Verification:
        return await use.verify.submit(call.customer(), command, call.deadline)

    @bus.answers(verification.BeginIdentityCheck)
    async def begin_identity_check(
        command: verification.BeginIdentityCheck, call: Call
    ) -> verification.BegunIdentityCheck:
        return await use.prove_identity.begin(call.customer(), command)

    @bus.answers(verification.ConcludeIdentityCheck)
    async def conclude_identity_check(
        command: verification.ConcludeIdentityCheck, call: Call
    ) -> verification.ConcludedIdentityCheck:
        return await use.prove_identity.conclude(call.customer(), command, call.deadline)

    @bus.answers(verification.CheckVerification)
    async def check_verification(query: verification.CheckVerification, _: Call) -> verification.VerificationCheck:
        return await use.verify.check(query)


def _register_personal_data(bus: Bus, use: UseCases) -> None:
    @bus.answers(data.ExportPersonalData)
    async def export_personal_data(query: data.ExportPersonalData, call: Call) -> data.PersonalDataExport:
        return await use.export_data(call.customer(), query.client_address)

    @bus.answers(data.ReadDeletion)
    async def read_deletion(_: data.ReadDeletion, call: Call) -> data.Deletion:
        return await use.delete_account.read(call.customer())

    @bus.answers(data.RequestDeletion)
    async def request_deletion(command: data.RequestDeletion, call: Call) -> data.Deletion:
        return await use.delete_account.request(call.customer(), command)

    @bus.answers(data.WithdrawDeletion)
    async def withdraw_deletion(command: data.WithdrawDeletion, call: Call) -> Acknowledged:
        return await use.delete_account.withdraw(call.customer(), command)

    @bus.answers(ListAccountProcesses)
    async def list_processes(query: ListAccountProcesses, _: Call) -> AccountProcessList:
        return await use.standing_processes.list(query)

    @bus.answers(RetryAccountProcess)
    async def retry_process(command: RetryAccountProcess, call: Call) -> OperatorOutcome:
        return await use.standing_processes.retry(command, call)

    @bus.answers(data.ListDeletions)
    async def list_deletions(query: data.ListDeletions, _: Call) -> data.DeletionList:
        return data.DeletionList(deletions=await use.deletions.all(query.limit))
