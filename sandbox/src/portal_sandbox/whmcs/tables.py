"""The state of the WHMCS stand-in. Money is stored in hundredths of a yen because the API takes two decimals."""

TABLES = """
CREATE TABLE IF NOT EXISTS whmcs_user (
    id INTEGER PRIMARY KEY AUTOINCREMENT, firstname TEXT NOT NULL, lastname TEXT NOT NULL, email TEXT NOT NULL UNIQUE
    COLLATE NOCASE, password_hash TEXT NOT NULL, two_factor INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL,
    lastlogin TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS whmcs_client (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL, owner_user_id INTEGER NOT NULL, firstname TEXT NOT NULL,
    lastname TEXT NOT NULL, companyname TEXT NOT NULL, email TEXT NOT NULL COLLATE NOCASE, address1 TEXT NOT NULL,
    address2 TEXT NOT NULL, city TEXT NOT NULL, state TEXT NOT NULL, postcode TEXT NOT NULL, country TEXT NOT NULL,
    phonenumber TEXT NOT NULL, tax_id TEXT NOT NULL DEFAULT '', notes TEXT NOT NULL DEFAULT '',
    groupid INTEGER NOT NULL DEFAULT 0, currency INTEGER NOT NULL DEFAULT 1, defaultgateway TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'Active', credit INTEGER NOT NULL DEFAULT 0, language TEXT NOT NULL DEFAULT '',
    allow_sso INTEGER NOT NULL DEFAULT 1, marketing INTEGER NOT NULL DEFAULT 0, taxexempt INTEGER NOT NULL DEFAULT 0,
    separateinvoices INTEGER NOT NULL DEFAULT 0, disableautocc INTEGER NOT NULL DEFAULT 0,
    email_preferences TEXT NOT NULL DEFAULT '{}', lastlogin TEXT NOT NULL DEFAULT '', created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_user_client (
    user_id INTEGER NOT NULL, client_id INTEGER NOT NULL, is_owner INTEGER NOT NULL, PRIMARY KEY (user_id, client_id)
);
CREATE TABLE IF NOT EXISTS whmcs_pay_method (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, type TEXT NOT NULL, description TEXT NOT NULL,
    gateway TEXT NOT NULL, last_four TEXT NOT NULL, card_type TEXT NOT NULL, expiry TEXT NOT NULL,
    bank_name TEXT NOT NULL DEFAULT '', token TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_product (
    pid INTEGER PRIMARY KEY, gid INTEGER NOT NULL, groupname TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL, paytype TEXT NOT NULL, cycle TEXT NOT NULL, price INTEGER NOT NULL, module TEXT NOT NULL,
    retired INTEGER NOT NULL DEFAULT 0, recurring_limit INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_custom_field (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, relid INTEGER NOT NULL, name TEXT NOT NULL,
    admin_only INTEGER NOT NULL DEFAULT 0, required INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_custom_value (
    field_id INTEGER NOT NULL, relid INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (field_id, relid)
);
CREATE TABLE IF NOT EXISTS whmcs_config_value (
    option_id INTEGER NOT NULL, service_id INTEGER NOT NULL, value_id INTEGER NOT NULL,
    PRIMARY KEY (option_id, service_id)
);
CREATE TABLE IF NOT EXISTS whmcs_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ordernum TEXT NOT NULL, client_id INTEGER NOT NULL, date TEXT NOT NULL,
    amount INTEGER NOT NULL, paymentmethod TEXT NOT NULL, invoice_id INTEGER NOT NULL, status TEXT NOT NULL,
    ip TEXT NOT NULL, notes TEXT NOT NULL, promocode TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS whmcs_service (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL, client_id INTEGER NOT NULL, pid INTEGER NOT NULL,
    regdate TEXT NOT NULL, domain TEXT NOT NULL, firstpayment INTEGER NOT NULL, recurring INTEGER NOT NULL,
    paymentmethod TEXT NOT NULL, billingcycle TEXT NOT NULL, nextduedate TEXT NOT NULL, nextinvoicedate TEXT NOT NULL,
    status TEXT NOT NULL, suspendreason TEXT NOT NULL DEFAULT '', terminationdate TEXT NOT NULL DEFAULT '',
    subscriptionid TEXT NOT NULL DEFAULT '', username TEXT NOT NULL DEFAULT '', password TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '', overideautosuspend TEXT NOT NULL DEFAULT '',
    overidesuspenduntil TEXT NOT NULL DEFAULT '', promoid INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_invoice (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, date TEXT NOT NULL, duedate TEXT NOT NULL,
    datepaid TEXT NOT NULL DEFAULT '', status TEXT NOT NULL, paymentmethod TEXT NOT NULL,
    notes TEXT NOT NULL DEFAULT '', credit INTEGER NOT NULL DEFAULT 0, lastcapture TEXT NOT NULL DEFAULT '',
    refunded TEXT NOT NULL DEFAULT '', cancelled TEXT NOT NULL DEFAULT '', created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_invoice_item (
    id INTEGER PRIMARY KEY AUTOINCREMENT, invoice_id INTEGER NOT NULL, type TEXT NOT NULL, relid INTEGER NOT NULL,
    description TEXT NOT NULL, amount INTEGER NOT NULL, taxed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_transaction (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, gateway TEXT NOT NULL, date TEXT NOT NULL,
    description TEXT NOT NULL, amountin INTEGER NOT NULL, fees INTEGER NOT NULL DEFAULT 0,
    amountout INTEGER NOT NULL DEFAULT 0, transid TEXT NOT NULL, invoice_id INTEGER NOT NULL, refundid INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_credit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, date TEXT NOT NULL, description TEXT NOT NULL,
    amount INTEGER NOT NULL, relid INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_billable_item (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, description TEXT NOT NULL,
    amount INTEGER NOT NULL, quantity TEXT NOT NULL, unit TEXT NOT NULL, invoiceaction TEXT NOT NULL,
    duedate TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_cancel_request (
    id INTEGER PRIMARY KEY AUTOINCREMENT, date TEXT NOT NULL, service_id INTEGER NOT NULL, reason TEXT NOT NULL,
    type TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_upgrade (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service_id INTEGER NOT NULL, order_id INTEGER NOT NULL,
    invoice_id INTEGER NOT NULL, new_pid INTEGER NOT NULL, new_cycle TEXT NOT NULL, status TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_module_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service_id INTEGER NOT NULL, module TEXT NOT NULL, action TEXT NOT NULL,
    error TEXT NOT NULL, retries INTEGER NOT NULL, attempted TEXT NOT NULL, completed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_sso_token (
    token TEXT PRIMARY KEY, client_id INTEGER NOT NULL, user_id INTEGER NOT NULL, path TEXT NOT NULL,
    expires TEXT NOT NULL, redeemed TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS whmcs_session (
    cookie TEXT PRIMARY KEY, client_id INTEGER NOT NULL, user_id INTEGER NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, client_id INTEGER NOT NULL, template TEXT NOT NULL,
    subject TEXT NOT NULL, message TEXT NOT NULL, relid INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS whmcs_hook_event (
    id TEXT PRIMARY KEY, at TEXT NOT NULL, body TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS whmcs_cron (only INTEGER PRIMARY KEY CHECK (only = 1), last_day TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS whmcs_failed_login (ip TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS whmcs_service_client ON whmcs_service (client_id);
CREATE INDEX IF NOT EXISTS whmcs_service_order ON whmcs_service (order_id);
CREATE INDEX IF NOT EXISTS whmcs_order_client ON whmcs_order (client_id);
CREATE INDEX IF NOT EXISTS whmcs_invoice_client ON whmcs_invoice (client_id);
CREATE INDEX IF NOT EXISTS whmcs_item_invoice ON whmcs_invoice_item (invoice_id);
CREATE INDEX IF NOT EXISTS whmcs_transaction_invoice ON whmcs_transaction (invoice_id);
CREATE INDEX IF NOT EXISTS whmcs_value_rel ON whmcs_custom_value (relid);
"""
