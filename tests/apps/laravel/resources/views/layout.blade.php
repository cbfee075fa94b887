<!doctype html>
<title>@yield('title')</title>
<nav><a href="{{ route('home') }}">home</a> <a href="{{ route('notes') }}">notes</a> @auth {{ auth()->user()->name }} @else nobody @endauth</nav>
@yield('body')
