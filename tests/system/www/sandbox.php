<?php
// What applications do beside computing pages; each line is one need.
$file = tempnam(sys_get_temp_dir(), 'fpmd');
$folder = '/var/www/html/uploads';
header('Content-Type: application/json');
echo json_encode([
    'temporary file' => file_put_contents($file, 'x') === 1,
    'file below the document root' => file_put_contents("$folder/x", 'x') === 1,
    'chmod' => chmod("$folder/x", 0640),
    'chgrp to an own group' => chgrp("$folder/x", posix_getegid()),
    'session' => session_start(),
    'shell' => trim((string) shell_exec('echo shell')) === 'shell',
    'process with pipes' => is_resource(proc_open(['/bin/cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes)),
    'name resolution' => gethostbyname('localhost') === '127.0.0.1',
    'TCP client' => is_resource(stream_socket_client('tcp://127.0.0.1:80')),
    'compiled patterns' => preg_match('/^(a+)+b$/', str_repeat('a', 20) . 'b') === 1 && ini_get('pcre.jit') === '1',
    'random bytes' => strlen(random_bytes(8)) === 8,
    'load average' => is_array(sys_getloadavg()),
    'opcache' => function_exists('opcache_get_status') && opcache_get_status(false)['opcache_enabled'],
]);
