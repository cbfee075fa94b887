@extends('layout')
@section('title', auth()->user()->name)
@section('body')
<p>{{ auth()->user()->name }}, visit {{ $visits }}</p>
@endsection
