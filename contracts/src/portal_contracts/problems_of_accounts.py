"""Problems of a customer's own account: second factors, passkeys, tokens, linking, verification."""

from typing import Final

from portal_contracts.problem_entry import ProblemEntry, later, ours, refused

PROBLEMS_OF_ACCOUNTS: Final[tuple[ProblemEntry, ...]] = (
    refused(
        "SECOND_FACTOR_REQUIRED",
        401,
        "Please also give the code of your authenticator app, or a recovery code.",
        "認証アプリのコード、またはリカバリーコードも入力してください。",
        "The password was right and the customer has an authenticator; no code came with it.",
    ),
    refused(
        "SECOND_FACTOR_WRONG",
        422,
        "This code is wrong or was used before. Please enter the one your app shows now, or that of our latest mail.",
        "コードが正しくないか、すでに使用されています。認証アプリに現在表示されているコード、または最新のメールに記載のコードを入力してください。",
        "A one-time or recovery code did not fit: at a log-in or step-up whose password was right, while an "
        "authenticator was set up, or an account linked.",
    ),
    refused(
        "LONGER_PASSWORD_NEEDED",
        409,
        "Your password is short and only safe with a second factor. Please set a longer one first.",
        "現在のパスワードは短いため、二段階認証を解除する前に、より長いパスワードを設定してください。",
        "The authenticator protects a password shorter than a password alone may be (NIST 800-63B-4).",
    ),
    refused(
        "PASSKEY_REFUSED",
        422,
        "This passkey could not be added. Please start again.",
        "パスキーを登録できませんでした。最初からやり直してください。",
        "The challenge is over or another's, or what the authenticator made does not check or is known.",
    ),
    refused(
        "LIMIT_REACHED",
        409,
        "You have {limit} of these. Please remove one first.",
        "登録できる数は{limit}件までです。先に不要なものを削除してください。",
        "The customer has as many passkeys or API tokens as one may have.",
    ),
    refused(
        "SCOPE_MISSING",
        403,
        "This API token may not do that: it needs the scope {scope}.",
        "このAPIトークンではこの操作を実行できません（必要なスコープ：{scope}）。",
        "An API token was used for something outside of its scopes.",
    ),
    refused(
        "EMAIL_LINK_INVALID",
        404,
        "This link is used up or too old. Please change your e-mail address again.",
        "このリンクは無効です。もう一度メールアドレスの変更をお試しください。",
        "The link of an e-mail change is unknown, used, expired or replaced, or somebody else has the address now.",
    ),
    refused(
        "LINKING_OVER",
        404,
        "This linking is over. Please start it again.",
        "この連携手続きは終了しています。最初からやり直してください。",
        "The linking is unknown or too old, its code is too old, or too many codes were tried.",
    ),
    refused(
        "LINKING_NOT_POSSIBLE",
        409,
        "We could not link your account by ourselves. Our staff will check and contact you.",
        "アカウントを自動的に連携できませんでした。担当者が確認し、ご連絡いたします。",
        "The WHMCS log-in is right, but it owns no single client, or no Salesforce account fits its Customer Number; "
        "or an open sign-up's mailbox is on several accounts, or on one without a number (C08). Case {case_id}.",
        owner="staff",
    ),
    refused(
        "DOCUMENT_REFUSED",
        422,
        "Please send a JPEG, PNG or PDF of at most {megabytes} MB.",
        "{megabytes}MB以下のJPEG、PNG、またはPDFファイルをお送りください。",
        "A document is no JPEG, PNG or PDF by its content, is too large, or Salesforce does not take it (C41).",
    ),
    refused(
        "VERIFICATION_NOT_POSSIBLE",
        409,
        "This is not needed here: you are verified already, or are verified in another way.",
        "この手続きは不要です。本人確認が完了しているか、別の方法で確認いたします。",
        "The customer is verified, or the commodity's method is another one (C26): PORTAL_VERIFICATION_METHODS.",
    ),
    refused(
        "IDENTITY_NOT_PROVEN",
        409,
        "Your identity check was cancelled or could not be completed. Nothing has changed; please start it again.",
        "本人確認が中止されたか、完了できませんでした。登録内容に変更はありません。もう一度最初からお試しください。",
        "The eKYC provider said no, the customer cancelled, or its answer does not check; the log says which (C26).",
    ),
    refused(
        "IDENTITY_CHECK_OVER",
        404,
        "This identity check is over. Please start it again.",
        "この本人確認は終了しています。もう一度最初からお試しください。",
        "The state of an eKYC check is unknown, used, too old, or of another session (C26).",
    ),
    refused(
        "PERSON_INCOMPLETE",
        409,
        "We do not have everything on file that your identity is compared with. Our staff will look at it.",
        "本人確認に必要なご登録内容が不足しています。担当者が確認いたします。",
        "The customer's contact or account lacks what an eKYC check compares: {missing}. A case is open (C26).",
        owner="staff",
    ),
    later(
        "IDENTITY_PROVIDER_UNAVAILABLE",
        "vendor",
        "Identities cannot be checked right now. Nothing has changed; please start again in a few minutes.",
        "ただいま本人確認サービスをご利用いただけません。登録内容に変更はありません。数分後にもう一度最初からお試しください。",
        "The eKYC provider does not answer (C26).",
        after=60,
    ),
    ours("IDENTITY_PROVIDER_MISCONFIGURED", "The eKYC provider refuses our set-up: {message}"),
    refused(
        "DELETION_NOT_POSSIBLE",
        409,
        "You still have a service. Please cancel it first; then your account can be deleted.",
        "ご利用中のサービスがあります。解約後にアカウントの削除をお申し込みください。",
        "A service of the client is pending, active or suspended in WHMCS, so its customer cannot be forgotten (D17).",
    ),
    refused(
        "DELETION_ORDER_OPEN",
        409,
        "An order of yours is still being reviewed or set up. Your account can be deleted when that is over.",
        "審査中または開通作業中のご注文があります。完了後にアカウントの削除をお申し込みください。",
        "An order or checkout of the account is in review or being set up, so its customer cannot be forgotten (D17).",
    ),
    refused(
        "DELETION_CANCELLATION_OPEN",
        409,
        "A cancellation of yours is not complete yet. Your account can be deleted when it is.",
        "解約手続きが完了していません。完了後にアカウントの削除をお申し込みください。",
        "A cancellation of the account has not come to its end, so its customer cannot be forgotten (D17).",
    ),
)
