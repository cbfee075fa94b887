@extends('layout')
@section('title', $title)
@section('body')
<table>
@foreach ($rows as $row)
    <tr class="{{ $loop->odd ? 'odd' : 'even' }}"><td>{{ $row['number'] }}</td><td>{{ strtoupper($row['name']) }}</td><td>{{ number_format($row['price'], 2) }}</td>
        <td><a href="{{ route('hello', ['name' => $row['name']]) }}">{{ $loop->last ? 'last' : 'more' }}</a></td></tr>
@endforeach
</table>
@endsection
