<?php
// A page made of a table, over a connection that is held as ?by= says; also the worker script, which makes one before when it is told to.

function connect(array $options = []): PDO
{
    return new PDO('mysql:dbname=site;unix_socket='.getenv('DATABASE_SOCKET'), 'tester', "se'cret", $options);
}

/** Kept for all requests, and never looked at. */
function kept(): PDO
{
    static $connection;

    return $connection ??= connect();
}

/** Kept, and asked before each request. */
function asked(): PDO
{
    static $connection;
    try {
        $connection?->query('SELECT 1')->fetchAll();
    } catch (PDOException) {
        $connection = null;
    }

    return $connection ??= connect();
}

/** PHP keeps it: what a request asks for is looked at by PHP. */
function persistent(): PDO
{
    return connect([PDO::ATTR_PERSISTENT => true]);
}

function mysqli_persistent(): mysqli
{
    return new mysqli('p:localhost', 'tester', "se'cret", 'site', 0, getenv('DATABASE_SOCKET'));
}

function page(): void
{
    $connection = $_GET['by']();
    $ask = static fn (string $query) => $connection instanceof mysqli ? $connection->query($query)->fetch_row()[0] : $connection->query($query)->fetchColumn();
    $texts = $ask('SELECT GROUP_CONCAT(text ORDER BY id) FROM texts');
    echo json_encode(['worker' => getmypid(), 'connection' => (int) $ask('SELECT CONNECTION_ID()'), 'texts' => $texts, 'left' => $ask('SELECT @left')]);
    $connection->query("SET @left = 'by another request'");
}

if ($how = getenv('BOOT_HOLDS')) {
    $held = $how();
} elseif ($how = getenv('BOOT_DROPS')) {
    $how();
}
if (!function_exists('fpmd_handle_request')) {
    page();
} else {
    while (fpmd_handle_request(page(...))) {
    }
}
