<?php
// Takes as long as it is asked to, and says who it was.
$began = microtime(true);
usleep((int) ($_GET['us'] ?? 0));
header('Content-Type: application/json');
echo json_encode(['worker' => getmypid(), 'generation' => posix_getppid(), 'began' => $began]);
