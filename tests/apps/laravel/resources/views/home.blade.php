@extends('layout')
@section('title', 'Home')
@section('body')
<p>you are {{ optional(auth()->user())->name ?? 'nobody' }}</p>
@endsection
