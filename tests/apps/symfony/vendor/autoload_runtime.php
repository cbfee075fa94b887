<?php
// What the Composer plugin of symfony/runtime would make, with the runtime that from Symfony 7.4 on is the default.

require_once __DIR__.'/autoload.php';

$app = require $_SERVER['SCRIPT_FILENAME'];
$runtime = new App\Runtime\Runtime(['project_dir' => dirname(__DIR__), 'disable_dotenv' => true]);
[$app, $args] = $runtime->getResolver($app)->resolve();

exit($runtime->getRunner($app(...$args))->run());
