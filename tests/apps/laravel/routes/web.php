<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

Route::get('/', fn () => view('home'))->name('home');
Route::get('/page', fn (Request $request) => view('page', ['title' => $request->query('title', 'none'),
    'rows' => collect(range(1, 20))->map(fn (int $i) => ['number' => $i, 'name' => "row & $i", 'price' => $i * 1.5])]));
Route::get('/login', fn () => view('login'))->name('login');
Route::post('/login', function (Request $request) {
    if (!Auth::attempt($request->only('name', 'password'))) {
        return back()->withErrors(['name' => 'unknown'])->withInput();
    }
    $request->session()->regenerate();

    return redirect()->route('account');
});
Route::get('/logout', function (Request $request) {
    Auth::logout();
    $request->session()->invalidate();

    return redirect()->route('home');
});
Route::get('/away', fn () => redirect()->route('hello', ['name' => 'redirected']));
Route::get('/fail', fn () => throw new DomainException('thrown by a route'));
Route::get('/leave', function () {
    echo 'left by exit()';
    exit;
});
Route::get('/cookie', fn (Request $request) => response('cookie of '.$request->cookie('who', 'nobody'))
    ->withCookie(cookie('who', $request->query('who'), 60)));
Route::get('/download', fn () => response()->download(__FILE__, 'routes.txt', ['Content-Type' => 'text/x-php']));
Route::get('/stream', fn () => response()->stream(function () {
    for ($i = 0; $i < 5; ++$i) {
        echo str_repeat("$i", 1000), "\n";
        flush();
    }
}));
Route::get('/state', fn (Request $request) => [
    'method' => $request->method(), 'query' => $request->query(), 'cookies' => array_keys($request->cookies->all()),
    'agent' => $request->userAgent(), 'locale' => app()->getLocale(), 'user' => Auth::user()?->name, 'error' => error_get_last(),
    'session' => array_keys($request->session()->all()), 'zone' => date_default_timezone_get(),
    'url' => url('/x'), 'route' => Route::currentRouteName(), 'limit' => ini_get('max_execution_time'),
]);
Route::middleware('auth')->group(function () {
    Route::get('/account', function (Request $request) {
        $request->session()->increment('visits');

        return view('account', ['visits' => $request->session()->get('visits')]);
    })->name('account');
    Route::get('/notes', fn (Request $request) => view('notes', ['notes' => $request->user()->notes]))->name('notes');
    Route::post('/notes', function (Request $request) {
        $request->validate(['text' => 'required|max:100']);
        $note = $request->user()->notes()->create($request->only('text'));

        return redirect()->route('notes')->with('notice', "saved: $note->text");
    });
});
