@extends('layout')
@section('title', 'Notes')
@section('body')
@if (session('notice'))<p class="notice">{{ session('notice') }}</p>@endif
@error('text')<p class="error">{{ $message }}</p>@enderror
<ul>@foreach ($notes as $note)<li>{{ auth()->user()->name }}: {{ $note->text }}</li>@endforeach</ul>
<form method="post">
    @csrf
    <textarea name="text"></textarea> <button>Save</button>
</form>
@endsection
