<?php

namespace App\Http\Middleware;

/** Notes each request that has been terminated: what applications do after the reply. */
class NoteTheEnd
{
    public function handle($request, \Closure $next)
    {
        return $next($request);
    }

    public function terminate($request, $response): void
    {
        if (is_file($file = storage_path('terminated'))) {
            file_put_contents($file, $request->getPathInfo()."\n", FILE_APPEND);
        }
    }
}
