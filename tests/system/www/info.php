<?php
header('Content-Type: application/json');
echo json_encode([
    'sapi' => PHP_SAPI,
    'user' => posix_geteuid(),
    'method' => $_SERVER['REQUEST_METHOD'],
    'script' => $_SERVER['SCRIPT_FILENAME'],
    'script_name' => $_SERVER['SCRIPT_NAME'],
    'path_info' => $_SERVER['PATH_INFO'] ?? null,
    'query' => $_SERVER['QUERY_STRING'] ?? null,
    'content_type' => $_SERVER['CONTENT_TYPE'] ?? null,
    'proxy' => $_SERVER['HTTP_PROXY'] ?? null,
    'authorization' => $_SERVER['HTTP_AUTHORIZATION'] ?? null,
    'body' => file_get_contents('php://input'),
    'loadavg' => sys_getloadavg() !== false,
]);
