<?php
/**
 * Makes what the portal needs in WHMCS: the table of kept events and, for each product, its admin-only custom fields.
 *
 * Run on the WHMCS server:
 *
 *     php set_up_portal.php /path/to/whmcs PRODUCT…            shows what is there and what is missing
 *     php set_up_portal.php /path/to/whmcs PRODUCT… --do       makes what is missing
 *
 * PRODUCT is a product id, or id:sim for a SIM. It changes no field that exists, and a repeat makes nothing twice. At
 * the end it prints the product's part of the file that billing reads as WHMCS_FIELDS_PATH.
 */

if (PHP_SAPI !== 'cli') {
    die('Run this at the command line.');
}

use WHMCS\Database\Capsule;

const PLAIN_FIELDS = ['marker' => 'SF Order Id'];
const SIM_FIELDS = ['marker' => 'SF Order Id', 'eid' => 'EID', 'phone' => 'Phone Number', 'iccid' => 'ICCID'];

function fieldOf(int $product, string $name, bool $do): ?int
{
    $found = Capsule::table('tblcustomfields')->where('type', 'product')->where('relid', $product)->where('fieldname', $name)->first();
    if ($found !== null) {
        if ($found->adminonly !== 'on' || $found->fieldtype !== 'text') {
            fwrite(STDERR, "product $product: \"$name\" exists but is not an admin-only text field; change it by hand\n");
        }
        return (int) $found->id;
    }
    if (!$do) {
        echo "product $product: \"$name\" is missing\n";
        return null;
    }
    return (int) Capsule::table('tblcustomfields')->insertGetId([
        'type' => 'product',
        'relid' => $product,
        'fieldname' => $name,
        'fieldtype' => 'text',
        'description' => 'Written by the customer portal',
        'fieldoptions' => '',
        'regexpr' => '',
        'adminonly' => 'on',
        'required' => '',
        'showorder' => '',
        'showinvoice' => '',
        'sortorder' => 0,
    ]);
}

$arguments = array_slice($argv, 1);
$do = in_array('--do', $arguments, true);
$arguments = array_values(array_diff($arguments, ['--do']));
$root = array_shift($arguments);
if ($root === null || !is_file($root . '/init.php') || $arguments === []) {
    fwrite(STDERR, "usage: php set_up_portal.php /path/to/whmcs PRODUCT… [--do]\n");
    exit(2);
}
require $root . '/init.php';

if (!Capsule::schema()->hasTable('mod_portal_event')) {
    if ($do) {
        Capsule::schema()->create('mod_portal_event', static function ($table): void {
            $table->string('id', 36)->primary();
            $table->text('body');
            $table->dateTime('created_at')->index();
        });
    } else {
        echo "the table mod_portal_event is missing\n";
    }
}

$lines = [];
foreach ($arguments as $argument) {
    [$text, $kind] = explode(':', $argument . ':');
    $product = filter_var($text, FILTER_VALIDATE_INT, ['options' => ['min_range' => 1]]);
    if ($product === false || !in_array($kind, ['', 'sim'], true)) {
        fwrite(STDERR, "not a product: $argument\n");
        exit(2);
    }
    if (Capsule::table('tblproducts')->where('id', $product)->first() === null) {
        fwrite(STDERR, "product $product does not exist\n");
        exit(1);
    }
    $ids = [];
    foreach ($kind === 'sim' ? SIM_FIELDS : PLAIN_FIELDS as $ours => $name) {
        $id = fieldOf($product, $name, $do);
        $ids[] = $ours . ' = ' . ($id ?? '?');
    }
    $lines[] = $product . ' = { ' . implode(', ', $ids) . ' }';
}
echo "[products]\n", implode("\n", $lines), "\n";
