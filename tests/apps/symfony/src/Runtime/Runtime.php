<?php

namespace App\Runtime;

use Symfony\Component\HttpKernel\HttpKernelInterface;
use Symfony\Component\Runtime\RunnerInterface;
use Symfony\Component\Runtime\SymfonyRuntime;

/** Chooses the runner as Symfony 7.4's does. */
class Runtime extends SymfonyRuntime
{
    public function getRunner(?object $application): RunnerInterface
    {
        if ($application instanceof HttpKernelInterface && ($_SERVER['FRANKENPHP_WORKER'] ?? false)) {
            return new WorkerRunner($application, (int) ($_SERVER['FRANKENPHP_LOOP_MAX'] ?? 500));
        }

        return parent::getRunner($application);
    }
}
