<?php

namespace App\Runtime;

use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\HttpKernel\TerminableInterface;
use Symfony\Component\Runtime\RunnerInterface;

/** Does what the FrankenPHP runner of Symfony 7.4 and of runtime/frankenphp-symfony does: one kernel for many requests, terminated after each. */
class WorkerRunner implements RunnerInterface
{
    public function __construct(private HttpKernelInterface $kernel, private int $loopMax)
    {
    }

    public function run(): int
    {
        ignore_user_abort(true);
        $boot = array_filter($_SERVER, static fn (string $name) => !str_starts_with($name, 'HTTP_'), ARRAY_FILTER_USE_KEY);
        $boot['APP_RUNTIME_MODE'] = 'web=1&worker=1';
        $request = $response = null;
        $handler = function () use ($boot, &$request, &$response): void {
            $_SERVER += $boot;
            $request = Request::createFromGlobals();
            $response = $this->kernel->handle($request);
            $response->send();
        };
        $served = 0;
        do {
            $more = frankenphp_handle_request($handler);
            if ($this->kernel instanceof TerminableInterface && $request && $response) {
                $this->kernel->terminate($request, $response);
            }
            gc_collect_cycles();
        } while ($more && ($this->loopMax <= 0 || ++$served < $this->loopMax));

        return 0;
    }
}
