<?php

return ['default' => 'errorlog', 'channels' => ['errorlog' => ['driver' => 'errorlog', 'level' => 'debug'],
    'null' => ['driver' => 'monolog', 'handler' => Monolog\Handler\NullHandler::class]]];
