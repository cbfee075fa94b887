<?php
// Does what Laravel Octane's FrankenPHP worker does: the application boots once, and each request gets a copy of it, which the services that
// the boot has made are told of. Octane is not in Debian.

use Illuminate\Container\Container;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Facade;

define('LARAVEL_START', microtime(true));

require __DIR__.'/../vendor/autoload.php';

/** From now on facades and helpers mean this one. */
function make_current(Application $app): void
{
    $app->instance('app', $app);
    $app->instance(Container::class, $app);
    Container::setInstance($app);
    Facade::clearResolvedInstances();
    Facade::setFacadeApplication($app);
}

/** A copy of the booted application, without what a request before it may have left in the services. */
function sandbox(Application $booted): Application
{
    $app = clone $booted;
    make_current($app);
    $app->instance('config', clone $booted['config']);
    $app->instance('url', clone $booted['url']);
    $app->make(Kernel::class)->setApplication($app);
    foreach (['auth', 'cache', 'db', 'log', 'router', 'session', 'validator', 'view'] as $name) {
        foreach (['setApplication', 'setContainer'] as $tell) {
            $app->resolved($name) && method_exists($app[$name], $tell) && $app[$name]->$tell($app);
        }
    }
    $app['view']->share('app', $app);
    $app['session']->forgetDrivers();
    $app['auth']->forgetGuards();
    $app['cookie']->flushQueuedCookies();
    $app['translator']->setLocale($app['config']['app.locale']);
    foreach ($app['db']->getConnections() as $connection) {
        $connection->flushQueryLog();
    }

    return $app;
}

$app = require __DIR__.'/../bootstrap/app.php';
$app->instance('request', Request::create($_SERVER['APP_URL'] ?? 'http://localhost'));
$app->make(Kernel::class)->bootstrap();
foreach (['auth', 'cache', 'config', 'cookie', 'db', 'encrypter', 'files', 'hash', 'log', 'router', 'session', 'translator', 'url', 'view'] as $name) {
    $app->make($name);
}
foreach ($app['db']->getConnections() as $connection) {
    $connection->disconnect(); // no fork of this process could share it (worker.requests = 1)
}

$handler = static function () use ($app): void {
    $sandbox = sandbox($app);
    $kernel = $sandbox->make(Kernel::class);
    ob_start();
    $response = $kernel->handle($request = Request::capture());
    $printed = ob_get_clean();
    echo $printed;
    $response->send();
    $kernel->terminate($request, $response);
    if (!getenv('DATABASE_SOCKET') || getenv('DATABASE_CLOSE')) { // kept else, as by Octane
        foreach ($sandbox['db']->getConnections() as $connection) {
            $connection->disconnect(); // as Octane's DisconnectFromDatabases, which its configuration offers
        }
    }
    $sandbox->flush();
    make_current($app);
};
$max = (int) ($_SERVER['MAX_REQUESTS'] ?? 1000);
for ($n = 1; $n <= $max && frankenphp_handle_request($handler); ++$n) {
    if ($n % 100 === 0) {
        gc_collect_cycles(); // Octane's CollectGarbage does so above so many megabytes
    }
}
