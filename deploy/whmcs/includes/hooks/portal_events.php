<?php
/**
 * Tells the customer portal that something changed in WHMCS: signed, thin events of ids only (C28, R243, R246).
 *
 * WHMCS has no webhooks; this file belongs into its includes/hooks/. An event is a hint to read again, so it may be
 * lost, doubled or late. Nothing here may slow or break WHMCS: hooks only note what happened, sending begins when the
 * page has been answered, takes a few seconds at most whatever the portal does, and never raises. What could not be
 * sent is kept in the table mod_portal_event and sent after a later cron run.
 *
 * Settings: a PHP file outside of the web root, by default /etc/portal/whmcs-events.php, or the one that the
 * environment variable PORTAL_EVENTS_SETTINGS names: <?php return ['url' => 'https://…/hooks/whmcs', 'secret' => '…'];
 */

if (!defined('WHMCS')) {
    die('This file belongs into WHMCS.');
}

use WHMCS\Database\Capsule;

final class PortalEvents
{
    /** Hook point => where its ids stand: our name => names WHMCS uses. `client` goes beside the event, not into it. */
    public const POINTS = [
        'ClientEdit' => ['client' => ['userid', 'client_id']],
        'ClientClose' => ['client' => ['userid', 'client_id']],
        'CCUpdate' => ['client' => ['userid', 'client_id']],
        'InvoiceCreated' => ['invoice_id' => ['invoiceid']],
        'InvoicePaid' => ['invoice_id' => ['invoiceid']],
        'InvoiceUnpaid' => ['invoice_id' => ['invoiceid']],
        'InvoiceCancelled' => ['invoice_id' => ['invoiceid']],
        'InvoiceRefunded' => ['invoice_id' => ['invoiceid']],
        'InvoiceChangeGateway' => ['invoice_id' => ['invoiceid']],
        'AddInvoicePayment' => ['invoice_id' => ['invoiceid']],
        // WHMCS's documentation spells it so; both are read.
        'AddTransaction' => ['client' => ['userid'], 'invoice_id' => ['invocieid', 'invoiceid']],
        'OrderPaid' => ['client' => ['userId'], 'order_id' => ['orderId'], 'invoice_id' => ['invoiceId']],
        // These three fire before WHMCS does it; ours leave at the end of the request, when it is done.
        'AcceptOrder' => ['order_id' => ['orderid']],
        'CancelOrder' => ['order_id' => ['orderid']],
        'PendingOrder' => ['order_id' => ['orderid']],
        'ServiceEdit' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'ServiceDelete' => ['client' => ['userid', 'clientId'], 'service_id' => ['serviceid']],
        'CancellationRequest' => ['client' => ['userid'], 'service_id' => ['relid']],
        'AfterModuleCreate' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AfterModuleSuspend' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AfterModuleUnsuspend' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AfterModuleTerminate' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AfterModuleChangePackage' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AddonActivated' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AddonCancelled' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AddonSuspended' => ['client' => ['userid'], 'service_id' => ['serviceid']],
        'AddonTerminated' => ['client' => ['userid'], 'service_id' => ['serviceid']],
    ];
    /** Who belongs to an invoice or order whose hook does not say. */
    private const OWNERS = ['invoice_id' => 'tblinvoices', 'order_id' => 'tblorders'];
    private const TABLE = 'mod_portal_event';
    private const CALL_MILLISECONDS = 2000;
    private const ALL_SECONDS = 4.0;
    private const DRAIN_SECONDS = 20.0;
    private const DRAIN_ROWS = 500;
    private const KEPT_DAYS = 2;

    /** @var array<string, array{id: string, event: string, at: string, client: ?int, data: array<string, int>}> */
    private static array $noted = [];

    /** Register with WHMCS. */
    public static function listen(): void
    {
        foreach (array_keys(self::POINTS) as $point) {
            add_hook($point, 1, static function ($vars) use ($point): void {
                self::quietly(static fn () => self::note($point, (array) $vars));
            });
        }
        add_hook('AfterCronJob', 1, static function (): void {
            self::quietly(static fn () => self::drain());
        });
        register_shutdown_function(static function (): void {
            self::quietly(static fn () => self::sendNoted());
        });
    }

    /** Keep ids, nothing else: hooks also carry passwords and card data. The same thing twice in a request is one. */
    private static function note(string $point, array $vars): void
    {
        $vars += (array) ($vars['params'] ?? []);
        $ids = [];
        foreach (self::POINTS[$point] as $ours => $names) {
            foreach ($names as $name) {
                $id = filter_var($vars[$name] ?? null, FILTER_VALIDATE_INT, ['options' => ['min_range' => 1]]);
                if ($id !== false) {
                    $ids[$ours] = $id;
                    break;
                }
            }
        }
        $client = $ids['client'] ?? null;
        unset($ids['client']);
        self::$noted[$point . json_encode([$client, $ids])] ??= [
            'id' => self::uuid(),
            'event' => $point,
            'at' => date(DATE_ATOM),
            'client' => $client,
            'data' => $ids,
        ];
    }

