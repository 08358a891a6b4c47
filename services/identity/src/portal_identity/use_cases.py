"""Everything identity can do, as `main` joins it and the bus asks for it."""

from dataclasses import dataclass

from portal_identity.change_authenticator import ChangeAuthenticator, ReadFactors
from portal_identity.change_email import KeepEmailChange, MintChangeLink, ReadFormerMailbox, UseChangeLink
from portal_identity.change_password import ChangeOwnPassword
from portal_identity.confirm_signup import UseSignupLink
from portal_identity.end_sessions import EndAllSessions, EndOneSession
from portal_identity.enrol_operator import EnrolOperator, ShowSecondFactor
from portal_identity.grant_operator import GiveAccess, TakeAccess
from portal_identity.link_account import BeginLinking, GoOnLinking, MintCode
from portal_identity.log_in import OpenSession
from portal_identity.log_out import CloseSession
from portal_identity.make_api_token import HandOutTokens
from portal_identity.mint_actor import MintActorToken
from portal_identity.mint_password_reset_link import MintResetLink
from portal_identity.mint_signup_link import MintLink
from portal_identity.open_operator_session import SignOperatorIn
from portal_identity.own_personal_data import DeleteOwnAccount, ExportOwnData
from portal_identity.prove_identity import ProveIdentity
from portal_identity.read_customer import ReadCustomer
from portal_identity.request_password_reset import KeepPasswordReset
from portal_identity.request_signup import KeepSignup
from portal_identity.reset_password import UseResetLink
from portal_identity.signup_form import FormPolicy
from portal_identity.standing_processes import StandingProcesses
from portal_identity.step_up import ProveAnew
from portal_identity.store_audit import Audit
from portal_identity.store_deletions import Deletions
from portal_identity.store_operators import Operators
from portal_identity.store_sessions import Sessions
from portal_identity.use_passkey import MakePasskey, OpenSessionWithPasskey
from portal_identity.verify_customer import VerifyCustomer


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything identity can do."""

    keep_signup: KeepSignup
    mint_link: MintLink
    use_link: UseSignupLink
    form_policy: FormPolicy
    begin_linking: BeginLinking
    go_on_linking: GoOnLinking
    mint_link_code: MintCode
    open_session: OpenSession
    close_session: CloseSession
    keep_reset: KeepPasswordReset
    mint_reset_link: MintResetLink
    use_reset_link: UseResetLink
    change_password: ChangeOwnPassword
    keep_email_change: KeepEmailChange
    mint_change_link: MintChangeLink
    use_change_link: UseChangeLink
    read_former_mailbox: ReadFormerMailbox
    sessions: Sessions
    end_session: EndOneSession
    end_all_sessions: EndAllSessions
    prove_anew: ProveAnew
    audit: Audit
    read_factors: ReadFactors
    authenticator: ChangeAuthenticator
    passkeys: MakePasskey
    passkey_log_in: OpenSessionWithPasskey
    api_tokens: HandOutTokens
    verify: VerifyCustomer
    prove_identity: ProveIdentity
    export_data: ExportOwnData
    deletions: Deletions
    standing_processes: StandingProcesses
    delete_account: DeleteOwnAccount
    mint_actor: MintActorToken
    read_customer: ReadCustomer
    sign_operator_in: SignOperatorIn
    show_second_factor: ShowSecondFactor
    enrol_operator: EnrolOperator
    operators: Operators
    give_access: GiveAccess
    take_access: TakeAccess
