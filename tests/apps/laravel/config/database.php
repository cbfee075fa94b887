<?php

return ['default' => getenv('DATABASE_SOCKET') ? 'mysql' : 'sqlite', 'connections' => [
    'sqlite' => ['driver' => 'sqlite', 'database' => database_path('site.sqlite'), 'prefix' => ''],
    'mysql' => ['driver' => 'mysql', 'unix_socket' => getenv('DATABASE_SOCKET'), 'database' => 'site', 'username' => 'tester', 'password' => "se'cret",
        'charset' => 'utf8mb4', 'collation' => 'utf8mb4_unicode_ci', 'prefix' => ''],
]];
