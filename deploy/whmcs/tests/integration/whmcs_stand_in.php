<?php
/**
 * As much of WHMCS as the hook file meets: hooks, the activity log, and tables kept in a JSON file between runs.
 *
 * php whmcs_stand_in.php <hook file> <tables.json> <calls.json>: calls are [hook point, variables] in their order.
 */

use WHMCS\Database\Capsule;

require __DIR__ . '/capsule_stand_in.php';
define('WHMCS', true);
error_reporting(E_ALL);
set_error_handler(static function (int $level, string $text): bool {
    throw new ErrorException($text, 0, $level);
});
$hooks = [];

function add_hook(string $point, int $priority, callable $function): void
{
    $GLOBALS['hooks'][$point][] = $function;
}

function logActivity(string $text): void
{
    echo json_encode(['log' => $text]), "\n";
}

[, $hookFile, $tablesFile, $callsFile] = $argv;
Capsule::$tables = json_decode(file_get_contents($tablesFile), true);
require $hookFile;
foreach (json_decode(file_get_contents($callsFile), true) as [$point, $variables]) {
    foreach ($hooks[$point] ?? [] as $function) {
        $function($variables);
    }
}
echo json_encode(['answered' => true]), "\n";
register_shutdown_function(static function () use ($tablesFile): void {
    file_put_contents($tablesFile, json_encode(Capsule::$tables));
});
