<?php
// A connection that outlives the request: which one, and whose.
if ($_GET['by'] === 'pdo') {
    $pdo = new PDO('mysql:host=localhost', 'tester', "se'cret", [PDO::ATTR_PERSISTENT => true]);
    $connection = $pdo->query('SELECT CONNECTION_ID()')->fetchColumn();
} else {
    $mysqli = new mysqli('p:localhost', 'tester', "se'cret");
    $connection = $mysqli->query('SELECT CONNECTION_ID()')->fetch_row()[0];
}
usleep(5000); // so that the other workers get requests as well
header('Content-Type: application/json');
echo json_encode(['worker' => getmypid(), 'generation' => posix_getppid(), 'connection' => (int) $connection]);
