@extends('layout')
@section('title', 'Login')
@section('body')
@error('name')<p class="error">{{ $message }}</p>@enderror
<form method="post">
    @csrf
    <input name="name" value="{{ old('name') }}"> <input name="password" type="password">
    <button>Log in</button>
</form>
@endsection