    private static function sendNoted(): void
    {
        $noted = self::$noted;
        self::$noted = [];
        $settings = $noted === [] ? null : self::settings();
        if ($settings === null) {
            return;
        }
        if (function_exists('fastcgi_finish_request')) {
            fastcgi_finish_request(); // the page is answered; only this worker is kept a moment longer
        }
        $until = microtime(true) + self::ALL_SECONDS;
        $kept = [];
        $failure = '';
        foreach ($noted as $one) {
            $body = self::body($one);
            $failure = $failure === '' ? self::post($settings, $one['id'], $body, $until) : $failure;
            if ($failure !== '') {
                $kept[] = ['id' => $one['id'], 'body' => $body, 'created_at' => date('Y-m-d H:i:s')];
            }
        }
        if ($kept !== []) {
            self::log(count($kept) . ' kept for later: ' . $failure);
            Capsule::table(self::TABLE)->insert($kept);
        }
    }

    /** Send what was kept, oldest first, until the first that fails; what is older than two days helps nobody. */
    private static function drain(): void
    {
        $settings = self::settings();
        if ($settings === null) {
            return;
        }
        $old = date('Y-m-d H:i:s', time() - self::KEPT_DAYS * 86400);
        Capsule::table(self::TABLE)->where('created_at', '<', $old)->delete();
        $until = microtime(true) + self::DRAIN_SECONDS;
        foreach (Capsule::table(self::TABLE)->orderBy('created_at')->limit(self::DRAIN_ROWS)->get() as $row) {
            $failure = self::post($settings, $row->id, $row->body, $until);
            if ($failure !== '') {
                self::log('still kept: ' . $failure);
                return;
            }
            Capsule::table(self::TABLE)->where('id', $row->id)->delete();
        }
    }

    private static function body(array $one): string
    {
        $client = $one['client'];
        foreach (self::OWNERS as $name => $table) {
            if ($client === null && isset($one['data'][$name])) {
                $client = (int) Capsule::table($table)->where('id', $one['data'][$name])->value('userid') ?: null;
            }
        }
        return json_encode([
            'id' => $one['id'],
            'event' => $one['event'],
            'occurred_at' => $one['at'],
            'client_id' => $client,
            'data' => (object) $one['data'],
        ], JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES);
    }

    /** Post one event; the time is new for each sending, the id is not. Gives why it was not taken, else ''. */
    private static function post(array $settings, string $id, string $body, float $until): string
    {
        $left = (int) min(self::CALL_MILLISECONDS, ($until - microtime(true)) * 1000);
        if ($left < 1) {
            return 'no time left';
        }
        $timestamp = (string) time();
        $call = curl_init($settings['url']);
        curl_setopt_array($call, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => [
                'Content-Type: application/json',
                'X-Portal-Event-Id: ' . $id,
                'X-Portal-Timestamp: ' . $timestamp,
                'X-Portal-Signature: v1=' . hash_hmac('sha256', $timestamp . '.' . $body, $settings['secret']),
                'Expect:',
            ],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTPS | CURLPROTO_HTTP,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_CONNECTTIMEOUT_MS => min(1000, $left),
            CURLOPT_TIMEOUT_MS => $left,
        ]);
        curl_exec($call);
        $status = curl_getinfo($call, CURLINFO_RESPONSE_CODE);
        $error = curl_error($call);
        curl_close($call);
        return intdiv($status, 100) === 2 ? '' : ($error !== '' ? $error : 'HTTP ' . $status);
    }

    private static function settings(): ?array
    {
        $path = getenv('PORTAL_EVENTS_SETTINGS') ?: '/etc/portal/whmcs-events.php';
        $found = is_readable($path) ? include $path : null;
        if (!is_array($found) || ($found['url'] ?? '') === '' || strlen($found['secret'] ?? '') < 32) {
            self::log('not sent: ' . $path . ' cannot be read, or lacks the url or a secret of at least 32 characters');
            return null;
        }
        return $found;
    }

    private static function uuid(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }

    /** WHMCS goes on whatever happens here. */
    private static function quietly(callable $work): void
    {
        try {
            $work();
        } catch (\Throwable $problem) {
            self::log('lost: ' . get_class($problem) . ': ' . $problem->getMessage());
        }
    }

    private static function log(string $text): void
    {
        try {
            logActivity('Portal events ' . $text);
        } catch (\Throwable $problem) {
            error_log('Portal events ' . $text);
        }
    }
}

PortalEvents::listen();
