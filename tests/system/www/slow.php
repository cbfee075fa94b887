<?php
// Each function takes two seconds or more, in a different way.

function in_sleep()
{
    sleep(2); // in_sleep
}

function in_loop()
{
    $end = microtime(true) + 2;
    while (microtime(true) < $end) $GLOBALS['count'] = ($GLOBALS['count'] ?? 0) + 1; // in_loop
}

function in_lock()
{
    $path = tempnam(sys_get_temp_dir(), 'lock');
    $holder = proc_open(['flock', $path, 'sh', '-c', 'echo held; exec sleep 2'], [1 => ['pipe', 'w']], $pipes);
    if (fgets($pipes[1]) !== "held\n") {
        throw new Exception('the lock is not held');
    }
    flock(fopen($path, 'r'), LOCK_EX); // in_lock
    proc_close($holder);
}

function in_pdo()
{
    $pdo = new PDO('mysql:host=localhost', 'tester', "se'cret");
    $pdo->query('SELECT SLEEP(2)')->fetchAll(); // in_pdo
}

class Report
{
    function in_mysqli()
    {
        $mysqli = new mysqli('localhost', 'tester', "se'cret");
        $mysqli->query('SELECT SLEEP(2)'); // in_mysqli
    }
}

$how = $_GET['how'];
is_callable($how) ? $how() : (new Report())->$how(); // main
echo "done $how\n";
